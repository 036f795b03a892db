// Makes good what a killed `reserve` or `remove` has left: the maps by its journal, and the devices by the maps.

import { BpfProgram, gather, NetlinkSocket, withNetns } from '../../../loader/index.ts';
import type { Family } from '../../address.ts';
import { viewOf } from '../../entries.ts';
import { getSlotKey, SLOT_FORMATS } from '../../slot-entries.ts';
import { findNamespace } from '../namespace.ts';
import { openMaps } from '../own-maps.ts';
import type { Pins } from '../pins.ts';
import { attempt } from '../placement.ts';
import type { InstanceRecord } from '../record.ts';
import { ENTRY_PIN } from './entry.ts';
import { endSlotJournal, makeAmends, readSlotJournal, type SlotAmends } from './journal.ts';

/** To be called with the lock held. */
export function replaySlots(pins: Pins): void {
  const amends = readSlotJournal(pins);
  if (amends === undefined) return;
  const record = attempt(() => pins.record());
  if (record === undefined) return;
  using own = openMaps(pins, record.capacity);
  makeAmends(own.maps, amends);
  leaveDevices(pins, record, deletedInterfaces(amends));
  endSlotJournal(pins);
}

/** Interfaces whose own entry goes. */
function deletedInterfaces(amends: SlotAmends): number[] {
  const found = new Set<number>();
  for (const family of [4, 6] as Family[]) {
    const { keys, count } = amends[family].deletes;
    const view = viewOf(keys);
    for (let i = 0; i < count; i++) {
      const key = getSlotKey(view, i * SLOT_FORMATS[family].keySize, family);
      if (key.interface !== 0 && BigInt(key.address) === 0n) found.add(key.interface);
    }
  }
  return [...found];
}

/** Takes the entry program off these interfaces. */
export function leaveDevices(pins: Pins, record: InstanceRecord, ifindexes: readonly number[]): void {
  if (record.slots.place !== 'device' || ifindexes.length === 0) return;
  using entry = BpfProgram.openPin(pins.path(ENTRY_PIN));
  const where = findNamespace(record);
  if (entry === undefined || where === undefined) return;
  const { id } = entry.info;
  withNetns(where.enter, () => {
    using socket = new NetlinkSocket();
    gather(socket, ifindexes, id, record.slots.blocks);
  });
}
