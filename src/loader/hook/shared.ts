// One filter for many interfaces: their clsact qdiscs share a block for each side (since Linux 4.17). Attaching costs one
// small request for each interface, swapping one for all of them, and the kernel's list of blocks stays short.
// The price: while they share, nobody can put a filter on one of them alone (the kernel refuses and says so).

import type { HookDirection } from '../bpf/mprog.ts';
import { LoaderError } from '../errors.ts';
import {
  addRequest,
  blockSite,
  deleteRequest,
  type FilterPlace,
  type FilterWish,
  replaceRequest,
} from '../netlink/filter-request.ts';
import { findIndexes } from '../netlink/interface-index.ts';
import { addSharedClsactRequest, type ClsactBlocks, clsactTaken, listClsacts } from '../netlink/qdisc.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import { netnsInode } from '../netns.ts';
import { BpfProgram } from '../program.ts';
import { again, requireFitting, within } from './attach.ts';
import { ask, freeBlocks, leave, listBlock } from './blocks.ts';
import { batch, placeOf, type Target } from './bulk-clsact.ts';
import { BulkError, type BulkFailure } from './bulk-error.ts';
import { resolveTargets } from './bulk-target.ts';
import type { ClsactAttachment, HookTarget } from './types.ts';

type Programs = { readonly [D in HookDirection]?: BpfProgram };

export interface SharedOptions extends Omit<HookTarget, 'interface'>, FilterWish {
  /** Names or indexes, each once. None of them may have a clsact qdisc yet. */
  readonly interfaces: readonly (string | number)[];
  readonly programs: Programs;
}

/** A filter on each side where there is a program, in the blocks that the interfaces share. */
export interface SharedAttachment extends Pick<ClsactAttachment, 'netns' | 'netnsInode'> {
  readonly blocks: Required<ClsactBlocks>;
  readonly ifindexes: readonly number[];
  readonly filters: readonly { readonly place: FilterPlace; readonly programId: number }[];
}

const DIRECTIONS: readonly HookDirection[] = ['ingress', 'egress'];

/**
 * Attaches to many interfaces by one filter for each side.
 *
 * @throws BulkError with every interface that failed and why, and nothing left behind: `EBUSY` for one that has a
 * clsact qdisc already.
 */
export function attachShared(options: SharedOptions): SharedAttachment {
  const { interfaces, programs, netns } = options;
  const sides = sidesOf(programs);
  if (sides.length === 0) throw new TypeError('attachShared: there is no program to attach');
  return within(options, (socket) => {
    const targets = requireTargets(interfaces);
    const blocks = freeBlocks(socket);
    bind(socket, targets, blocks, interfaces.length);
    const ifindexes = targets.map(({ ifindex }) => ifindex);
    try {
      const filters = sides.map(({ direction, program, programId }) => {
        const place = placeOf(direction, options);
        ask(
          socket,
          addRequest(blockSite(blocks[direction]), program, place),
          'add a filter to',
          blocks[direction],
        );
        return { place, programId };
      });
      return { netns, netnsInode: netnsInode(), blocks, ifindexes, filters };
    } catch (error) {
      // With the last of its qdiscs a block goes, and its filters with it.
      leave(socket, ifindexes, blocks);
      throw error;
    }
  });
}

/** Lets more interfaces share. @returns the attachment with them. @throws BulkError as `attachShared` */
export function joinShared(
  attachment: SharedAttachment,
  interfaces: readonly (string | number)[],
  socket?: NetlinkSocket,
): SharedAttachment {
  return again(attachment, socket, (open) => {
    const targets = requireTargets(interfaces);
    bind(open, targets, attachment.blocks, interfaces.length);
    return { ...attachment, ifindexes: [...attachment.ifindexes, ...targets.map(({ ifindex }) => ifindex)] };
  });
}

/**
 * Swaps the program of a side on all interfaces at once.
 *
 * @returns the attachment as it is now.
 * @throws LoaderError with code `ENOENT` when the filter is gone or runs another program; then none is swapped.
 */
