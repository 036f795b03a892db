// The programs of an instance on their hook: which side is which, whether they are there, and how they come off.

import {
  type BpfLink,
  BpfProgram,
  deleteClsactIfEmpty,
  deleteFilter,
  type FilterPlace,
  findInterface,
  type HookDirection,
  listFilters,
  listInterfaces,
  NetlinkSocket,
  withNetns,
} from '../../loader/index.ts';
import { DIRECTIONS, type Direction } from '../reason.ts';
import { attempt } from './attempt.ts';
import { findNamespace, knownNamespaces } from './namespace.ts';
import { pinnedLink, pinnedRedirectLink, pinnedXdpLink } from './pinned.ts';
import type { Pins } from './pins.ts';
import type { InstanceRecord } from './record.ts';

/** What leaves by the outside interface passes its egress. */
export const HOOK_DIRECTIONS: { readonly [D in Direction]: HookDirection } = {
  outbound: 'egress',
  inbound: 'ingress',
};

export function placeOf(record: InstanceRecord, direction: Direction): FilterPlace {
  const { priority, handle } = record.programs[direction];
  return { direction: HOOK_DIRECTIONS[direction], priority, handle };
}

/** The identifiers of every program in these folders and records, by which our filters are known. */
export function programIds(folders: readonly Pins[]): Set<number> {
  const ids = new Set<number>();
  for (const pins of folders) {
    for (const part of pins.present().filter((each) => each.startsWith('progs/'))) {
      using program = attempt(() => BpfProgram.openPin(pins.path(part)));
      if (program !== undefined) ids.add(program.info.id);
    }
    const record = attempt(() => pins.record());
    for (const direction of DIRECTIONS) ids.add(record?.programs[direction].id ?? 0);
  }
  ids.delete(0);
  return ids;
}

/**
 * Takes links off whose pins are in `pins`, first those that lead past the stack: what they leave is done at the outside
 * interface. The pins stay.
 */
export function detachLinks(pins: Pins): void {
  for (const ifindex of pins.redirectLinks()) {
    using link = attempt(() => pinnedRedirectLink(pins, ifindex));
    if (link !== undefined && link.info.ifindex !== 0) takeOff(link);
  }
  for (const ifindex of pins.xdpLinks()) {
    using link = attempt(() => pinnedXdpLink(pins, ifindex));
    if (link !== undefined && link.info.ifindex !== 0) takeOff(link);
  }
  for (const direction of DIRECTIONS) {
    using link = attempt(() => pinnedLink(pins, direction));
    if (link !== undefined && link.info.ifindex !== 0) takeOff(link);
  }
}

function takeOff(link: BpfLink): void {
  // Kernels before 5.9 cannot detach; there the link goes with its last pin.
  attempt(() => link.detach());
}

/**
 * Deletes every filter that runs one of our programs, and the qdisc where it was made for them and nobody else
 * uses it. Without a record every interface that can be reached is searched.
 *
 * @returns whether a qdisc that was made for them is still there.
 */
export function detachFilters(record: InstanceRecord | undefined, ours: ReadonlySet<number>): boolean {
  if (record === undefined) {
    for (const { enter } of knownNamespaces()) {
      attempt(() =>
        withNetns(enter, () => {
          using socket = new NetlinkSocket();
          for (const { index } of listInterfaces(socket)) deleteOurs(socket, index, ours);
        }),
      );
    }
    return false;
  }
  if (record.hook !== 'clsact') return false;
  const where = findNamespace(record);
  // Gone, and the filters with it.
  if (where === undefined) return false;
  return withNetns(where.enter, () => {
    using socket = new NetlinkSocket();
    const uplink = findInterface(socket, record.ifindex);
    if (uplink === undefined) return false;
    const deleted = deleteOurs(socket, record.ifindex, ours);
    // Another interface may have got the index meanwhile; its empty qdisc is not ours to delete.
    const made = record.madeQdisc && (deleted > 0 || uplink.name === record.interface);
    return made && !deleteClsactIfEmpty(socket, record.ifindex);
  });
}

export function deleteOurs(socket: NetlinkSocket, ifindex: number, ours: ReadonlySet<number>): number {
  let deleted = 0;
  for (const direction of ['egress', 'ingress'] as const) {
    for (const filter of listFilters(socket, ifindex, direction)) {
      const isOurs = filter.kind === 'bpf' && filter.programId !== undefined && ours.has(filter.programId);
      if (isOurs && deleteFilter(socket, ifindex, filter)) deleted++;
    }
  }
  return deleted;
}
