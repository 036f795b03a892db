// ARP for mapped outside addresses that lie in a subnet of the interface (RFC 826): the LAN asks who has them, and
// nobody else would answer. The request is turned round in place and sent back where it came from.

import type { TcBuilder } from '../../asm/index.ts';
import type { InstanceMaps } from '../maps.ts';
import { ARPHRD_ETHER, ARPOP_REPLY, ARPOP_REQUEST, arphdr, ETH_P_IP, ethhdr } from './headers.ts';
import type { Leave } from './verdict.ts';

/** `skb->pkt_type` of a frame for another station (include/uapi/linux/if_packet.h). */
const PACKET_OTHERHOST = 3;

/** Answers the ARP request in hand, or leaves it to others. Ends the path. */
export function answerArp(p: TcBuilder, maps: InstanceMaps, leave: Leave): void {
  const notOurs = (): void => leave('arp');
  // Seen only because the interface is promiscuous: the kernel would not answer it either (arp_rcv).
  p.when(p.skb.pktType.eq(PACKET_OTHERHOST), notOurs);
  // The tag of a VLAN stands beside the frame: the request belongs to another interface.
  p.when(p.skb.vlanPresent.ne(0), notOurs);
  const [eth, arp] = p.packet.read([ethhdr, arphdr], { orElse: notOurs });
  const isRequest = arp.op
    .eq(ARPOP_REQUEST)
    .and(arp.hrd.eq(ARPHRD_ETHER))
    .and(arp.pro.eq(ETH_P_IP))
    .and(arp.hln.eq(ethhdr.fields.source.size))
    .and(arp.pln.eq(arphdr.fields.targetIp.size));
  p.when(isRequest.not(), notOurs);
  const target = arp.targetIp.get();
  const asker = arp.senderIp.get();
  // An announcement of one's own address asks nothing (RFC 5227, section 3).
  p.when(target.eq(asker), notOurs);
  p.lookup(maps.inbound, target, { orElse: notOurs });
  const self = p.lookup(maps.interface, 0, { orElse: notOurs });
  const onLink = p.variable('u32', 0);
  for (const { network, mask } of self.subnets) {
    p.when(mask.ne(0).and(target.and(mask).eq(network)), () => onLink.set(1));
  }
  p.when(onLink.eq(0), notOurs);

  eth.dest.copyFrom(arp.senderMac);
  eth.source.copyFrom(self.mac);
  arp.op.set(ARPOP_REPLY);
  arp.targetMac.copyFrom(arp.senderMac);
  arp.targetIp.set(asker);
  arp.senderMac.copyFrom(self.mac);
  arp.senderIp.set(target);
  leave('arp_answered');
}
