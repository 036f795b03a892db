// What a change of a live table is about to do, written down before the first step and crossed out after the last:
// the mappings that must be gone if nobody comes back to it, unless all of them are there. A killed `add` is thereby
// taken back or has been done, a killed `del` is carried through or has not begun, and neither leaves a mapping in one
// direction. Few mappings go into the instance's own map, beside the record, for two system calls; many into a map of
// their own, which is there as long as the change lasts.

import { bytes, defineMap, type MapDefinition } from '../../asm/index.ts';
import { BpfMap, type RawMap, removePin } from '../../loader/index.ts';
import type { AddressMapping } from '../mapping.ts';
import type { Pins } from './pins.ts';
import { JOURNAL_KEY, recordMap } from './record.ts';
import { get, keyOf } from './table-bytes.ts';

type Pair = Pick<AddressMapping, 'inside' | 'outside'>;

const PAIR_SIZE = 8;
const HEADER_SIZE = 8;
/** The most mappings that go into the instance's own map. */
const ROOM: number = Math.floor((recordMap.valueSize - HEADER_SIZE) / PAIR_SIZE);

const long = (count: number): MapDefinition =>
  defineMap({
    name: 'journal',
    type: 'array',
    key: recordMap.key,
    value: bytes(PAIR_SIZE),
    maxEntries: count,
  });
const PIN = 'maps/journal';

const key: Uint8Array = recordKey(JOURNAL_KEY);
const EMPTY: Uint8Array = new Uint8Array(recordMap.valueSize);

export interface Tables {
  readonly outbound: RawMap;
  readonly inbound: RawMap;
}

export class Journal {
  readonly #pins: Pins;
  readonly #record: RawMap;
  #isLong = false;

  /** @param record the map `instance`, which somebody else owns */
  constructor(pins: Pins, record: RawMap) {
    this.#pins = pins;
    this.#record = record;
  }

  begin(pairs: readonly Pair[]): void {
    this.#isLong = pairs.length > ROOM;
    if (!this.#isLong) {
      const value = new Uint8Array(recordMap.valueSize);
      new DataView(value.buffer).setUint32(0, pairs.length);
      value.set(encodePairs(pairs), HEADER_SIZE);
      this.#record.set(key, value);
      return;
    }
    using map = BpfMap.create(long(pairs.length));
    const keys = new Uint32Array(pairs.length).map((_, i) => i);
    map.raw.setBatch({
      count: pairs.length,
      keys: new Uint8Array(keys.buffer),
      values: encodePairs(pairs),
    });
    map.pin(this.#pins.path(PIN));
  }

  end(): void {
    if (this.#isLong) removePin(this.#pins.path(PIN));
    else this.#record.set(key, EMPTY);
  }

  /** Whether something is written down. */
  get isOpen(): boolean {
    const short = this.#record.get(key);
    return short?.some((byte) => byte !== 0) || this.#pins.has(PIN);
  }

  /** What a killed command has left; empty where it left nothing. */
  read(): Pair[] {
    const short = this.#record.get(key);
    const count = short === undefined ? 0 : new DataView(short.buffer, short.byteOffset).getUint32(0);
    const pairs = short === undefined ? [] : decodePairs(short.subarray(HEADER_SIZE), Math.min(count, ROOM));
    using map = this.#pins.has(PIN) ? BpfMap.openPin(this.#pins.path(PIN), long(1)) : undefined;
    if (map === undefined) return pairs;
    const { count: more, values } = map.raw.elements();
    return [...pairs, ...decodePairs(values, more)];
  }

  /** Does what was written down, and crosses it out. Mappings that are others by now stay. */
  replay({ outbound, inbound }: Tables): void {
    const pairs = this.read();
    const isWhole = ({ inside, outside }: Pair): boolean =>
      get(outbound, inside)?.address === outside && get(inbound, outside)?.address === inside;
    // All there: of an addition nothing was left to do, of a deletion nothing was done.
    const torn = pairs.every(isWhole) ? [] : pairs;
    for (const { inside, outside } of torn) {
      if (get(outbound, inside)?.address === outside) outbound.delete(keyOf(inside));
      if (get(inbound, outside)?.address === inside) inbound.delete(keyOf(outside));
    }
    if (pairs.length > 0) this.#record.set(key, EMPTY);
    if (this.#pins.has(PIN)) removePin(this.#pins.path(PIN));
  }
}

function encodePairs(pairs: readonly Pair[]): Uint8Array {
  const out = new Uint8Array(pairs.length * PAIR_SIZE);
  const view = new DataView(out.buffer);
  pairs.forEach(({ inside, outside }, i) => {
    view.setUint32(i * PAIR_SIZE, inside);
    view.setUint32(i * PAIR_SIZE + PAIR_SIZE / 2, outside);
  });
  return out;
}

function decodePairs(data: Uint8Array, count: number): Pair[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Array.from({ length: count }, (_, i) => ({
    inside: view.getUint32(i * PAIR_SIZE),
    outside: view.getUint32(i * PAIR_SIZE + PAIR_SIZE / 2),
  }));
}

function recordKey(index: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(index).buffer);
}
