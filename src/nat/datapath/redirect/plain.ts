// The packets that are sent on past the stack: for this host, with plain headers, whole, and sound as far as the stack would
// look before it forwards them. All others it gets, with their options, fragments, tags and lies.

import type { Condition, Place, Value, Variable, ViewOf } from '../../../asm/index.ts';
import { PACKET_HOST } from '../frame.ts';
import { EXTENSIONS, ethhdr, IP_FRAGMENT, IPV6_VERSION, iphdr, ipv6hdr, PLAIN_HEADER } from '../headers.ts';
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
import { isOneOf, type Payload } from '../transport.ts';
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

/** Runs `then` for such a packet among those that the instance's own programs translate. */
export function wherePlain(path: TcPath, packet: IpPacket, then: (plain: Plain) => void): void {
  const { p, leave } = path;
  const { at, end } = packet.payload;
  const length = path.length();
  const isExact = end.eq(length).or(length.le(ETH_ZLEN));
  p.when(at.eq(transportAt(packet.version)).and(isOrdinary(path)).and(isExact), () => {
    // Read before, and so without another look at where the frame ends.
    const orElse = (): void => leave('helper_failed');
    if (packet.version === 4) {
      const [, ip] = p.packet.read([ethhdr, iphdr], { orElse });
      p.when(isSound4(path, ip), () => then(plain4(ip)));
    } else {
      const [, ip] = p.packet.read([ethhdr, ipv6hdr], { orElse });
      p.when(isSound6(path, ip), () => then(plain6(ip)));
    }
  });
}

/** Reads such a packet where it arrives from the inside; all others are the stack's. */
export function readPlainIpv4(path: TcPath): { readonly packet: IpPacket; readonly plain: Plain } {
  const { p, leave } = path;
  const toStack = (): void => leave('malformed');
  const [, ip] = p.packet.read([ethhdr, iphdr], { orElse: toStack });
  p.rarely(isOrdinary(path).and(ip.versionIhl.eq(PLAIN_HEADER)).not(), toStack);
  const payload = payloadOf(path, 4, ip.protocol.get(), ip.totLen.toHost(), ethhdr.size);
  p.rarely(isSound4(path, ip).not(), toStack);
  const packet: IpPacket = {
    version: 4,
    source: wordsOf(ip.saddr),
    destination: wordsOf(ip.daddr),
    headerChecksum: ip.check,
    hopLimit: ip.ttl,
    payload,
    isLater: () => ip.fragOff.and(IP_FRAGMENT).ne(0),
    segmentsLeft: undefined,
  };
  return { packet, plain: plain4(ip) };
}

export function readPlainIpv6(path: TcPath): { readonly packet: IpPacket; readonly plain: Plain } {
  const { p, leave } = path;
  const toStack = (): void => leave('malformed');
  const [, ip] = p.packet.read([ethhdr, ipv6hdr], { orElse: toStack });
  const isVersion6 = ip.versionClassFlow.toHost().shr(28).eq(IPV6_VERSION);
  p.rarely(isOrdinary(path).and(isVersion6).not(), toStack);
  p.rarely(isOneOf(ip.nexthdr, EXTENSIONS), toStack);
  const start = ethhdr.size + ipv6hdr.size;
  const payload = payloadOf(path, 6, ip.nexthdr.get(), ip.payloadLen.toHost(), start);
  p.rarely(isSound6(path, ip).not(), toStack);
  const packet: IpPacket = {
    version: 6,
    source: wordsOf(ip.saddr),
    destination: wordsOf(ip.daddr),
    headerChecksum: undefined,
    hopLimit: ip.hopLimit,
    payload,
    isLater: () => p.constant('u32', 0).ne(0),
    segmentsLeft: undefined,
  };
  return { packet, plain: plain6(ip) };
}

/** What is behind a plain header; `length` bytes from `start` on are the packet's. */
function payloadOf(
  { p, leave, length: lengthOf }: TcPath,
  version: IpVersion,
  protocol: Value<'u8'>,
  length: Value<'u16'>,
  start: number,
): Payload {
  const toStack = (): void => leave('malformed');
  const at = transportAt(version);
  const frame = lengthOf();
  const end: Variable<'u32'> = p.variable('u32', length.add(start));
  p.rarely(end.ne(frame), () => {
    // A super-packet of more than 64 KiB (BIG TCP) says zero.
    p.when(length.eq(0).and(p.skb.gsoSize.ne(0)), () => end.set(frame));
    p.when(end.gt(frame).or(end.lt(at)), toStack);
    p.when(end.ne(frame).and(frame.gt(ETH_ZLEN)), toStack);
  });
  return { version, protocol, at: p.constant('u32', at), atMost: at, end: end.get() };
}

/** For this host, with no tag beside it (which would make it another interface's), and not marked by another program. */
const isOrdinary = ({ p: { skb } }: TcPath): Condition =>
  skb.pktType.or(skb.vlanPresent).or(skb.mark).eq(PACKET_HOST);

function isSound4({ p, direction, leave }: TcPath, ip: ViewOf<typeof iphdr>): Condition {
  const orElse = (): void => leave('helper_failed');
  const [{ words }] = p.packet.read([headerWords], { at: ethhdr.size, orElse });
  const other = sideOf(direction).other === 'source' ? ip.saddr : ip.daddr;
  const isWrong = isWrongSum(words.map((word) => word.get())).or(isUnroutable4(other.toHost()));
  return ip.ttl.gt(1).and(ip.fragOff.and(IP_FRAGMENT).eq(0)).and(isWrong.not());
}

function isSound6({ direction }: TcPath, ip: ViewOf<typeof ipv6hdr>): Condition {
  const other = wordsOf(sideOf(direction).other === 'source' ? ip.saddr : ip.daddr);
  return ip.hopLimit.gt(1).and(isUnroutable6(other[0]!.toHost()).not());
}

const plain4 = (ip: ViewOf<typeof iphdr>): Plain => ({
  hopLimit: ip.ttl,
  flow: ip.tos.shl(24).toNetwork(),
});
const plain6 = (ip: ViewOf<typeof ipv6hdr>): Plain => ({
  hopLimit: ip.hopLimit,
  flow: ip.versionClassFlow.and(IPV6_FLOWINFO_MASK),
});
