// The packets that XDP translates: those with plain headers, whole, and sound as far as routing looks at them. All others
// are left to the stack, which knows what to do with options, fragments, tags and lies.

import type { Place, Value } from '../../../asm/index.ts';
import { ethhdr, IP_FRAGMENT, IPV6_VERSION, iphdr, ipv6hdr, PLAIN_HEADER } from '../headers.ts';
import {
  ETH_ZLEN,
  headerWords,
  IPV6_FLOWINFO_MASK,
  isUnroutable4,
  isUnroutable6,
  isWrongSum,
} from '../routable.ts';
import type { IpVersion } from '../tables.ts';
import { type AddressPlace, wordsOf } from '../words.ts';
import type { XdpPath } from './station.ts';

export interface PlainPacket {
  readonly version: IpVersion;
  readonly source: AddressPlace;
  readonly destination: AddressPlace;
  readonly headerChecksum: Place<'be16'> | undefined;
  readonly hopLimit: Place<'u8'>;
  /** What routing goes by besides addresses: the TOS as first byte, or class and flow label. */
  readonly flow: Value<'be32'>;
  readonly protocol: Value<'u8'>;
  /** Where the transport header stands. */
  readonly at: number;
  /** Of the IP packet, and of what is behind its header. */
  readonly length: Value<'u32'>;
  readonly payloadLength: Value<'u32'>;
}

export function readPlainIpv4(path: XdpPath): PlainPacket {
  const { p } = path;
  const pass = (): void => p.pass();
  const [ip] = p.packet.read([iphdr], { at: ethhdr.size, orElse: pass });
  p.rarely(ip.versionIhl.ne(PLAIN_HEADER).or(ip.fragOff.and(IP_FRAGMENT).ne(0)), pass);
  const [{ words }] = p.packet.read([headerWords], { at: ethhdr.size, orElse: pass });
  p.rarely(isWrongSum(words.map((word) => word.get())), pass);
  p.rarely(isUnroutable4(ip.saddr.toHost()).or(isUnroutable4(ip.daddr.toHost())), pass);
  const length = p.variable('u32', ip.totLen.toHost()).get();
  p.rarely(length.lt(iphdr.size), pass);
  requireExact(path, length);
  return {
    version: 4,
    source: wordsOf(ip.saddr),
    destination: wordsOf(ip.daddr),
    headerChecksum: ip.check,
    hopLimit: ip.ttl,
    flow: ip.tos.shl(24).toNetwork(),
    protocol: ip.protocol.get(),
    at: ethhdr.size + iphdr.size,
    length,
    payloadLength: length.sub(iphdr.size),
  };
}

export function readPlainIpv6(path: XdpPath): PlainPacket {
  const { p } = path;
  const pass = (): void => p.pass();
  const [ip] = p.packet.read([ipv6hdr], { at: ethhdr.size, orElse: pass });
  const first = ip.versionClassFlow.get();
  p.rarely(first.toHost().shr(28).ne(IPV6_VERSION), pass);
  p.rarely(isUnroutable6(ip.saddr.at(0).toHost()).or(isUnroutable6(ip.daddr.at(0).toHost())), pass);
  const payloadLength = p.variable('u32', ip.payloadLen.toHost()).get();
  const length = payloadLength.add(ipv6hdr.size);
  requireExact(path, length);
  return {
    version: 6,
    source: wordsOf(ip.saddr),
    destination: wordsOf(ip.daddr),
    headerChecksum: undefined,
    hopLimit: ip.hopLimit,
    flow: first.and(IPV6_FLOWINFO_MASK),
    protocol: ip.nexthdr.get(),
    at: ethhdr.size + ipv6hdr.size,
    length,
    payloadLength,
  };
}

/** Leaves where the frame is not as long as the packet in it: it would be sent on with whatever is behind. */
function requireExact({ p }: XdpPath, length: Value<'u32'>): void {
  const pass = (): void => p.pass();
  const end = length.add(ethhdr.size);
  const frame = p.length();
  p.rarely(end.ne(frame), () => p.when(end.gt(frame).or(frame.gt(ETH_ZLEN)), pass));
}
