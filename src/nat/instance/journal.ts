// What a change of a live table is about to do, written down before the first step and crossed out after the last:
// the entries that must be gone if nobody comes back to it, unless all of them are there. A killed `add` is thereby
// taken back or has been done, a killed `del` is carried through or has not begun, and neither leaves a mapping in one
// direction. A few mappings go into the instance's own map, beside the record, for two system calls; many into a map of
// their own, which is there as long as the change lasts.

import { LITTLE_ENDIAN } from '../../asm/data.ts';
import { type RawMap, removePin } from '../../loader/index.ts';
import { sameBytes, TABLES, type TableEntries, viewOf } from '../entries.ts';
import { isMark, viewsOf } from '../entries-decode.ts';
import { pinBytes, pinnedBytes } from './chunks.ts';
import { exactValue, keyAt, type Tables } from './contents.ts';
import { dropMark } from './marks.ts';
import { JOURNAL_PIN } from './pin-parts.ts';
import type { Pins } from './pins.ts';
import { JOURNAL_KEY, recordMap } from './record.ts';
import { beginWork, closed, closeJournal, isMarked, marked } from './work-mark.ts';

const COUNT_SIZE = 4;
const COUNTS_SIZE: number = TABLES.length * COUNT_SIZE;

const key: Uint8Array = new Uint8Array(Uint32Array.of(JOURNAL_KEY).buffer);
/** What a journal may take there: the last byte is not its own (work-mark.ts). */
const ROOM: number = recordMap.valueSize - 1;

export class Journal {
  readonly #pins: Pins;
  readonly #record: RawMap;
  #isLong = false;
  /** Whether there was a mark for something else, which a short journal must not lose. */
  #isMarked = false;

  /** @param record the map `instance`, which somebody else owns */
  constructor(pins: Pins, record: RawMap) {
    this.#pins = pins;
    this.#record = record;
  }

  begin(entries: TableEntries): void {
    const size = sizeOf(entries);
    this.#isLong = size > ROOM;
    if (this.#isLong) {
      beginWork(this.#pins);
      pinBytes(this.#pins.path(JOURNAL_PIN), encode(entries, size));
      return;
    }
    const { calls } = this.#record;
    calls.putKey(key);
    this.#isMarked = calls.lookup() && isMarked(calls.found);
    const text = encode(entries, recordMap.valueSize);
    this.#record.set(key, this.#isMarked ? marked(text) : text);
  }

  end(): void {
    if (!this.#isLong) {
      this.#record.set(key, closed(this.#isMarked));
      return;
    }
    removePin(this.#pins.path(JOURNAL_PIN));
    closeJournal(this.#pins, this.#record);
  }

  /** Whether something is written down, or there is a mark that something is elsewhere. */
  get isOpen(): boolean {
    const { calls } = this.#record;
    calls.putKey(key);
    if (!calls.lookup()) return false;
    const { found } = calls;
    for (let at = 0; at < COUNTS_SIZE; at++) if (found[at] !== 0) return true;
    return isMarked(found);
  }

  /** Does what was written down. Mappings that are others by now stay. It is closed by who ends the work. */
  replay(tables: Tables): void {
    for (const entries of this.#read()) withdraw(entries, tables);
    if (this.#pins.has(JOURNAL_PIN)) removePin(this.#pins.path(JOURNAL_PIN));
  }

  /** What a killed command has left. */
  *#read(): Generator<TableEntries> {
    const short = this.#record.get(key);
    if (short !== undefined) yield decode(short);
    const long = this.#pins.has(JOURNAL_PIN) ? pinnedBytes(this.#pins.path(JOURNAL_PIN)) : undefined;
    if (long !== undefined) yield decode(long);
  }
}

/**
 * Deletes what is there of these entries, unless all of them are: of an addition nothing was left to do, of a deletion
 * nothing was done.
 */
function withdraw(entries: TableEntries, tables: Tables): void {
  const found = TABLES.map((format) => {
    const [wanted, map] = [entries[format.name], tables[format.name].raw];
    const { identitySize, valueSize } = format;
    const isThere = Array.from({ length: wanted.count }, (_, i) => {
      const value = exactValue(map, keyAt(wanted, i, format), format);
      return value !== undefined && sameBytes(value, 0, wanted.values, i * valueSize, identitySize);
    });
    return { format, wanted, map, isThere };
  });
  if (found.every(({ isThere }) => !isThere.includes(false))) return;
  for (const { format, wanted, map, isThere } of found) {
    const views = viewsOf(wanted);
    const marks: Uint8Array[] = [];
    for (const [i, there] of isThere.entries()) {
      if (isMark(views, i, format)) marks.push(keyAt(wanted, i, format));
      else if (there) map.delete(keyAt(wanted, i, format));
    }
    for (const mark of marks) dropMark(map, mark, format);
  }
}

const sizeOf = (entries: TableEntries): number =>
  TABLES.reduce((size, { name, keySize, valueSize }) => {
    return size + entries[name].count * (keySize + valueSize);
  }, COUNTS_SIZE);

/** How many entries there are of each table, then their keys and values, then zeros. Zeros are nothing. */
function encode(entries: TableEntries, size: number): Uint8Array {
  const text = new Uint8Array(size);
  const counts = viewOf(text);
  let at = COUNTS_SIZE;
  TABLES.forEach(({ name }, i) => {
    const { count, keys, values } = entries[name];
    if (count === 0) return;
    counts.setUint32(i * COUNT_SIZE, count, LITTLE_ENDIAN);
    text.set(keys, at);
    text.set(values, at + keys.length);
    at += keys.length + values.length;
  });
  return text;
}

function decode(text: Uint8Array): TableEntries {
  const counts = viewOf(text);
  let at = COUNTS_SIZE;
  const take = (size: number): Uint8Array => {
    at += size;
    return text.subarray(at - size, at);
  };
  const tables = TABLES.map(({ name, keySize, valueSize }, i) => {
    const count = counts.getUint32(i * COUNT_SIZE, LITTLE_ENDIAN);
    return [name, { count, keys: take(count * keySize), values: take(count * valueSize) }];
  });
  return Object.fromEntries(tables) as unknown as TableEntries;
}
