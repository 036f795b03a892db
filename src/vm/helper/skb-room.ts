// Helpers that make an skb longer or shorter, in front, behind, or between its headers (net/core/filter.c). Left out:
// what only a device driver sees (GSO types, inner header offsets).

import type { Machine } from '../core/machine.ts';
import type { HelperModels } from '../environment.ts';
import { EALREADY, EFAULT, EINVAL, ENOMEM, ENOTSUPP } from '../errno.ts';
import { ETH_HLEN, ETH_P_IP, ETH_P_IPV6, toNetworkOrder } from '../packet/ethernet.ts';
import type { Skb } from '../packet/skb.ts';
import { shifted, subtract, sumOf } from '../packet/sum.ts';
import * as args from './arguments.ts';

/** enum bpf_adj_room_mode */
const BPF_ADJ_ROOM_NET = 0;
const BPF_ADJ_ROOM_MAC = 1;
const FIXED_GSO = 1 << 0;
const ENCAP_L3_IPV4 = 1 << 1;
const ENCAP_L3_IPV6 = 1 << 2;
const ENCAP_L4_GRE = 1 << 3;
const ENCAP_L4_UDP = 1 << 4;
const NO_CSUM_RESET = 1 << 5;
const ENCAP_L2_ETH = 1 << 6;
const DECAP_L3_IPV4 = 1 << 7;
const DECAP_L3_IPV6 = 1 << 8;
const ENCAP_L3 = ENCAP_L3_IPV4 | ENCAP_L3_IPV6;
const DECAP_L3 = DECAP_L3_IPV4 | DECAP_L3_IPV6;
/** The length of an inner link-layer header stands in the topmost byte of the flags. */
const ENCAP_L2_SHIFT = 56n;
const ENCAP_L2_MASK = 0xffn << ENCAP_L2_SHIFT;
const PLAIN_FLAGS = 0x1ff;
const MAX_DIFFERENCE = 0xfff;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
/** Kernel's SKB_MAX_ALLOC with pages of 4 KiB: order 2, less what the kernel itself needs. */
const MAX_LENGTH = 4 * 4096 - 320;

const headerOf = (protocol: number): number | undefined =>
  protocol === ETH_P_IP ? IPV4_HEADER : protocol === ETH_P_IPV6 ? IPV6_HEADER : undefined;
const protocolOf = (skb: Skb): number => toNetworkOrder(skb.get('protocol'));

function setProtocol(skb: Skb, protocol: number): void {
  skb.set('protocol', toNetworkOrder(protocol));
}

/** bpf_skb_generic_pop */
function pop(skb: Skb, offset: number, length: number): boolean {
  const { packet, checksum } = skb;
  if (!packet.pull(offset + length)) return false;
  if (checksum.state === 'complete') {
    checksum.sum = subtract(checksum.sum, shifted(sumOf(packet.range(offset, length)!), 0));
  }
  packet.remove(offset, length);
  return true;
}

function adjustRoom(machine: Machine): void {
  const skb = args.skb(machine);
  const error = adjust(skb, args.s32(machine, 2), args.u32(machine, 3), args.u64(machine, 4));
  args.result(machine, error);
  skb.moved(machine);
}

function adjust(skb: Skb, difference: number, mode: number, allFlags: bigint): number {
  const flags = Number(allFlags & ~ENCAP_L2_MASK);
  const innerMac = Number(allFlags >> ENCAP_L2_SHIFT);
  if (flags > PLAIN_FLAGS) return -EINVAL;
  const length = Math.abs(difference);
  if (length > MAX_DIFFERENCE) return -EFAULT;
  const header = headerOf(protocolOf(skb));
  if (header === undefined) return -ENOTSUPP;
  if (mode !== BPF_ADJ_ROOM_NET && mode !== BPF_ADJ_ROOM_MAC) return -ENOTSUPP;
  const offset = skb.macLength + (mode === BPF_ADJ_ROOM_NET ? header : 0);
  let least = header;
  if (flags & DECAP_L3) {
    if (difference >= 0 || (flags & DECAP_L3) === DECAP_L3) return -EINVAL;
    least = flags & DECAP_L3_IPV4 ? IPV4_HEADER : IPV6_HEADER;
  }
  const current = skb.packet.length - skb.macLength;
  if (difference < 0 && (length >= current || current - length < least)) return -ENOTSUPP;
  if (difference >= 0 && skb.packet.length + length > MAX_LENGTH && skb.get('gso_size') === 0) {
    return -ENOTSUPP;
  }
  const error =
    difference < 0
      ? shrink(skb, offset, length, flags, innerMac)
      : grow(skb, offset, length, flags, innerMac);
  const { checksum } = skb;
  if (error === 0 && (flags & NO_CSUM_RESET) === 0 && checksum.state === 'unnecessary')
    checksum.state = 'none';
  return error;
}

