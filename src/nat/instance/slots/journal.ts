// What is to be done about the maps of slots if nobody comes back to a change of them: written down before its first step,
// gone with its last. So a killed `reserve` is taken back, and a killed `remove` carried through. One pin holds it, since
// one step has to make it true and one to make it past.

import { LITTLE_ENDIAN } from '../../../asm/data.ts';
import { removePin, renamePin } from '../../../loader/index.ts';
import type { Family } from '../../address.ts';
import { type Entries, viewOf } from '../../entries.ts';
import { SLOT_FORMATS } from '../../slot-entries.ts';
import { pinBytes, pinnedBytes } from '../chunks.ts';
import type { Owned } from '../contents.ts';
import { NEXT_SLOT_JOURNAL_PIN, SLOT_JOURNAL_PIN } from '../pin-parts.ts';
import type { Pins } from '../pins.ts';
import { beginWork, endWork } from '../work-mark.ts';

/** Of one family: what has to go, and what has to be as it says. */
export interface Amends {
  readonly deletes: Pick<Entries, 'count' | 'keys'>;
  readonly sets: Entries;
}
export type SlotAmends = { readonly [F in Family]: Amends };

const FAMILIES: readonly Family[] = [4, 6];
/** Two counts for each family. */
const COUNT_SIZE = 4;
const HEADER_SIZE: number = FAMILIES.length * 2 * COUNT_SIZE;

export function beginSlotJournal(pins: Pins, amends: SlotAmends): void {
  beginWork(pins);
  pinBytes(pins.path(SLOT_JOURNAL_PIN), encode(amends));
}

/** From one to the other in one step. */
export function turnSlotJournal(pins: Pins, amends: SlotAmends): void {
  removePin(pins.path(NEXT_SLOT_JOURNAL_PIN));
  pinBytes(pins.path(NEXT_SLOT_JOURNAL_PIN), encode(amends));
  renamePin(pins.path(NEXT_SLOT_JOURNAL_PIN), pins.path(SLOT_JOURNAL_PIN));
}

export function endSlotJournal(pins: Pins): void {
  removePin(pins.path(SLOT_JOURNAL_PIN));
  endWork(pins);
}

/** What a killed command has left; undefined where it left nothing. */
export function readSlotJournal(pins: Pins): SlotAmends | undefined {
  const data = pins.has(SLOT_JOURNAL_PIN) ? pinnedBytes(pins.path(SLOT_JOURNAL_PIN)) : undefined;
  return data && decode(data);
}

/** Makes the maps as it says. Again is no error. */
export function makeAmends(maps: Pick<Owned, 'slots' | 'slots6'>, amends: SlotAmends): void {
  for (const family of FAMILIES) {
    const { raw } = maps[SLOT_FORMATS[family].name];
    const { deletes, sets } = amends[family];
    if (deletes.count > 0) raw.deleteBatch(deletes.keys, deletes.count, { missing: 'skip' });
    if (sets.count > 0) raw.setBatch(sets);
  }
}

function encode(amends: SlotAmends): Uint8Array {
  const parts: Uint8Array[] = [new Uint8Array(HEADER_SIZE)];
  const header = viewOf(parts[0]!);
  for (const [i, family] of FAMILIES.entries()) {
    const { deletes, sets } = amends[family];
    header.setUint32(2 * i * COUNT_SIZE, deletes.count, LITTLE_ENDIAN);
    header.setUint32((2 * i + 1) * COUNT_SIZE, sets.count, LITTLE_ENDIAN);
    parts.push(deletes.keys, sets.keys, sets.values);
  }
  return Buffer.concat(parts);
}

function decode(data: Uint8Array): SlotAmends {
  const header = viewOf(data);
  let at = HEADER_SIZE;
  const take = (size: number): Uint8Array => {
    at += size;
    return data.slice(at - size, at);
  };
  const amends = FAMILIES.map((family, i): [Family, Amends] => {
    const { keySize, valueSize } = SLOT_FORMATS[family];
    const deletes = header.getUint32(2 * i * COUNT_SIZE, LITTLE_ENDIAN);
    const sets = header.getUint32((2 * i + 1) * COUNT_SIZE, LITTLE_ENDIAN);
    const gone = { count: deletes, keys: take(deletes * keySize) };
    return [
      family,
      { deletes: gone, sets: { count: sets, keys: take(sets * keySize), values: take(sets * valueSize) } },
    ];
  });
  return Object.fromEntries(amends) as unknown as SlotAmends;
}
