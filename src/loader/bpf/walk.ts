// Listing a map while others change it. What is promised: an element that is there all the time is seen, once; one that
// comes or goes meanwhile is seen once or not at all; it ends, if with an error, where others change it without end.
//
// Hashes (kernel/bpf/hashtab.c) are read bucket by bucket, each under its lock, and elements do not change buckets: that
// alone keeps the promise. Other maps are read key by key, and behind a key that was deleted meanwhile the kernel starts
// again at the first one: what has been seen is remembered, and not seen again.

import { ERRNO, type LoaderError } from '../errors.ts';
import { BPF_MAP_LOOKUP_AND_DELETE_BATCH, BPF_MAP_LOOKUP_BATCH } from './abi.ts';
import { batch, batchSize, chunkLength, type Elements } from './batch.ts';
import { Frame, spaceFor } from './frame.ts';
import { ElementCalls, type MapHandle, unsupported } from './map-commands.ts';
import { mapError } from './map-create.ts';
import { endless, stepwise } from './walk-keys.ts';

/** How a map is read: `buckets` at once, by `indexes` that are always there, or by `keys` that come and go. */
export type Listing = 'buckets' | 'indexes' | 'keys';

export interface ListedMap extends MapHandle {
  readonly listing: Listing;
}

/** How many elements the first attempt asks for. */
const FIRST_COUNT = 4096;
/** The token of a hash is a bucket's number, that of others a key. */
const MIN_TOKEN = 4;
/** A bucket can hold a few more elements than the map is said to: counts of several CPUs are put together late. */
const SPARE = 1024;
/** Without progress, batches that start again at the first key before it is taken for endless. */
const MAX_STALLS = 64;

export interface WalkOptions {
  /** Deletes what it lists. Without loss of what programs write meanwhile in maps read by buckets. */
  readonly take?: boolean;
  /** How many to ask for at first; more when the kernel finds that too few for a bucket. */
  readonly first?: number;
}

/**
 * Every element, some thousands at a time. With `take`, what was handed out is deleted.
 *
 * @throws LoaderError with code `EAGAIN` when others change the map faster than it can be read.
 */
export function* walk(map: ListedMap, options: WalkOptions = {}): Generator<Elements, void, undefined> {
  if (map.listing === 'buckets') yield* byBuckets(map, options);
  else if (options.take) yield* taking(map);
  else yield* byKeys(map, options.first);
}

function* byBuckets(map: ListedMap, options: WalkOptions): Generator<Elements, void, undefined> {
  const { take = false, first = FIRST_COUNT } = options;
  const command = take ? BPF_MAP_LOOKUP_AND_DELETE_BATCH : BPF_MAP_LOOKUP_BATCH;
  const most = map.maxEntries + SPARE;
  let room = Math.min(first, chunkLength(map, map.transferSize), most);
  let token: Uint8Array | undefined;
  for (;;) {
    const answer = lookup(map, command, room, token);
    const { result } = answer;
    if (result === -ERRNO.ENOSPC && room < most) {
      room = Math.min(room * 2, most);
      continue;
    }
    if (unsupported(result) && token === undefined) {
      yield* take ? taking(map) : stepwise(map, new Set());
      return;
    }
    if (result < 0 && result !== -ERRNO.ENOENT) throw listError(map, result, take);
    if (answer.elements.count > 0) yield answer.elements;
    if (result === -ERRNO.ENOENT) return;
    token = answer.token;
  }
}

function* byKeys(map: ListedMap, first: number = FIRST_COUNT): Generator<Elements, void, undefined> {
  const room = Math.min(first, chunkLength(map, map.transferSize), map.maxEntries);
  const seen = new Set<string>();
  let token: Uint8Array | undefined;
  let stalls = 0;
  for (;;) {
    const { result, elements, token: next } = lookup(map, BPF_MAP_LOOKUP_BATCH, room, token);
    // Kernels before 6.14 answer EINTR for a key without a value: a hole in a map of maps, or one deleted meanwhile.
    const interrupted = result === -ERRNO.EINTR;
    if ((unsupported(result) && token === undefined) || (interrupted && elements.count === 0)) {
      yield* stepwise(map, seen);
      return;
    }
    if (result < 0 && result !== -ERRNO.ENOENT && !interrupted) throw listError(map, result, false);
    const fresh = map.listing === 'indexes' ? elements : unseen(map, elements, seen);
    if (fresh.count > 0) yield fresh;
    if (result === -ERRNO.ENOENT) return;
    stalls = fresh.count > 0 ? 0 : stalls + 1;
    if (stalls > MAX_STALLS + map.maxEntries / room) throw endless(map);
    token = next;
  }
}

