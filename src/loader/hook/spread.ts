// One program on the ingress of many interfaces, whatever else is on them. Where there is no clsact qdisc yet they get one
// that shares its filters with all the others (shared.ts), which costs a small request each; where there is one already,
// it gets a filter more and stays whose it is. What is ours is known by the program.

import { LoaderError } from '../errors.ts';
import { deleteFilter, listFilters } from '../netlink/filter.ts';
import { addRequest, blockSite, deleteRequest } from '../netlink/filter-request.ts';
import { addSharedClsactRequest, type ClsactBlocks, type ClsactInfo, listClsacts } from '../netlink/qdisc.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import type { BpfProgram } from '../program.ts';
import { requireFitting } from './attach.ts';
import { ask, freeBlocks, leave, listBlock } from './blocks.ts';
import { attachFilters, batch, placeOf, type Target } from './bulk-clsact.ts';
import { BulkError, type BulkFailure } from './bulk-error.ts';

export type Blocks = Required<ClsactBlocks>;

export interface SpreadOptions {
  /** In the network namespace of the interfaces. */
  readonly socket: NetlinkSocket;
  /** Indexes and the names to call them by in errors. */
  readonly interfaces: ReadonlyMap<number, string>;
  readonly program: BpfProgram;
  /** Of `blocksFor`. */
  readonly blocks: Blocks;
}

const isIn = (info: ClsactInfo | undefined, blocks: Blocks | undefined): boolean =>
  blocks !== undefined && info?.blocks.ingress === blocks.ingress && info.blocks.egress === blocks.egress;

/**
 * The blocks that interfaces are to share: those of an earlier spread of the same program, as long as its filter is in
 * there or one of `ours` is bound to them, else new ones. They are not made yet, so that they can be written down first.
 */
export function blocksFor(
  socket: NetlinkSocket,
  known: Blocks | undefined,
  programId: number,
  ours: readonly number[],
): Blocks {
  if (known !== undefined && ourFilters(socket, known, programId).length > 0) return known;
  if (known === undefined) return freeBlocks(socket);
  const found = listClsacts(socket);
  return ours.some((ifindex) => isIn(found.get(ifindex), known)) ? known : freeBlocks(socket);
}

/**
 * Attaches. Where the program is already nothing is done.
 *
 * @throws BulkError with every interface that failed and why, and nothing left behind: `ENODEV` for one that is gone,
 * `EBUSY` for one whose qdisc shares the filters of somebody else's, which would get ours as well.
 */
export function spread({ socket, interfaces, program, blocks }: SpreadOptions): void {
  requireFitting('clsact', 'ingress', { program });
  const { id } = program.info;
  const targets = [...interfaces].map(([ifindex, which]): Target => ({ ifindex, which }));
  const failures: BulkFailure[] = [];
  const [bound, own]: [number[], number[]] = [[], []];
  try {
    const errors = batch(socket, 'add a clsact qdisc to', targets, addSharedClsactRequest(0, blocks));
    const taken: Target[] = [];
    for (const [i, target] of targets.entries()) {
      const error = errors[i];
      if (error === undefined) bound.push(target.ifindex);
      else if (error.code === 'EEXIST') taken.push(target);
      else failures.push({ interface: target.which, error });
    }
    if (bound.length > 0 && ourFilters(socket, blocks, id).length === 0) {
      ask(
        socket,
        addRequest(blockSite(blocks.ingress), program, placeOf('ingress', {})),
        'add a filter to',
        blocks.ingress,
      );
    }
    if (taken.length > 0) addOwn(socket, taken, program, blocks, own, failures);
  } catch (error) {
    takeOff(socket, bound, own, blocks, id);
    throw error;
  }
  if (failures.length === 0) return;
  takeOff(socket, bound, own, blocks, id);
  throw new BulkError('attach to', targets.length, failures, 'nothing stays attached');
}

/** Filters beside those of others, on interfaces that have a clsact or an ingress qdisc. @param own gets those it did */
function addOwn(
  socket: NetlinkSocket,
  taken: readonly Target[],
  program: BpfProgram,
  blocks: Blocks,
  own: number[],
  failures: BulkFailure[],
): void {
  const found = listClsacts(socket);
  const { id } = program.info;
  const missing = taken.filter(({ which, ifindex }) => {
    const info = found.get(ifindex);
    if (isIn(info, blocks)) return false;
    if (info?.blocks.ingress !== undefined) {
      failures.push({ interface: which, error: sharedByOthers(which, info.blocks.ingress) });
      return false;
    }
    return filtersOf(socket, ifindex, id).length === 0;
  });
  const outcomes = attachFilters(socket, missing, [], 'ingress', program, {});
  for (const [i, outcome] of outcomes.entries()) {
    const { which, ifindex } = missing[i]!;
    if (outcome instanceof LoaderError) failures.push({ interface: which, error: outcome });
    else own.push(ifindex);
  }
}

