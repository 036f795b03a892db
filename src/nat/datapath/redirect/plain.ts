// The packets that are sent on past the stack: for this host, with plain headers, whole, and sound as far as the stack would
// look before it forwards them. All others it gets, with their options, fragments, tags and lies.

import type { Condition, Place, Value } from '../../../asm/index.ts';
import { PACKET_HOST } from '../frame.ts';
import { ethhdr, IP_FRAGMENT, iphdr, ipv6hdr } from '../headers.ts';
import { type IpPacket, sideOf } from '../ip-packet.ts';
import type { TcPath } from '../path.ts';
import {
  ETH_ZLEN,
  headerWords,
  IPV6_FLOWINFO_MASK,
  isUnroutable4,
  isUnroutable6,
  isWrongSum,
} from '../routable.ts';
import type { IpVersion } from '../tables.ts';
import { wordsOf } from '../words.ts';

/** What is done to a packet on its way, and what routing goes by, besides addresses and ports. */
export interface Plain {
  readonly hopLimit: Place<'u8'>;
  /** The TOS as first byte, or class and flow label. */
  readonly flow: Value<'be32'>;
}

/** Where the transport starts behind plain headers, from the start of the frame on. */
export const transportAt = (version: IpVersion): number =>
  ethhdr.size + (version === 4 ? iphdr.size : ipv6hdr.size);

/**
 * Runs `then` for such a packet. With tags or other devices, marked by another program, or with padding behind a packet that
 * is not short, it is none.
 */
export function wherePlain(path: TcPath, packet: IpPacket, then: (plain: Plain) => void): void {
  const { p } = path;
  const { skb } = p;
  const { at, end } = packet.payload;
  const length = path.length();
  const isOrdinary = skb.pktType.or(skb.vlanPresent).or(skb.mark).eq(PACKET_HOST);
  const isExact = end.eq(length).or(length.le(ETH_ZLEN));
  p.when(at.eq(transportAt(packet.version)).and(isOrdinary).and(isExact), () => {
    if (packet.version === 4) wherePlain4(path, then);
    else wherePlain6(path, then);
  });
}

function wherePlain4({ p, direction, leave }: TcPath, then: (plain: Plain) => void): void {
  // Read before, and so without another look at where the frame ends.
  const orElse = (): void => leave('helper_failed');
  const [, ip] = p.packet.read([ethhdr, iphdr], { orElse });
  const [{ words }] = p.packet.read([headerWords], { at: ethhdr.size, orElse });
  const other = sideOf(direction).other === 'source' ? ip.saddr : ip.daddr;
  const isRight = isWrongSum(words.map((word) => word.get()))
    .or(isUnroutable4(other.toHost()))
    .not();
  const isWhole = ip.fragOff.and(IP_FRAGMENT).eq(0);
  p.when(ip.ttl.gt(1).and(isWhole).and(isRight), () => {
    then({ hopLimit: ip.ttl, flow: ip.tos.shl(24).toNetwork() });
  });
}

function wherePlain6({ p, direction, leave }: TcPath, then: (plain: Plain) => void): void {
  const orElse = (): void => leave('helper_failed');
  const [, ip] = p.packet.read([ethhdr, ipv6hdr], { orElse });
  const other = wordsOf(sideOf(direction).other === 'source' ? ip.saddr : ip.daddr);
  const isRight: Condition = isUnroutable6(other[0]!.toHost()).not();
  p.when(ip.hopLimit.gt(1).and(isRight), () => {
    then({ hopLimit: ip.hopLimit, flow: ip.versionClassFlow.and(IPV6_FLOWINFO_MASK) });
  });
}