function grow(skb: Skb, offset: number, length: number, flags: number, innerMac: number): number {
  if (flags & ENCAP_L3) {
    if ((flags & ENCAP_L3) === ENCAP_L3) return -EINVAL;
    if (flags & ENCAP_L4_GRE && flags & ENCAP_L4_UDP) return -EINVAL;
    if (flags & ENCAP_L2_ETH && innerMac < ETH_HLEN) return -EINVAL;
    if (skb.encapsulated) return -EALREADY;
    if (innerMac > length) return -EINVAL;
  }
  skb.packet.pull(offset);
  skb.packet.insert(offset, length);
  if (flags & ENCAP_L3) {
    skb.encapsulated = true;
    setProtocol(skb, flags & ENCAP_L3_IPV6 ? ETH_P_IPV6 : ETH_P_IP);
  }
  changeGso(skb, flags, -length);
  return 0;
}

function shrink(skb: Skb, offset: number, length: number, flags: number, innerMac: number): number {
  if (flags & ~(FIXED_GSO | DECAP_L3 | NO_CSUM_RESET) || innerMac !== 0) return -EINVAL;
  if (!pop(skb, offset, length)) return -ENOMEM;
  if (flags & DECAP_L3) setProtocol(skb, flags & DECAP_L3_IPV6 ? ETH_P_IPV6 : ETH_P_IP);
  changeGso(skb, flags, length);
  return 0;
}

/** A super-packet's segments get smaller by as much as its headers grow. */
function changeGso(skb: Skb, flags: number, by: number): void {
  const gso = skb.get('gso_size');
  if (gso === 0) return;
  skb.set('gso_segs', 0);
  if ((flags & FIXED_GSO) === 0) skb.set('gso_size', gso + by);
}

function changeProto(machine: Machine): void {
  const skb = args.skb(machine);
  const to = toNetworkOrder(args.u32(machine, 2) & 0xffff);
  args.result(machine, args.u64(machine, 3) === 0n ? translate(skb, to) : -EINVAL);
  skb.moved(machine);
}

function translate(skb: Skb, to: number): number {
  const from = protocolOf(skb);
  const difference = IPV6_HEADER - IPV4_HEADER;
  if (from === ETH_P_IP && to === ETH_P_IPV6) skb.packet.insert(skb.macLength, difference);
  else if (from !== ETH_P_IPV6 || to !== ETH_P_IP) return -ENOTSUPP;
  else if (!pop(skb, skb.macLength, difference)) return -ENOMEM;
  setProtocol(skb, to);
  skb.set('hash', 0);
  return 0;
}

function changeHead(machine: Machine): void {
  const skb = args.skb(machine);
  const room = args.s32(machine, 2);
  const { packet } = skb;
  const tooLong = packet.length + room > MAX_LENGTH && skb.get('gso_size') === 0;
  const refused = args.u64(machine, 3) !== 0n || room < 0 || tooLong;
  if (!refused) {
    packet.insert(0, room);
    skb.macLength += room;
  }
  args.result(machine, refused ? -EINVAL : 0);
  skb.moved(machine);
}

function changeTail(machine: Machine): void {
  const skb = args.skb(machine);
  args.result(machine, resize(skb, args.u32(machine, 2), args.u64(machine, 3)));
  skb.moved(machine);
}

function resize(skb: Skb, length: number, flags: bigint): number {
  const { checksum, packet } = skb;
  const partial = checksum.state === 'partial';
  const least = partial ? checksum.start + checksum.offset + 2 : skb.macLength;
  if (flags !== 0n || length > MAX_LENGTH || length < least) return -EINVAL;
  if (skb.encapsulated) return -ENOTSUPP;
  if (checksum.state === 'complete' && length < packet.length) {
    const cut = packet.range(length, packet.length - length)!;
    checksum.sum = subtract(checksum.sum, shifted(sumOf(cut), length));
  }
  packet.resize(length);
  skb.set('gso_size', 0);
  skb.set('gso_segs', 0);
  return 0;
}

export const SKB_ROOM_HELPERS: HelperModels<
  'skb_adjust_room' | 'skb_change_proto' | 'skb_change_head' | 'skb_change_tail'
> = {
  skb_adjust_room: adjustRoom,
  skb_change_proto: changeProto,
  skb_change_head: changeHead,
  skb_change_tail: changeTail,
};
