// The entry program on the devices of slots, and off them.

import {
  type Blocks,
  BpfProgram,
  blocksFor,
  gatherAll,
  gatherBut,
  InterfaceQueries,
  NetlinkSocket,
  spread,
  whereSpread,
  withNetns,
} from '../../../loader/index.ts';
import { attempt } from '../attempt.ts';
import type { SlotContents } from '../contents.ts';
import { findNamespace, requireNamespace } from '../namespace.ts';
import { ENTRY_PIN } from '../pin-parts.ts';
import type { Pins } from '../pins.ts';
import type { InstanceRecord } from '../record.ts';
import type { SlotMaps } from './book.ts';
import { interfacesIn, readSlots } from './contents.ts';

/** Runs `run` with the program where the devices are; undefined where there is either not. */
function atDevices<T>(
  pins: Pins,
  record: InstanceRecord,
  run: (socket: NetlinkSocket, entry: BpfProgram) => T,
): T | undefined {
  using entry = attempt(() => BpfProgram.openPin(pins.path(ENTRY_PIN)));
  const where = findNamespace(record);
  if (entry === undefined || where === undefined) return undefined;
  return withNetns(where.enter, () => {
    using socket = new NetlinkSocket();
    return run(socket, entry);
  });
}

/**
 * The record with the blocks that `fresh` are to share with the devices there are. To be written before they are joined.
 *
 * @param pins where the program is
 */
export function withBlocks(
  pins: Pins,
  record: InstanceRecord,
  fresh: ReadonlyMap<number, string>,
  ours: Iterable<number>,
): InstanceRecord {
  const { slots } = record;
  if (slots.place !== 'device' || fresh.size === 0) return record;
  const choose = (socket: NetlinkSocket, entry: BpfProgram): Blocks =>
    blocksFor(socket, slots.blocks, entry.info.id, [...ours]);
  return { ...record, slots: { ...slots, blocks: atDevices(pins, record, choose) } };
}

/** Puts the program on these interfaces. @throws BulkError, with none of them joined. */
export function joinDevices(
  pins: Pins,
  record: InstanceRecord,
  interfaces: ReadonlyMap<number, string>,
): void {
  const { blocks } = record.slots;
  if (blocks === undefined || interfaces.size === 0) return;
  requireNamespace(pins.name, record);
  atDevices(pins, record, (socket, program) => spread({ socket, interfaces, program, blocks }));
}

/** Takes it off every interface that has no entry in the maps. */
export function leaveStrays(pins: Pins, record: InstanceRecord, maps: SlotMaps): void {
  const { blocks } = record.slots;
  if (blocks === undefined) return;
  const kept = new Set(interfacesIn(readSlots(maps)).keys());
  atDevices(pins, record, (socket, { info: { id } }) => gatherBut(socket, kept, id, blocks));
}

/** Takes it off all there are, of an instance that is taken apart, whichever of its folders has the program. */
export function leaveAllDevices(folders: readonly Pins[], record: InstanceRecord | undefined): void {
  const blocks = record?.slots.blocks;
  if (record === undefined || blocks === undefined) return;
  for (const pins of folders) {
    atDevices(pins, record, (socket, { info: { id } }) => gatherAll(socket, id, blocks));
  }
}

/**
 * Interfaces that are to have the program and have it not: of slots that are to come, and of those there are, where
 * somebody has taken it off. Of the latter not those that are gone.
 */
export function missingDevices(
  pins: Pins,
  record: InstanceRecord,
  maps: SlotMaps,
  contents: Partial<SlotContents> = {},
): Map<number, string> {
  const known = interfacesIn(readSlots(maps));
  const wanted = contents.slots === undefined ? known : interfacesIn(contents);
  if (record.slots.place !== 'device' || wanted.size === 0) return new Map();
  const { blocks } = record.slots;
  const missing = atDevices(pins, record, (socket, { info: { id } }) => {
    const on = whereSpread(socket, [...wanted.keys()], id, blocks);
    using names = new InterfaceQueries();
    return [...wanted].filter(
      ([ifindex, name]) => !on.has(ifindex) && (!known.has(ifindex) || names.nameOf(ifindex) === name),
    );
  });
  return new Map(missing);
}
