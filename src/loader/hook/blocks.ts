// Blocks of filters that the clsact qdiscs of many interfaces share (since Linux 4.17), by their numbers.

import type { HookDirection } from '../bpf/mprog.ts';
import { LoaderError } from '../errors.ts';
import { type Filter, listSite } from '../netlink/filter.ts';
import { blockSite, type FilterPlace, getRequest } from '../netlink/filter-request.ts';
import { type ClsactBlocks, type ClsactInfo, deleteClsactRequest, listClsacts } from '../netlink/qdisc.ts';
import type { BatchRequest } from '../netlink/request.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';

/** Numbers that nobody in this network namespace uses, from the upper half: small ones are given by hand. */
export function freeBlocks(socket: NetlinkSocket): Required<ClsactBlocks> {
  const pick = (): number => {
    for (;;) {
      const block = 2 ** 31 + Math.floor(Math.random() * (2 ** 31 - 1));
      if (!isBlock(socket, block)) return block;
    }
  };
  const ingress = pick();
  let egress = pick();
  while (egress === ingress) egress = pick();
  return { ingress, egress };
}

/** Somewhere that there is no filter, most likely. */
const NOWHERE: FilterPlace = { direction: 'ingress', priority: 1, handle: 1 };

/** Whether there is such a block: the kernel tells one that is not there from one without such a filter. */
function isBlock(socket: NetlinkSocket, block: number): boolean {
  const { type, flags, payload } = getRequest(blockSite(block), NOWHERE);
  try {
    socket.request(type, flags, payload, {
      request: 'RTM_GETTFILTER',
      what: `cannot look for block ${block}`,
      object: `block ${block}`,
    });
    return true;
  } catch (error) {
    if (error instanceof LoaderError && error.code === 'EINVAL') return false;
    if (error instanceof LoaderError && error.code === 'ENOENT') return true;
    throw error;
  }
}

/** Deletes those of the qdiscs that are bound to these blocks. */
export function leave(
  socket: NetlinkSocket,
  ifindexes: readonly number[],
  blocks: Required<ClsactBlocks>,
  found: ReadonlyMap<number, ClsactInfo> = listClsacts(socket),
): void {
  const bound = ifindexes.filter((ifindex) => {
    const is = found.get(ifindex)?.blocks;
    return is?.ingress === blocks.ingress && is.egress === blocks.egress;
  });
  socket.batch(bound.map(deleteClsactRequest), (i) => ({
    request: 'a batch',
    what: `cannot delete the clsact qdisc of interface ${bound[i]}`,
  }));
}

export const listBlock = (socket: NetlinkSocket, block: number, direction: HookDirection): Filter[] =>
  listSite(socket, blockSite(block), direction);

/** A request about the filters of a block. */
export function ask(
  socket: NetlinkSocket,
  { type, flags, payload }: BatchRequest,
  action: string,
  block: number,
): void {
  const object = `block ${block}`;
  socket.request(type, flags, payload, {
    request: 'RTM_NEWTFILTER',
    what: `cannot ${action} ${object}`,
    object,
  });
}
