// Programs as cls_bpf filters on clsact. Ours is known by place and program; the qdisc goes with it only if it was
// made for it and nobody else has anything on it.

import type { HookDirection } from '../bpf/mprog.ts';
import { LoaderError } from '../errors.ts';
import { addFilter, deleteFilter, listFilters, replaceFilter } from '../netlink/filter.ts';
import type { FilterPlace, FilterWish } from '../netlink/filter-request.ts';
import { deleteClsact, ensureClsact, findClsact } from '../netlink/qdisc.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import type { BpfProgram } from '../program.ts';
import type { FoundProgram } from './types.ts';

const DIRECTIONS: readonly HookDirection[] = ['ingress', 'egress'];

/** @throws LoaderError, with no qdisc left behind that was made for this. */
export function attachFilter(
  socket: NetlinkSocket,
  ifindex: number,
  direction: HookDirection,
  program: BpfProgram,
  wish: FilterWish,
): { readonly place: FilterPlace; readonly madeQdisc: boolean } {
  const madeQdisc = ensureClsact(socket, ifindex, direction);
  try {
    return { place: addFilter(socket, ifindex, direction, program, wish), madeQdisc };
  } catch (error) {
    if (madeQdisc) deleteClsactIfEmpty(socket, ifindex);
    throw error;
  }
}

/**
 * Swaps the program of a filter in its place.
 *
 * @throws LoaderError with code `ENOENT` when the filter is gone or runs another program than `oldProgramId`.
 */
export function swapFilter(
  socket: NetlinkSocket,
  ifindex: number,
  place: FilterPlace,
  oldProgramId: number,
  program: BpfProgram,
): void {
  if (!isFilterOf(socket, ifindex, place, oldProgramId)) {
    const object = `interface ${ifindex}`;
    const where = `priority ${place.priority} and handle ${place.handle} on the ${place.direction} of ${object}`;
    throw new LoaderError(`there is no filter of program ${oldProgramId} with ${where} (ENOENT)`, {
      code: 'ENOENT',
      object,
      hint: 'it was removed or replaced by somebody else',
    });
  }
  replaceFilter(socket, ifindex, place, program);
}

/** Takes off our filter, and the qdisc if it was made for it and is empty. @returns whether the filter was there. */
export function detachFilter(
  socket: NetlinkSocket,
  ifindex: number,
  place: FilterPlace,
  programId: number,
  madeQdisc: boolean,
): boolean {
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
  return filtersOf(socket, ifindex, place.direction).some(
    (filter) =>
      filter.priority === place.priority &&
      filter.handle === place.handle &&
      filter.chain === (place.chain ?? 0) &&
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
  return isClsactEmpty(socket, ifindex) && deleteClsact(socket, ifindex);
}

/** Whether there is no filter in either direction. */
export function isClsactEmpty(socket: NetlinkSocket, ifindex: number): boolean {
  return DIRECTIONS.every((direction) => filtersOf(socket, ifindex, direction).length === 0);
}

/** Of an interface that is gone there is none. */
function filtersOf(socket: NetlinkSocket, ifindex: number, direction: HookDirection) {
  try {
    return listFilters(socket, ifindex, direction);
  } catch (error) {
    if (error instanceof LoaderError && error.code === 'ENODEV') return [];
    throw error;
  }
}

/** The filters of an interface, those of other kinds too. */
export function listClsact(socket: NetlinkSocket, ifindex: number): FoundProgram[] {
  if (findClsact(socket, ifindex) === undefined) return [];
  return DIRECTIONS.flatMap((direction) =>
    listFilters(socket, ifindex, direction)
      .sort((a, b) => a.chain - b.chain || a.priority - b.priority)
      .map(({ priority, handle, chain, kind, programId }) => ({
        hook: 'clsact' as const,
        direction,
        programId,
        kind,
        place: { direction, priority, handle, ...(chain !== 0 && { chain }) },
      })),
  );
}
