// The batch commands of bpf(2), since Linux 5.6: many elements for one system call, in bytes; element by
// element where the kernel has no batch for the type of map, or none that can tell new from known.

import { struct, u32, u64 } from '../../asm/index.ts';
import { ERRNO, errnoName, LoaderError } from '../errors.ts';
import { BPF_MAP_DELETE_BATCH, BPF_MAP_LOOKUP_BATCH, BPF_MAP_UPDATE_BATCH } from './abi.ts';
import { Frame, spaceFor } from './frame.ts';
import {
  deleteElement,
  lookupElement,
  type MapHandle,
  mapError,
  nextKey,
  type UpdateMode,
  updateElement,
} from './map-commands.ts';

const { offsets: batch, size: batchSize } = struct('bpf_attr_batch', {
  in_batch: u64,
  out_batch: u64,
  keys: u64,
  values: u64,
  count: u32,
  map_fd: u32,
  elem_flags: u64,
  flags: u64,
});

/** Keys and values handed to the kernel at once, which allocates as much itself. */
const MAX_BATCH_BYTES = 1024 * 1024;
/** The first attempt of a look-up; a hash bucket longer than this makes the kernel ask for more room. */
const LOOKUP_COUNT = 4096;
/** Batches that fail for want of memory without a single element done, before the error is believed. */
const MAX_STALLS = 16;
/** The token of a hash is a bucket's number, that of others a key. */
const MIN_TOKEN = 4;

/** Elements laid end to end, as the kernel takes and gives them. */
export interface Elements {
  readonly count: number;
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
}

/** A batch that stopped; the first `processed` of its elements are done. */
export class BatchError extends LoaderError {
  override readonly name: string = 'BatchError';
  readonly processed: number;

  constructor(what: string, reason: LoaderError, processed: number, count: number) {
    super(`${what}: element ${processed + 1} of ${count}: ${reason.message}`, {
      code: reason.code,
      cause: reason,
      ...(reason.syscall === undefined ? {} : { syscall: reason.syscall }),
      ...(reason.errno === undefined ? {} : { errno: reason.errno }),
      ...(reason.object === undefined ? {} : { object: reason.object }),
    });
    this.processed = processed;
  }
}

/** Errors by which kernels say that they have no batch for this map. */
const unsupported = (result: number): boolean =>
  result === -ERRNO.EINVAL || result === -ERRNO.ENOTSUPP || result === -ERRNO.EOPNOTSUPP;

/** Writes every element. @throws BatchError at the first that cannot be written. */
export function updateBatch(map: MapHandle, elements: Elements, mode: UpdateMode): void {
  // Kernels take no BPF_NOEXIST or BPF_EXIST in a batch, so these go one by one.
  const done = mode === 'any' ? inChunks(map, elements, 'update') : 0;
  for (let i = done; i < elements.count; i++) {
    const outcome = attempt('cannot write', i, elements.count, () =>
      updateElement(map, keyAt(map, elements, i), valueAt(map, elements, i), mode),
    );
    if (outcome === 'done') continue;
    const reason = refusal(map, 'BPF_MAP_UPDATE_ELEM', outcome === 'exists' ? ERRNO.EEXIST : ERRNO.ENOENT);
    throw new BatchError('cannot write', reason, i, elements.count);
  }
}

/** Deletes every key. @throws BatchError with code `ENOENT` at the first that is not there. */
export function deleteBatch(map: MapHandle, keys: Uint8Array, count: number): void {
  const elements = { count, keys, values: new Uint8Array() };
  for (let i = inChunks(map, elements, 'delete'); i < count; i++) {
    const found = attempt('cannot delete', i, count, () => deleteElement(map, keyAt(map, elements, i)));
    if (!found)
      throw new BatchError('cannot delete', refusal(map, 'BPF_MAP_DELETE_ELEM', ERRNO.ENOENT), i, count);
  }
}

/**
 * Every element there is; those that others add or delete meanwhile may be in it or not.
 *
 * @param first how many to ask for at first; more when the kernel finds that too few for a bucket
 */
