// Blocks of filters that the clsact qdiscs of many interfaces share (since Linux 4.17), by their numbers.

import type { HookDirection } from '../bpf/mprog.ts';
import { type Filter, listSite } from '../netlink/filter.ts';
import { blockSite } from '../netlink/filter-request.ts';
import { type ClsactBlocks, type ClsactInfo, deleteClsactRequest, listClsacts } from '../netlink/qdisc.ts';
import type { BatchRequest } from '../netlink/request.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';

/** Numbers that no qdisc of this network namespace uses, from the upper half: small ones are given by hand. */
export function freeBlocks(found: ReadonlyMap<number, ClsactInfo>): Required<ClsactBlocks> {
  const used = new Set([...found.values()].flatMap(({ blocks }) => Object.values(blocks)));
  const pick = (): number => {
    for (;;) {
      const block = 2 ** 31 + Math.floor(Math.random() * (2 ** 31 - 1));
      if (!used.has(block)) {
        used.add(block);
        return block;
      }
    }
  };
  return { ingress: pick(), egress: pick() };
}

/** Deletes those of the qdiscs that are bound to these blocks. */
export function leave(
  socket: NetlinkSocket,
  ifindexes: readonly number[],
  blocks: Required<ClsactBlocks>,
): void {
  const found = listClsacts(socket);
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
