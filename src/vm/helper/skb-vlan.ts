// VLAN tags (skb_vlan_push and skb_vlan_pop in net/core/skbuff.c): the outermost lies beside the packet, where hardware
// takes it from; those further in are bytes of it.

import type { Machine } from '../core/machine.ts';
import type { HelperModels } from '../environment.ts';
import { ENOMEM } from '../errno.ts';
import { ETH_P_8021AD, ETH_P_8021Q, etherType, toNetworkOrder } from '../packet/ethernet.ts';
import type { Skb } from '../packet/skb.ts';
import { add, shifted, subtract, sumOf } from '../packet/sum.ts';
import * as args from './arguments.ts';

const VLAN_HLEN = 4;
const VLAN_ETH_HLEN = 18;
/** Behind both addresses: where a tag goes. */
const TAG_AT = 12;
const U16 = 0xffff;

const isVlan = (protocol: number): boolean => protocol === ETH_P_8021Q || protocol === ETH_P_8021AD;

function push(machine: Machine): void {
  const skb = args.skb(machine);
  const asked = toNetworkOrder(args.u32(machine, 2) & U16);
  const { vlan, packet } = skb;
  if (vlan) {
    packet.pull(TAG_AT);
    packet.insert(TAG_AT, VLAN_HLEN);
    const tag = packet.range(TAG_AT, VLAN_HLEN)!;
    tag.set([vlan.protocol >> 8, vlan.protocol & 0xff, vlan.tci >> 8, vlan.tci & 0xff]);
    skb.set('protocol', toNetworkOrder(vlan.protocol));
    countTag(skb, tag, add);
  }
  skb.vlan = { protocol: isVlan(asked) ? asked : ETH_P_8021Q, tci: args.u32(machine, 3) & U16 };
  args.result(machine, 0);
  skb.moved(machine);
}

function pop(machine: Machine): void {
  const skb = args.skb(machine);
  args.result(machine, takeTag(skb));
  skb.moved(machine);
}

function takeTag(skb: Skb): number {
  if (skb.vlan) skb.vlan = undefined;
  else if (!isVlan(protocolOf(skb))) return 0;
  else if (popInner(skb) === undefined) return -ENOMEM;
  const protocol = protocolOf(skb);
  if (!isVlan(protocol)) return 0;
  const tci = popInner(skb);
  if (tci === undefined) return -ENOMEM;
  skb.vlan = { protocol, tci };
  return 0;
}

/** __skb_vlan_pop: takes the outermost tag out of the bytes. */
function popInner(skb: Skb): number | undefined {
  const { packet } = skb;
  if (!packet.pull(VLAN_ETH_HLEN)) return undefined;
  const tag = packet.range(TAG_AT, VLAN_HLEN)!;
  countTag(skb, tag, subtract);
  const tci = (tag[2]! << 8) | tag[3]!;
  packet.remove(TAG_AT, VLAN_HLEN);
  skb.set('protocol', toNetworkOrder(etherType(packet.bytes(), skb.macLength)));
  return tci;
}

const protocolOf = (skb: Skb): number => toNetworkOrder(skb.get('protocol'));

function countTag({ checksum }: Skb, tag: Uint8Array, operation: (a: number, b: number) => number): void {
  if (checksum.state === 'complete') checksum.sum = operation(checksum.sum, shifted(sumOf(tag), TAG_AT));
}

export const SKB_VLAN_HELPERS: HelperModels<'skb_vlan_push' | 'skb_vlan_pop'> = {
  skb_vlan_push: push,
  skb_vlan_pop: pop,
};
