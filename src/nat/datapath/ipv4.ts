// IPv4 through address mappings. The two directions mirror each other: outbound the source is translated by the
// outbound table, inbound the destination by the inbound one; in a quoted packet it is the other address.

import type { Expression, TcBuilder, Value, Variable, ViewOf } from '../../asm/index.ts';
import type { InstanceMaps } from '../maps.ts';
import type { Direction } from '../reason.ts';
import { replaceChecksum, TCP_CHECKSUM, UDP_CHECKSUM, updatedChecksum } from './checksum.ts';
import {
  ethhdr,
  IP_OFFSET,
  IP_VERSION,
  IPPROTO_ICMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  iphdr,
  MIN_IHL,
  PLAIN_HEADER,
  TCP_CHECK,
  TCP_HEADER,
  UDP_CHECK,
  UDP_HEADER,
} from './headers.ts';
import { translateError } from './icmp.ts';
import type { Leave } from './verdict.ts';

export type IpHeader = ViewOf<typeof iphdr>;
export type Record = ViewOf<InstanceMaps['outbound']['value']>;

/** What a direction translates, and by which table. */
export interface Side {
  readonly direction: Direction;
  readonly table: InstanceMaps['outbound'];
  readonly address: 'saddr' | 'daddr';
  /** The address that is ours in a packet quoted by an ICMP error, which went the other way. */
  readonly quoted: 'saddr' | 'daddr';
}

export function sideOf(direction: Direction, maps: InstanceMaps): Side {
  return direction === 'outbound'
    ? { direction, table: maps.outbound, address: 'saddr', quoted: 'daddr' }
    : { direction, table: maps.inbound, address: 'daddr', quoted: 'saddr' };
}

/** Translates the packet, whose IPv4 header is `ip`, and lets it go on. Ends the path. */
export function translateIpv4(p: TcBuilder, ip: IpHeader, side: Side, leave: Leave): void {
  const { payload, end } = soundHeader(p, ip, leave);

  const check = transportChecksum(p, ip, payload, end, leave, () =>
    translateError(p, ip, { icmpAt: payload, end }, side, leave),
  );
  const mapping = p.lookup(side.table, ip[side.address], { orElse: () => leave('unmapped') });
  countPacket(p, mapping);
  const { before, after } = rewriteAddress(ip, side.address, mapping);
  p.when(check.at.ne(NO_CHECKSUM), () => {
    const result = replaceChecksum(p, check.at, before, after, check.flags);
    p.rarely(result.isNegative(), () => leave('helper_failed'));
  });
  p.next();
}

/** Where the payload starts and the packet ends, in bytes. Leaves for a header that contradicts itself. */
function soundHeader(p: TcBuilder, ip: IpHeader, leave: Leave): { payload: Value<'u32'>; end: Value<'u32'> } {
  const payload = p.variable('u32', ethhdr.size + iphdr.size);
  const versionIhl = ip.versionIhl.get();
  p.rarely(versionIhl.ne(PLAIN_HEADER), () => {
    const ihl = headerWords(versionIhl);
    p.when(versionIhl.shr(4).ne(IP_VERSION).or(ihl.lt(MIN_IHL)), () => leave('malformed'));
    payload.set(ihl.shl(2).add(ethhdr.size));
  });
  const length = p.skb.len.get();
  const end = p.variable('u32', ip.totLen.toHost().add(ethhdr.size));
  p.rarely(end.gt(length), () => leave('malformed'));
  p.rarely(end.lt(payload), () => {
    // A super-packet of more than 64 KiB (BIG TCP) says zero.
    p.when(ip.totLen.ne(0).or(p.skb.gsoSize.eq(0)).or(length.lt(payload)), () => leave('malformed'));
    end.set(length);
  });
  return { payload: payload.get(), end: end.get() };
}

/** Header length in 32-bit words. */
export const headerWords = (versionIhl: Expression<'u8'>): Value<'u32'> => versionIhl.and(0xf);

/** No transport checksum: no place of one can be zero. */
const NO_CHECKSUM = 0;

/** Where the transport checksum stands, or NO_CHECKSUM, and how it is updated. `onIcmp` deals with ICMP errors. */
function transportChecksum(
  p: TcBuilder,
  ip: IpHeader,
  payload: Value<'u32'>,
  end: Value<'u32'>,
  leave: Leave,
  onIcmp: () => void,
): { at: Variable<'u32'>; flags: Variable<'u32'> } {
  const at = p.variable('u32', NO_CHECKSUM);
  const flags = p.variable('u32', TCP_CHECKSUM);
  const take = (header: number, check: number): void => {
    p.rarely(payload.add(header).gt(end), () => leave('malformed'));
    at.set(payload.add(check));
  };
  // Only the first fragment has a transport header.
  p.when(ip.fragOff.and(IP_OFFSET).eq(0), () => {
    const udp = (): void => {
      take(UDP_HEADER, UDP_CHECK);
      flags.set(UDP_CHECKSUM);
    };
    p.match(ip.protocol, [
      [IPPROTO_TCP, () => take(TCP_HEADER, TCP_CHECK)],
      [IPPROTO_UDP, udp],
      [IPPROTO_ICMP, onIcmp],
    ]);
  });
  return { at, flags };
}

/** What an address was and is. */
export interface Rewrite {
  readonly before: Value<'be32'>;
  readonly after: Value<'be32'>;
}

/** Writes the mapped address into the header, and the header's checksum with it. */
export function rewriteAddress(ip: IpHeader, address: 'saddr' | 'daddr', mapping: Record): Rewrite {
  const before = ip[address].get();
  const after = mapping.address.get();
  ip.check.set(updatedChecksum(ip.check.get(), before, after));
  ip[address].set(after);
  return { before, after };
}

/** Counted from the IP header on; what Ethernet pads a short frame with is counted too. */
export function countPacket(p: TcBuilder, mapping: Record): void {
  mapping.packets.increase(1);
  mapping.bytes.increase(p.skb.len.sub(ethhdr.size));
}