/** Lists, then deletes one by one. */
function* taking(map: ListedMap): Generator<Elements, void, undefined> {
  const calls = new ElementCalls(map);
  const { keySize, transferSize } = map;
  const listed = map.listing === 'buckets' ? stepwise(map, new Set()) : byKeys(map);
  for (const { count, keys } of [...listed]) {
    const taken = { keys: new Uint8Array(keys.length), values: new Uint8Array(count * transferSize) };
    let done = 0;
    for (let i = 0; i < count; i++) {
      const key = keys.subarray(i * keySize, (i + 1) * keySize);
      calls.putKey(key);
      if (!calls.take()) continue;
      taken.keys.set(key, done * keySize);
      taken.values.set(calls.value(), done * transferSize);
      done += 1;
    }
    if (done > 0) yield cut(map, taken, done);
  }
}

interface Answer {
  readonly result: number;
  readonly elements: Elements;
  readonly token: Uint8Array;
}

function lookup(map: MapHandle, command: number, room: number, token: Uint8Array | undefined): Answer {
  const tokenSize = Math.max(MIN_TOKEN, map.keySize);
  const size = 2 * spaceFor(tokenSize) + spaceFor(room * map.keySize) + spaceFor(room * map.transferSize);
  const frame = new Frame(batchSize, size);
  frame.u32(batch.map_fd, map.fd);
  frame.u32(batch.count, room);
  if (token !== undefined) frame.pointer(batch.in_batch, frame.put(token));
  const out = frame.put(new Uint8Array(tokenSize));
  const keys = frame.reserve(room * map.keySize);
  const values = frame.reserve(room * map.transferSize);
  frame.pointer(batch.out_batch, out);
  frame.pointer(batch.keys, keys);
  frame.pointer(batch.values, values);
  const result = frame.callOnce(command);
  const answered = result === 0 || result === -ERRNO.ENOENT || result === -ERRNO.EINTR;
  const tokenOut = frame.read(out, tokenSize);
  // Interrupted before the first element, the kernel leaves the token alone.
  const isNone = !answered || (result === -ERRNO.EINTR && tokenOut.every((byte) => byte === 0));
  const count = isNone ? 0 : Math.min(frame.getU32(batch.count), room);
  return {
    result,
    elements: {
      count,
      keys: frame.read(keys, count * map.keySize),
      values: frame.read(values, count * map.transferSize),
    },
    token: tokenOut,
  };
}

/** Those that have not been seen, which they have been from then on. */
function unseen(map: MapHandle, elements: Elements, seen: Set<string>): Elements {
  const { keySize, transferSize } = map;
  const { count, keys, values } = elements;
  const names = Buffer.from(keys.buffer, keys.byteOffset, keys.length).toString('latin1');
  let kept = 0;
  for (let i = 0; i < count; i++) {
    const name = names.slice(i * keySize, (i + 1) * keySize);
    if (seen.has(name)) continue;
    seen.add(name);
    if (kept < i) {
      keys.copyWithin(kept * keySize, i * keySize, (i + 1) * keySize);
      values.copyWithin(kept * transferSize, i * transferSize, (i + 1) * transferSize);
    }
    kept += 1;
  }
  return cut(map, elements, kept);
}

const cut = (map: MapHandle, { keys, values }: Omit<Elements, 'count'>, count: number): Elements => ({
  count,
  keys: keys.subarray(0, count * map.keySize),
  values: values.subarray(0, count * map.transferSize),
});

function listError(map: MapHandle, result: number, take: boolean): LoaderError {
  const command = take ? 'BPF_MAP_LOOKUP_AND_DELETE_BATCH' : 'BPF_MAP_LOOKUP_BATCH';
  return mapError(result, command, `cannot list map '${map.name}'`, map);
}
