// What is to be done about the maps of slots, of tunnels too, if nobody comes back to a change of them: written down before its first step,
// gone with its last. So a killed `reserve` is taken back, and a killed `remove` carried through. One pin holds it, since
// one step has to make it true and one to make it past.

import { LITTLE_ENDIAN } from '../../../asm/data.ts';
import { removePin, renamePin } from '../../../loader/index.ts';
import { type Entries, viewOf } from '../../entries.ts';
import { SLOT_FORMATS } from '../../slot-entries.ts';
import { tunnelKey, tunnelPorts, tunnelRecord } from '../../tunnel-layout.ts';
import { pinBytes, pinnedBytes } from '../chunks.ts';
import type { Owned } from '../contents.ts';
import { NEXT_SLOT_JOURNAL_PIN, SLOT_JOURNAL_PIN } from '../pin-parts.ts';
import type { Pins } from '../pins.ts';
import { beginWork, endWork } from '../work-mark.ts';

/** Of one map: what has to go, and what has to be as it says. */
export interface Amends {
  readonly deletes: Pick<Entries, 'count' | 'keys'>;
  readonly sets: Entries;
}

type JournalledMap = 'slots' | 'slots6' | 'tunnels' | 'tunnel_ports';

interface Sizes {
  readonly keySize: number;
  readonly valueSize: number;
}

/** In the order in which they are seen to. `tunnel_ports` is an array: nothing can be deleted from it. */
const FORMATS: { readonly [M in JournalledMap]: Sizes } = {
  slots: SLOT_FORMATS[4],
  slots6: SLOT_FORMATS[6],
  tunnels: { keySize: tunnelKey.size, valueSize: tunnelRecord.size },
  tunnel_ports: { keySize: 4, valueSize: tunnelPorts.size },
};
/** Of maps that are left out nothing has to be done. */
export type SlotAmends = { readonly [M in JournalledMap]?: Amends };

const MAPS = Object.keys(FORMATS) as JournalledMap[];
/** Two counts for each map. */
const COUNT_SIZE = 4;
const HEADER_SIZE: number = MAPS.length * 2 * COUNT_SIZE;

/** Nothing to be done. */
export const NO_AMENDS: Amends = {
  deletes: { count: 0, keys: new Uint8Array() },
  sets: { count: 0, keys: new Uint8Array(), values: new Uint8Array() },
};

/** These keys have to go. */
export const deletesOf = (keys: readonly Uint8Array[]): Amends => ({
  ...NO_AMENDS,
  deletes: { count: keys.length, keys: Buffer.concat(keys) },
});

/** These entries have to be as they are here. */
export const setsOf = (
  elements: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[],
): Amends => ({
  ...NO_AMENDS,
  sets: {
    count: elements.length,
    keys: Buffer.concat(elements.map(({ key }) => key)),
    values: Buffer.concat(elements.map(({ value }) => value)),
  },
});

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
export function makeAmends(maps: Partial<Pick<Owned, JournalledMap>>, amends: SlotAmends): void {
  for (const name of MAPS) {
    const raw = maps[name]?.raw;
    const { deletes, sets } = amends[name] ?? NO_AMENDS;
    if (raw === undefined) continue;
    if (deletes.count > 0) raw.deleteBatch(deletes.keys, deletes.count, { missing: 'skip' });
    if (sets.count > 0) raw.setBatch(sets);
  }
}

function encode(amends: SlotAmends): Uint8Array {
  const parts: Uint8Array[] = [new Uint8Array(HEADER_SIZE)];
  const header = viewOf(parts[0]!);
  for (const [i, name] of MAPS.entries()) {
    const { deletes, sets } = amends[name] ?? NO_AMENDS;
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
  const amends = MAPS.map((name, i): [JournalledMap, Amends] => {
    const { keySize, valueSize } = FORMATS[name];
    const deletes = header.getUint32(2 * i * COUNT_SIZE, LITTLE_ENDIAN);
    const sets = header.getUint32((2 * i + 1) * COUNT_SIZE, LITTLE_ENDIAN);
    const gone = { count: deletes, keys: take(deletes * keySize) };
    return [
      name,
      { deletes: gone, sets: { count: sets, keys: take(sets * keySize), values: take(sets * valueSize) } },
    ];
  });
  return Object.fromEntries(amends);
}
