// One way to put a program on an interface, by TCX link or by clsact filter.
// Everything here acts in the network namespace of the calling thread: wrap it in `withNetns`.

import type { HookDirection } from './bpf/link-commands.ts';
import { queryTcx } from './bpf/link-commands.ts';
import { BpfLink } from './link.ts';
import { addFilter, deleteFilter, type FilterPlace, listFilters, replaceFilter } from './netlink/filter.ts';
import { deleteClsact, ensureClsact } from './netlink/qdisc.ts';
import type { NetlinkSocket } from './netlink/socket.ts';
import type { BpfProgram } from './program.ts';

export type HookKind = 'tcx' | 'clsact';

/** A program on an interface. A TCX link comes off when it is closed unpinned; a filter stays. */
export type Attachment = TcxAttachment | ClsactAttachment;

export interface TcxAttachment {
  readonly hook: 'tcx';
  readonly ifindex: number;
  readonly direction: HookDirection;
  readonly link: BpfLink;
}

export interface ClsactAttachment {
  readonly hook: 'clsact';
  readonly ifindex: number;
  readonly direction: HookDirection;
  readonly place: FilterPlace;
  /** Whether the clsact qdisc was made for it. */
  readonly madeQdisc: boolean;
}

/**
 * Whether the kernel has TCX, found by asking it about an interface.
 *
 * @throws LoaderError with code `ENODEV` when there is no such interface in this network namespace.
 */
export function hasTcx(ifindex: number): boolean {
  return queryTcx(ifindex, 'ingress') !== undefined;
}

/** Attaches a program. @throws LoaderError, with nothing left behind. */
export function attach(
  socket: NetlinkSocket,
  options: {
    readonly hook: HookKind;
    readonly direction: HookDirection;
    readonly ifindex: number;
    readonly program: BpfProgram;
  },
): Attachment {
  const { hook, direction, ifindex, program } = options;
  if (hook === 'tcx') return { hook, ifindex, direction, link: BpfLink.tcx(program, ifindex, direction) };
  const madeQdisc = ensureClsact(socket, ifindex);
  try {
    return { hook, ifindex, direction, place: addFilter(socket, ifindex, direction, program), madeQdisc };
  } catch (error) {
    if (madeQdisc) deleteClsactIfEmpty(socket, ifindex);
    throw error;
  }
}

/** Swaps the program in place; each packet meets the old or the new one. */
export function swap(socket: NetlinkSocket, attachment: Attachment, program: BpfProgram): void {
  if (attachment.hook === 'tcx') attachment.link.update(program);
  else replaceFilter(socket, attachment.ifindex, attachment.place, program);
}

/**
 * Takes a program off. Of a filter that now runs another program nothing is touched; the qdisc goes only
 * if it was made for this and nobody else uses it.
 *
 * @returns whether the program was there.
 */
export function detach(socket: NetlinkSocket, attachment: Attachment, programId: number): boolean {
  if (attachment.hook === 'tcx') {
    const attached = attachment.link.info.ifindex !== 0;
    if (attached) attachment.link.detach();
    return attached;
  }
  const { ifindex, place, madeQdisc } = attachment;
  const removed = deleteOwnFilter(socket, ifindex, place, programId);
  if (madeQdisc) deleteClsactIfEmpty(socket, ifindex);
  return removed;
}

/** Whether the filter at `place` runs this program. */
export function isFilterOf(
  socket: NetlinkSocket,
  ifindex: number,
  place: FilterPlace,
  programId: number,
): boolean {
  return listFilters(socket, ifindex, place.direction).some(
    (filter) =>
      filter.priority === place.priority &&
      filter.handle === place.handle &&
      filter.kind === 'bpf' &&
      filter.programId === programId,
  );
}

/** Deletes the filter at `place` if it runs this program. @returns whether it did. */
export function deleteOwnFilter(
  socket: NetlinkSocket,
  ifindex: number,
  place: FilterPlace,
  programId: number,
): boolean {
  return isFilterOf(socket, ifindex, place, programId) && deleteFilter(socket, ifindex, place);
}

/** Deletes the clsact qdisc unless a filter is left on it. @returns whether it is gone now. */
export function deleteClsactIfEmpty(socket: NetlinkSocket, ifindex: number): boolean {
  const used = (['ingress', 'egress'] as const).some(
    (direction) => listFilters(socket, ifindex, direction).length > 0,
  );
  return !used && deleteClsact(socket, ifindex);
}
