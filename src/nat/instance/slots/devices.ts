// The entry program on the devices of slots, and off them.

import { BpfProgram, gather, gatherAll, NetlinkSocket, whereSpread, withNetns } from '../../../loader/index.ts';
import { findNamespace } from '../namespace.ts';
import type { Pins } from '../pins.ts';
import { attempt } from '../placement.ts';
import type { InstanceRecord } from '../record.ts';
import { ENTRY_PIN } from './entry.ts';

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

/** Takes it off all there are, of an instance that is taken apart, whichever of its folders has the program. */
export function leaveAllDevices(folders: readonly Pins[], record: InstanceRecord | undefined): void {
  const where = record?.slots.blocks === undefined ? undefined : findNamespace(record);
  if (record === undefined || where === undefined) return;
  for (const pins of folders) {
    using entry = attempt(() => BpfProgram.openPin(pins.path(ENTRY_PIN)));
    if (entry === undefined) continue;
    const { id } = entry.info;
    withNetns(where.enter, () => {
      using socket = new NetlinkSocket();
      gatherAll(socket, id, record.slots.blocks);
    });
  }
}

/** Those of these interfaces that it is on. */
export function devicesWithEntry(
  pins: Pins,
  record: InstanceRecord,
  ifindexes: readonly number[],
): ReadonlySet<number> {
  using entry = attempt(() => BpfProgram.openPin(pins.path(ENTRY_PIN)));
  const where = findNamespace(record);
  if (entry === undefined || where === undefined) return new Set();
  const { id } = entry.info;
  return withNetns(where.enter, () => {
    using socket = new NetlinkSocket();
    return whereSpread(socket, ifindexes, id, record.slots.blocks);
  });
}