export function lookupBatch(map: MapHandle, first: number = LOOKUP_COUNT): Elements {
  const tokenSize = Math.max(MIN_TOKEN, map.keySize);
  const found: { keys: Uint8Array[]; values: Uint8Array[] } = { keys: [], values: [] };
  let room = Math.min(first, chunkLength(map, map.transferSize), map.maxEntries);
  let total = 0;
  let token: Uint8Array | undefined;
  for (;;) {
    const frame = new Frame(
      batchSize,
      2 * spaceFor(tokenSize) + spaceFor(room * map.keySize) + spaceFor(room * map.transferSize),
    );
    frame.u32(batch.map_fd, map.fd);
    frame.u32(batch.count, room);
    if (token !== undefined) frame.pointer(batch.in_batch, frame.put(token));
    const out = frame.reserve(tokenSize);
    const keys = frame.reserve(room * map.keySize);
    const values = frame.reserve(room * map.transferSize);
    frame.pointer(batch.out_batch, out);
    frame.pointer(batch.keys, keys);
    frame.pointer(batch.values, values);
    const result = frame.call(BPF_MAP_LOOKUP_BATCH);
    if (result === -ERRNO.ENOSPC && room < map.maxEntries) {
      room = Math.min(room * 2, map.maxEntries);
      continue;
    }
    if (unsupported(result) && token === undefined) return lookupEach(map);
    if (result < 0 && result !== -ERRNO.ENOENT) {
      throw mapError(result, 'BPF_MAP_LOOKUP_BATCH', `cannot list map '${map.name}'`, map);
    }
    const count = frame.getU32(batch.count);
    found.keys.push(frame.read(keys, count * map.keySize));
    found.values.push(frame.read(values, count * map.transferSize));
    total += count;
    if (result === -ERRNO.ENOENT) return { count: total, keys: join(found.keys), values: join(found.values) };
    token = frame.read(out, tokenSize);
  }
}

/** The same by single look-ups. A key deleted under our feet makes the kernel start again: hence the set. */
function lookupEach(map: MapHandle): Elements {
  const seen = new Set<string>();
  const keys: Uint8Array[] = [];
  const values: Uint8Array[] = [];
  let key = nextKey(map, undefined);
  // Twice the size of the map: a walk that others keep disturbing comes to an end too.
  for (let steps = 0; key !== undefined && steps < 2 * map.maxEntries; steps++) {
    const name = Buffer.from(key).toString('latin1');
    const value = seen.has(name) ? undefined : lookupElement(map, key);
    if (value !== undefined) {
      seen.add(name);
      keys.push(key);
      values.push(value);
    }
    key = nextKey(map, key);
  }
  return { count: keys.length, keys: join(keys), values: join(values) };
}

/** @returns how many elements are done: all, or none where the kernel has no batch for this map. */
function inChunks(map: MapHandle, elements: Elements, kind: 'update' | 'delete'): number {
  const valueSize = kind === 'update' ? map.transferSize : 0;
  const command = kind === 'update' ? BPF_MAP_UPDATE_BATCH : BPF_MAP_DELETE_BATCH;
  const chunk = chunkLength(map, valueSize);
  let done = 0;
  let stalled = 0;
  while (done < elements.count) {
    const count = Math.min(chunk, elements.count - done);
    const frame = new Frame(batchSize, spaceFor(count * map.keySize) + spaceFor(count * valueSize));
    frame.u32(batch.map_fd, map.fd);
    frame.u32(batch.count, count);
    const slice = (data: Uint8Array, size: number) => data.subarray(done * size, (done + count) * size);
    frame.pointer(batch.keys, frame.put(slice(elements.keys, map.keySize)));
    if (valueSize > 0) frame.pointer(batch.values, frame.put(slice(elements.values, valueSize)));
    const result = frame.call(command);
    if (result === 0) {
      done += count;
      continue;
    }
    if (unsupported(result) && done === 0) return 0;
    // A refusal before the first element leaves the count as it was.
    const reported = frame.getU32(batch.count);
    const processed = reported < count ? reported : 0;
    done += processed;
    // The reserve of a map without preallocation is refilled in the background: carry on where it stopped.
    stalled = processed > 0 ? 0 : stalled + 1;
    if (result === -ERRNO.ENOMEM && stalled < MAX_STALLS) continue;
    const verb = kind === 'update' ? 'write to' : 'delete from';
    const reason = mapError(
      result,
      `BPF_MAP_${kind.toUpperCase()}_BATCH`,
      `cannot ${verb} map '${map.name}'`,
      map,
    );
    throw new BatchError(`cannot ${kind === 'update' ? 'write' : 'delete'}`, reason, done, elements.count);
  }
  return done;
}

const chunkLength = (map: MapHandle, valueSize: number): number =>
  Math.max(1, Math.floor(MAX_BATCH_BYTES / (map.keySize + valueSize)));

const keyAt = (map: MapHandle, { keys }: Elements, i: number): Uint8Array =>
  keys.subarray(i * map.keySize, (i + 1) * map.keySize);

const valueAt = (map: MapHandle, { values }: Elements, i: number): Uint8Array =>
  values.subarray(i * map.transferSize, (i + 1) * map.transferSize);

function attempt<T>(what: string, done: number, count: number, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof LoaderError) throw new BatchError(what, error, done, count);
    throw error;
  }
}

function refusal(map: MapHandle, command: string, errno: number): LoaderError {
  const why = errno === ERRNO.EEXIST ? 'the key is there already' : 'the key is not there';
  return new LoaderError(`map '${map.name}': ${why} (${errnoName(errno)})`, {
    code: errnoName(errno),
    syscall: `bpf(${command})`,
    errno,
    object: `map '${map.name}'`,
  });
}

const join = (parts: readonly Uint8Array[]): Uint8Array => {
  const only = parts.length === 1 ? parts[0] : undefined;
  return only ?? Buffer.concat(parts);
};
