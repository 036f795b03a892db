// BPF_MAP_UPDATE_BATCH and BPF_MAP_DELETE_BATCH, since Linux 5.6: many elements for one system call, in bytes; element by
// element where the kernel has no batch for the type of map, or none that can tell new from known. Listing is in walk.ts.

import { struct, u32, u64 } from '../../asm/data.ts';
import { ERRNO, errnoName, LoaderError } from '../errors.ts';
import { BPF_MAP_DELETE_BATCH, BPF_MAP_UPDATE_BATCH } from './abi.ts';
import { BatchError } from './batch-error.ts';
import { Frame, spaceFor } from './frame.ts';
import { ElementCalls, type MapHandle, type UpdateMode, unsupported } from './map-commands.ts';
import { mapError } from './map-create.ts';

type BatchField = 'in_batch' | 'out_batch' | 'keys' | 'values' | 'count' | 'map_fd' | 'elem_flags' | 'flags';

/** `batch` of union bpf_attr. */
const layout = struct('bpf_attr_batch', {
  in_batch: u64,
  out_batch: u64,
  keys: u64,
  values: u64,
  count: u32,
  map_fd: u32,
  elem_flags: u64,
  flags: u64,
});

export const batchSize: number = layout.size;
export const batch: { readonly [F in BatchField]: number } = layout.offsets;

/** Keys and values handed to the kernel at once. */
const MAX_BATCH_BYTES = 1024 * 1024;
/** Batches that fail for a passing reason without a single element done, before the error is believed. */
const MAX_STALLS = 16;

/** Elements laid end to end, as the kernel takes and gives them. */
export interface Elements {
  readonly count: number;
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
}

export interface DeleteOptions {
  /** Passes over keys that are not there, instead of stopping at the first. */
  readonly missing?: 'stop' | 'skip';
}

/** Writes every element. @throws BatchError at the first that cannot be written. */
export function updateBatch(map: MapHandle, elements: Elements, mode: UpdateMode): void {
  requireSizes(map, elements);
  // Kernels take no BPF_NOEXIST or BPF_EXIST in a batch, so these go one by one.
  const done = mode === 'any' ? inChunks(map, elements, 'update', 'stop') : 0;
  if (done === elements.count) return;
  const calls = new ElementCalls(map);
  for (let i = done; i < elements.count; i++) {
    const outcome = attempt('cannot write', i, elements.count, () => {
      calls.putKey(keyAt(map, elements, i));
      calls.putValue(elements.values.subarray(i * map.transferSize, (i + 1) * map.transferSize));
      return calls.update(mode);
    });
    if (outcome === 'done') continue;
    const reason = refusal(map, 'BPF_MAP_UPDATE_ELEM', outcome === 'exists' ? ERRNO.EEXIST : ERRNO.ENOENT);
    throw new BatchError('cannot write', reason, i, elements.count);
  }
}

/** Deletes every key. @throws BatchError, with code `ENOENT` at the first that is not there. */
export function deleteBatch(
  map: MapHandle,
  keys: Uint8Array,
  count: number,
  options: DeleteOptions = {},
): void {
  const { missing = 'stop' } = options;
  const elements = { count, keys, values: new Uint8Array() };
  requireSizes(map, elements, 0);
  const done = inChunks(map, elements, 'delete', missing);
  if (done === count) return;
  const calls = new ElementCalls(map);
  for (let i = done; i < count; i++) {
    const found = attempt('cannot delete', i, count, () => {
      calls.putKey(keyAt(map, elements, i));
      return calls.delete();
    });
    if (found || missing === 'skip') continue;
    throw new BatchError('cannot delete', refusal(map, 'BPF_MAP_DELETE_ELEM', ERRNO.ENOENT), i, count);
  }
}

/** @returns how many elements are done: all, or none where the kernel has no batch for this map. */
function inChunks(
  map: MapHandle,
  elements: Elements,
  kind: 'update' | 'delete',
  missing: 'stop' | 'skip',
): number {
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
    const result = frame.callOnce(command);
    if (result === 0) {
      done += count;
      continue;
    }
    if (unsupported(result) && done === 0) return 0;
    // A refusal before the first element leaves the count as it was.
    const reported = frame.getU32(batch.count);
    const processed = reported < count ? reported : 0;
    done += processed;
    if (result === -ERRNO.ENOENT && kind === 'delete' && missing === 'skip') {
      done += 1;
      continue;
    }
    stalled = processed > 0 ? 0 : stalled + 1;
    if (passing(result) && stalled < MAX_STALLS) continue;
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

/**
 * Reasons that pass: an interruption, a bucket that is locked, and the reserve of a map without preallocation, which is
 * refilled in the background. Such a batch is carried on where it stopped.
 */
const passing = (result: number): boolean =>
  result === -ERRNO.ENOMEM || result === -ERRNO.EINTR || result === -ERRNO.EAGAIN || result === -ERRNO.EBUSY;

/** How many elements go into one batch. */
export const chunkLength = (map: MapHandle, valueSize: number): number =>
  Math.max(1, Math.floor(MAX_BATCH_BYTES / (map.keySize + valueSize)));

const keyAt = (map: MapHandle, { keys }: Elements, i: number): Uint8Array =>
  keys.subarray(i * map.keySize, (i + 1) * map.keySize);

function requireSizes(map: MapHandle, elements: Elements, valueSize: number = map.transferSize): void {
  const { count, keys, values } = elements;
  if (!Number.isInteger(count) || count < 0) throw new RangeError(`map '${map.name}': a batch of ${count}`);
  for (const [what, data, size] of [
    ['keys', keys, map.keySize],
    ['values', values, valueSize],
  ] as const) {
    if (data.length === count * size) continue;
    throw new RangeError(
      `map '${map.name}': ${count} ${what} of ${size} bytes are ${count * size} bytes, not ${data.length}`,
    );
  }
}

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