function sharedByOthers(which: string | number, block: number): LoaderError {
  const object = `interface '${which}'`;
  return new LoaderError(
    `cannot add a filter to ${object}: its qdisc takes its filters from block ${block}, which others share (EBUSY)`,
    { code: 'EBUSY', object, hint: `have its owner give it a qdisc without a block` },
  );
}

/** Where the program runs, of these interfaces. */
export function whereSpread(
  socket: NetlinkSocket,
  ifindexes: readonly number[],
  programId: number,
  blocks: Blocks | undefined,
): Set<number> {
  const found = listClsacts(socket);
  const isShared = blocks !== undefined && ourFilters(socket, blocks, programId).length > 0;
  const runs = (ifindex: number): boolean => {
    const info = found.get(ifindex);
    if (info === undefined) return false;
    if (isIn(info, blocks)) return isShared;
    return filtersOf(socket, ifindex, programId).length > 0;
  };
  return new Set(ifindexes.filter(runs));
}

/**
 * Takes the program off these interfaces, with the qdiscs that were made for it; those of others stay, and so do those
 * of blocks in which somebody else has put a filter meanwhile.
 */
function gather(
  socket: NetlinkSocket,
  ifindexes: readonly number[],
  found: ReadonlyMap<number, ClsactInfo>,
  programId: number,
  blocks: Blocks,
): void {
  const bound = ifindexes.filter((ifindex) => isIn(found.get(ifindex), blocks));
  const own = ifindexes.filter((ifindex) => !isIn(found.get(ifindex), blocks));
  for (const ifindex of own) {
    for (const filter of filtersOf(socket, ifindex, programId)) deleteFilter(socket, ifindex, filter);
  }
  if (bound.length === 0) return;
  const isLast = [...found.values()].filter((info) => isIn(info, blocks)).length === bound.length;
  if (isLast) {
    // With the last of its qdiscs a block goes, and with it the filters of whoever put one there.
    const ours = ourFilters(socket, blocks, programId);
    for (const { priority, handle, chain } of ours) {
      const place = { direction: 'ingress' as const, priority, handle, chain };
      ask(socket, deleteRequest(blockSite(blocks.ingress), place), 'delete the filter of', blocks.ingress);
    }
    const others = (['ingress', 'egress'] as const).flatMap((side) => listBlock(socket, blocks[side], side));
    if (others.length > 0) return;
  }
  leave(socket, bound, blocks, found);
}

/** The same wherever the program is in the network namespace of the socket, but on these. */
export function gatherBut(
  socket: NetlinkSocket,
  kept: ReadonlySet<number>,
  programId: number,
  blocks: Blocks,
): void {
  const found = listClsacts(socket);
  gather(
    socket,
    [...found.keys()].filter((ifindex) => !kept.has(ifindex)),
    found,
    programId,
    blocks,
  );
}

export const gatherAll = (socket: NetlinkSocket, programId: number, blocks: Blocks): void =>
  gatherBut(socket, new Set(), programId, blocks);

/** Takes back what a spread has done before it failed. */
function takeOff(
  socket: NetlinkSocket,
  bound: readonly number[],
  own: readonly number[],
  blocks: Blocks,
  programId: number,
): void {
  for (const ifindex of own) {
    for (const filter of filtersOf(socket, ifindex, programId)) deleteFilter(socket, ifindex, filter);
  }
  leave(socket, bound, blocks);
}

const ourFilters = (socket: NetlinkSocket, { ingress }: Blocks, programId: number) => {
  try {
    return listBlock(socket, ingress, 'ingress').filter((filter) => filter.programId === programId);
  } catch (error) {
    // Of a block that is gone.
    if (error instanceof LoaderError && (error.code === 'EINVAL' || error.code === 'ENOENT')) return [];
    throw error;
  }
};

function filtersOf(socket: NetlinkSocket, ifindex: number, programId: number) {
  try {
    return listFilters(socket, ifindex, 'ingress').filter((filter) => filter.programId === programId);
  } catch (error) {
    if (error instanceof LoaderError && error.code === 'ENODEV') return [];
    throw error;
  }
}
