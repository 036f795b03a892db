// Listing a map by BPF_MAP_GET_NEXT_KEY and single look-ups, for what has no batches: see walk.ts for what is promised.
// Left out: the race that preallocated hashes have with an element reused in another bucket while the kernel looks at it;
// they are read by buckets instead, on every kernel that can.

import { LoaderError } from '../errors.ts';
import type { Elements } from './batch.ts';
import { ElementCalls, type MapHandle } from './map-commands.ts';

/** How many elements are handed out at a time. */
const CHUNK = 1024;
/** Keys behind us that are kept to go on from, should the last one be deleted. */
const TRAIL = 64;
/** A walk that takes more steps than this for each entry, and some, is taken for endless. */
const STEPS_PER_ENTRY = 16;
const SPARE_STEPS = 16_384;

/** Every element that is not in `seen`, which grows by it. @throws LoaderError with code `EAGAIN` when it does not end. */
export function* stepwise(map: MapHandle, seen: Set<string>): Generator<Elements, void, undefined> {
  const calls = new ElementCalls(map);
  const collected = new Collected(map);
  for (const key of keysOf(map, calls, seen)) {
    calls.putKey(key);
    if (calls.lookup()) collected.add(key, calls.value());
    if (collected.full) yield collected.take();
  }
  if (collected.count > 0) yield collected.take();
}

/**
 * The kernel's successor of a key is right where the key is still there; else it is the first key of all, and the end is
 * only said of a key that is there. So the walk is complete when it ends; and a key that was seen before means that the
 * last one is gone: the walk goes on from the one before it, or the one before that.
 */
function* keysOf(
  map: MapHandle,
  calls: ElementCalls,
  seen: Set<string>,
): Generator<Uint8Array, void, undefined> {
  const trail: Uint8Array[] = [];
  const limit = STEPS_PER_ENTRY * map.maxEntries + SPARE_STEPS;
  let at: Uint8Array | undefined;
  for (let steps = 0; steps < limit; steps++) {
    if (at !== undefined) calls.putKey(at);
    if (!calls.next(at === undefined)) return;
    const key = calls.key();
    const name = Buffer.from(key).toString('latin1');
    if (seen.has(name)) {
      at = trail.pop() ?? key;
      continue;
    }
    seen.add(name);
    if (at !== undefined) trail.push(at);
    if (trail.length > 2 * TRAIL) trail.splice(0, TRAIL);
    at = key;
    yield key;
  }
  throw endless(map);
}

/** Others change the map faster than it can be read. */
export const endless = ({ name }: MapHandle): LoaderError =>
  new LoaderError(`cannot list map '${name}': it changes faster than it can be read (EAGAIN)`, {
    code: 'EAGAIN',
    object: `map '${name}'`,
    hint: 'try again when there is less going on',
  });

class Collected {
  readonly #map: MapHandle;
  #keys: Uint8Array[] = [];
  #values: Uint8Array[] = [];

  constructor(map: MapHandle) {
    this.#map = map;
  }

  get count(): number {
    return this.#keys.length;
  }

  get full(): boolean {
    return this.count >= CHUNK;
  }

  add(key: Uint8Array, value: Uint8Array): void {
    this.#keys.push(key);
    this.#values.push(value);
  }

  take(): Elements {
    const { keySize, transferSize } = this.#map;
    const count = this.count;
    const keys = new Uint8Array(count * keySize);
    const values = new Uint8Array(count * transferSize);
    for (let i = 0; i < count; i++) {
      keys.set(this.#keys[i]!, i * keySize);
      values.set(this.#values[i]!, i * transferSize);
    }
    this.#keys = [];
    this.#values = [];
    return { count, keys, values };
  }
}
