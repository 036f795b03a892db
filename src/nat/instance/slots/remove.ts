// Giving slots up: their entries go, and the entry program comes off interfaces that have none any more. What has to go is
// written down first, and is gone from then on: a killed command is carried through.

import { type Address, type Family, unspecifiedOf } from '../../address.ts';
import { viewOf } from '../../entries.ts';
import { getSlotRecord, SLOT_FORMATS } from '../../slot-entries.ts';
import { SLOT_STATES } from '../../slot-layout.ts';
import { afterwards } from '../afterwards.ts';
import { type Book, FAMILIES, otherAddress, type Place, type SlotMaps, slotKeyOf } from './book.ts';
import type { Bench } from './desk.ts';
import { type Amends, beginSlotJournal, deletesOf, type SlotAmends } from './journal.ts';
import { nextTurn } from './record.ts';
import { replaySlots } from './recover.ts';
import { sweepLists } from './sweep.ts';

/** To be called with the lock held. */
export function removeSlots(
  { pins, opened: { maps }, book }: Pick<Bench, 'pins' | 'opened' | 'book'>,
  slots: readonly string[],
): void {
  const places = [...new Set(slots.flatMap((slot) => book.all(slot)))];
  if (places.length === 0) return;
  const outsides = places.flatMap((place) => outsideOf(maps, place));
  beginSlotJournal(pins, goneWith(book, places, outsides));
  afterwards(pins.name, () => {
    pins.writeRecord(nextTurn(pins.record()));
    replaySlots(pins);
    sweepLists(maps);
  });
}

interface Key {
  readonly family: Family;
  readonly key: Uint8Array;
}

/** What goes with these slots. */
export function goneWith(book: Book, places: readonly Place[], outsides: readonly Key[] = []): SlotAmends {
  const gone = new Set(places);
  const kept = new Set(book.places.filter((place) => !gone.has(place)).map(({ ifindex }) => ifindex));
  const left = new Set(places.map(({ ifindex }) => ifindex).filter((ifindex) => !kept.has(ifindex)));
  const interfaces = [...left].flatMap((ifindex) =>
    FAMILIES.map((family): Key => ({ family, key: slotKeyOf(family, ifindex, unspecifiedOf(family)) })),
  );
  const keys: readonly Key[] = [...outsides, ...places, ...interfaces];
  const amends = (family: Family): Amends =>
    deletesOf(keys.filter((each) => each.family === family).map(({ key }) => key));
  return { slots: amends(4), slots6: amends(6) };
}

/** The entry of its outside, if that says the same. */
function outsideOf(maps: SlotMaps, { family, key, ifindex, inside }: Place): Key[] {
  const { raw } = maps[SLOT_FORMATS[family].name];
  const value = raw.get(key);
  if (value === undefined || value[SLOT_FORMATS[family].record.state] !== SLOT_STATES.bound) return [];
  const outside: Address = otherAddress(value, family);
  const outsideKey = slotKeyOf(family, 0, outside);
  const there = raw.get(outsideKey);
  if (there === undefined) return [];
  const record = getSlotRecord(viewOf(there), 0, family);
  const isOurs =
    record.state === SLOT_STATES.bound && record.interface === ifindex && record.address === inside;
  return isOurs ? [{ family, key: outsideKey }] : [];
}
