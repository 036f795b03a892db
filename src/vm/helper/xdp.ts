// Helpers on an XDP buffer of one piece (net/core/filter.c). Left out: buffers in several pieces.

import type { Machine } from '../core/machine.ts';
import type { HelperModels } from '../environment.ts';
import { EACCES, EFAULT, EINVAL } from '../errno.ts';
import { ETH_HLEN } from '../packet/ethernet.ts';
import type { Packet } from '../packet/packet.ts';
import * as args from './arguments.ts';

/** Kernel's sizeof(struct xdp_frame), which keeps its place at the very front. */
const XDP_FRAME_SIZE = 40;
/** Kernel's xdp_metalen_invalid: a multiple of 4, in one byte. */
const META_UNIT = 4;
const MAX_META = 255;
const MAX_OFFSET = 0xffff;

function adjustHead(machine: Machine): void {
  const xdp = args.xdp(machine);
  const by = args.s32(machine, 2);
  const { packet } = xdp;
  const metaLength = packet.data - packet.meta;
  const data = packet.data + by;
  const refused = data < XDP_FRAME_SIZE + metaLength || data > packet.linearEnd - ETH_HLEN;
  if (!refused) {
    packet.region.bytes.copyWithin(packet.meta + by, packet.meta, packet.data);
    packet.meta += by;
    packet.data = data;
  }
  args.result(machine, refused ? -EINVAL : 0);
  xdp.moved(machine);
}

function adjustTail(machine: Machine): void {
  const xdp = args.xdp(machine);
  const by = args.s32(machine, 2);
  const { packet } = xdp;
  const end = packet.linearEnd + by;
  const refused = end > packet.region.bytes.length || end < packet.data + ETH_HLEN;
  if (!refused) {
    if (by > 0) packet.region.bytes.fill(0, packet.linearEnd, end);
    packet.linearEnd = end;
    packet.end = end;
  }
  args.result(machine, refused ? -EINVAL : 0);
  xdp.moved(machine);
}

function adjustMeta(machine: Machine): void {
  const xdp = args.xdp(machine);
  args.result(machine, moveMeta(xdp.packet, args.s32(machine, 2)));
  xdp.moved(machine);
}

function moveMeta(packet: Packet, by: number): number {
  const meta = packet.meta + by;
  if (meta < XDP_FRAME_SIZE || meta > packet.data) return -EINVAL;
  const length = packet.data - meta;
  if (length % META_UNIT !== 0 || length > MAX_META) return -EACCES;
  packet.meta = meta;
  return 0;
}

function range(machine: Machine, length: number): Uint8Array | number {
  const { packet } = args.xdp(machine);
  const offset = args.u32(machine, 2);
  if (offset > MAX_OFFSET || length > MAX_OFFSET) return -EFAULT;
  return packet.range(offset, length) ?? -EINVAL;
}

function load(machine: Machine): void {
  const to = args.writable(machine, 3, args.size(machine, 4));
  const from = range(machine, to.length);
  if (typeof from !== 'number') to.set(from);
  args.result(machine, typeof from === 'number' ? from : 0);
}

function store(machine: Machine): void {
  const from = args.readable(machine, 3, args.size(machine, 4));
  const to = range(machine, from.length);
  if (typeof to !== 'number') to.set(from);
  args.result(machine, typeof to === 'number' ? to : 0);
}

export const XDP_HELPERS: HelperModels<
  | 'xdp_adjust_head'
  | 'xdp_adjust_tail'
  | 'xdp_adjust_meta'
  | 'xdp_load_bytes'
  | 'xdp_store_bytes'
  | 'xdp_get_buff_len'
> = {
  xdp_adjust_head: adjustHead,
  xdp_adjust_tail: adjustTail,
  xdp_adjust_meta: adjustMeta,
  xdp_load_bytes: load,
  xdp_store_bytes: store,
  xdp_get_buff_len: (machine: Machine): void => args.result(machine, args.xdp(machine).packet.length),
};
