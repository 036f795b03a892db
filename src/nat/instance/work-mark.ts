// A mark that there is work in hand, in the instance's own map beside the journal of its tables. Whoever makes pins that
// stand for such work sets it before and clears it after, so that who comes next sees by one look-up that no killed command
// has left any, instead of looking for each of them.

import { LoaderError, type RawMap } from '../../loader/index.ts';
import { JOURNAL_PIN, SLOT_JOURNAL_PIN } from './pin-parts.ts';
import { Pins } from './pins.ts';
import { JOURNAL_KEY, recordMap } from './record.ts';

/** The last byte of the journal's value, which holds no journal. */
const MARK_AT: number = recordMap.valueSize - 1;

export const isMarked = (journal: Uint8Array): boolean => journal[MARK_AT] !== 0;

/** The same journal with the mark. */
export const marked = (journal: Uint8Array): Uint8Array => journal.with(MARK_AT, 1);

const key: Uint8Array = new Uint8Array(Uint32Array.of(JOURNAL_KEY).buffer);
const EMPTY: Uint8Array = new Uint8Array(recordMap.valueSize);
const MARKED: Uint8Array = marked(EMPTY);

/** What is written where no journal of the tables is open. */
export const closed = (isMarked: boolean): Uint8Array => (isMarked ? MARKED : EMPTY);

/** To be called with the lock held, before anything is pinned, where no journal of the tables is open. */
export function beginWork(pins: Pins): void {
  using record = pins.map('instance', recordMap);
  record.raw.set(key, MARKED);
}

/**
 * Closes the journal of the tables, and takes the mark away unless something is left that it stands for. It is no
 * failure where that cannot be done: a mark that stays has the next command look, and take it away.
 */
export function endWork(pins: Pins): void {
  try {
    using record = pins.map('instance', recordMap);
    closeJournal(pins, record.raw);
  } catch (error) {
    if (!(error instanceof LoaderError)) throw error;
  }
}

/** @param record the map `instance` */
export function closeJournal(pins: Pins, record: RawMap): void {
  record.set(key, closed(isLeft(pins)));
}

const isLeft = (pins: Pins): boolean =>
  new Pins(pins.instances, pins.name, true).exist || pins.has(SLOT_JOURNAL_PIN) || pins.has(JOURNAL_PIN);
