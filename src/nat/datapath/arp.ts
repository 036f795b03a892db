// ARP for mapped outside addresses that lie in a subnet of the interface (RFC 826): the LAN asks who has them, and
// nobody else would answer. The request is turned round in place and sent back where it came from: also to this host
// itself, which asks when it has something for them that will be taken in again (hairpin.ts).

import type { BytesPlace, Value, ViewOf } from '../../asm/index.ts';
import { type Frame, PACKET_OTHERHOST } from './frame.ts';
import { ARPHRD_ETHER, ARPOP_REPLY, ARPOP_REQUEST, arphdr, ETH_P_IP, ethhdr } from './headers.ts';
import type { TcPath } from './path.ts';
import { isMapped, marker, tablesOf } from './tables.ts';
import { isOnLink } from './words.ts';

/** An ARP request in hand. */
export interface ArpRequest {
  readonly eth: ViewOf<typeof ethhdr>;
  readonly arp: ViewOf<typeof arphdr>;
  /** Who is looked for, and who looks. */
  readonly target: Value<'be32'>;
  readonly asker: Value<'be32'>;
}

/** Reads a request that may be answered; `notOurs` ends the path of all else. */
export function readArpRequest(path: TcPath, frame: Frame, notOurs: () => void): ArpRequest {
  const { p } = path;
  // With a tag of a VLAN the request belongs to another interface.
  p.when(p.skb.vlanPresent.ne(0).or(frame.at.offset.ne(ethhdr.size)), notOurs);
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
  return { eth, arp, target, asker };
}

/** Turns the request round: `mac` is where the target is. */
export function writeArpReply({ eth, arp, target, asker }: ArpRequest, mac: BytesPlace): void {
  eth.dest.copyFrom(arp.senderMac);
  eth.source.copyFrom(mac);
  arp.op.set(ARPOP_REPLY);
  arp.targetMac.copyFrom(arp.senderMac);
  arp.targetIp.set(asker);
  arp.senderMac.copyFrom(mac);
  arp.senderIp.set(target);
}

/** Answers the ARP request in hand, or leaves it to others. Ends the path. */
export function answerArp(path: TcPath, frame: Frame): void {
  const { p, maps, direction, leave } = path;
  const notOurs = (): void => leave('arp');
  // Seen only because the interface is promiscuous: the kernel would not answer it either (arp_rcv).
  if (direction === 'inbound') p.when(p.skb.pktType.eq(PACKET_OTHERHOST), notOurs);
  const request = readArpRequest(path, frame, notOurs);
  const { target } = request;
  const outsides = tablesOf(path, 'inbound', 4);
  p.when(isMapped(p, outsides, [target], marker(4), { marked: 'mapped' }).eq(0), notOurs);
  const self = p.data(maps.interface);
  p.when(isOnLink(p, [target], self.subnets).eq(0), notOurs);
  writeArpReply(request, self.mac);
  leave('arp_answered');
}
