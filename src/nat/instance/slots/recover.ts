// Makes good what a killed `reserve` or `remove` has left: the maps by its journal, and the devices by the maps.

import { attempt } from '../attempt.ts';
import { openMaps } from '../own-maps.ts';
import type { Pins } from '../pins.ts';
import { leaveStrays } from './devices.ts';
import { endSlotJournal, makeAmends, readSlotJournal } from './journal.ts';
import { nextTurn } from './record.ts';

/** To be called with the lock held. */
export function replaySlots(pins: Pins): void {
  const amends = readSlotJournal(pins);
  if (amends === undefined) return;
  const record = attempt(() => pins.record());
  if (record === undefined) return;
  using own = openMaps(pins, record.capacity);
  // Whoever has slots in mind has others now; the killed command may not have come so far as to say so.
  pins.writeRecord(nextTurn(record));
  makeAmends(own.maps, amends);
  leaveStrays(pins, record, own.maps);
  endSlotJournal(pins);
}