export function swapShared(
  attachment: SharedAttachment,
  programs: Programs,
  socket?: NetlinkSocket,
): SharedAttachment {
  const sides = sidesOf(programs);
  return again(attachment, socket, (open) => {
    const filters = [...attachment.filters];
    const undo: (() => void)[] = [];
    try {
      for (const { direction, program, programId } of sides) {
        const at = filters.findIndex(({ place }) => place.direction === direction);
        const filter = filters[at];
        const block = attachment.blocks[direction];
        if (filter === undefined || !isThere(open, block, filter)) {
          throw new LoaderError(`there is no filter of ours on the ${direction} of block ${block} (ENOENT)`, {
            code: 'ENOENT',
            object: `block ${block}`,
          });
        }
        const replaceBy = (next: BpfProgram): void =>
          ask(open, replaceRequest(blockSite(block), filter.place, next), 'replace the filter of', block);
        replaceBy(program);
        undo.push(() => {
          using old = BpfProgram.openById(filter.programId);
          if (old !== undefined) replaceBy(old);
        });
        filters[at] = { place: filter.place, programId };
      }
    } catch (error) {
      for (const each of undo.reverse()) each();
      throw error;
    }
    return { ...attachment, filters };
  });
}

/**
 * Takes the filters off all interfaces, then their qdiscs; those stay when somebody else has put something there.
 *
 * @returns whether all of the filters were there.
 */
export function detachShared(attachment: SharedAttachment, socket?: NetlinkSocket): boolean {
  const { blocks, filters, ifindexes } = attachment;
  return again(attachment, socket, (open) => {
    const ours = filters.filter((filter) => isThere(open, blocks[filter.place.direction], filter));
    for (const { place } of ours) {
      const block = blocks[place.direction];
      ask(open, deleteRequest(blockSite(block), place), 'delete the filter of', block);
    }
    unbind(open, ifindexes, blocks);
    return ours.length === filters.length;
  });
}

function sidesOf(programs: Programs) {
  return DIRECTIONS.flatMap((direction) => {
    const program = programs[direction];
    if (program === undefined) return [];
    requireFitting('clsact', direction, { program });
    // Asked before anything is changed, for it may fail.
    return [{ direction, program, programId: program.info.id }];
  });
}

/** Every interface has to be there before the first is touched. */
function requireTargets(interfaces: readonly (string | number)[]): Target[] {
  const failures: BulkFailure[] = [];
  const targets = resolveTargets(interfaces, findIndexes(interfaces), failures);
  if (failures.length > 0)
    throw new BulkError('attach to', interfaces.length, failures, 'nothing was changed');
  return targets;
}

/** Makes the qdiscs. @throws BulkError, with none of them left */
function bind(
  socket: NetlinkSocket,
  targets: readonly Target[],
  blocks: Required<ClsactBlocks>,
  count: number,
): void {
  const errors = batch(socket, 'add a clsact qdisc to', targets, addSharedClsactRequest(0, blocks));
  if (errors.every((error) => error === undefined)) return;
  const found = listClsacts(socket);
  const failures = targets.flatMap(({ which, ifindex }, i): BulkFailure[] => {
    const error = errors[i];
    if (error === undefined) return [];
    const taken = error.code === 'EEXIST';
    return [
      { interface: which, error: taken ? clsactTaken(ifindex, found.get(ifindex)?.kind, error) : error },
    ];
  });
  const made = targets.filter((_, i) => errors[i] === undefined).map(({ ifindex }) => ifindex);
  leave(socket, made, blocks);
  throw new BulkError('attach to', count, failures, 'nothing stays attached');
}

/** Deletes the qdiscs unless there are filters in their blocks. */
function unbind(socket: NetlinkSocket, ifindexes: readonly number[], blocks: Required<ClsactBlocks>): void {
  if (DIRECTIONS.some((direction) => listBlock(socket, blocks[direction], direction).length > 0)) return;
  leave(socket, ifindexes, blocks);
}

const isThere = (
  socket: NetlinkSocket,
  block: number,
  { place, programId }: SharedAttachment['filters'][number],
): boolean =>
  listBlock(socket, block, place.direction).some(
    (filter) =>
      filter.priority === place.priority &&
      filter.handle === place.handle &&
      filter.chain === (place.chain ?? 0) &&
      filter.programId === programId,
  );
