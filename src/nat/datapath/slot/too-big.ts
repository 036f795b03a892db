// What is larger than the interface of its slot takes. The sender is told (RFC 1191, RFC 8201): its packet is made into the
// answer, which comes from the slot's outside address, so that nothing is needed of this host and nothing shows of the
// slot. A packet whose sender has left its checksum to others (CHECKSUM_PARTIAL) comes from this machine, and the answer
// stays on it, where nobody looks at what is still unfinished.

import {
  type ArrayType,
  array,
  type BytesPlace,
  type BytesType,
  be32,
  bytes,
  type Condition,
  HELPERS,
  type ScalarType,
  type StructType,
  struct,
  u16,
  u32,
  type Value,
  type Variable,
  type ViewOf,
} from '../../../asm/index.ts';
import { account, updatedChecksum } from '../checksum.ts';
import type { Frame } from '../frame.ts';
import {
  ethhdr,
  ICMP_FRAGMENTATION_NEEDED,
  ICMP_UNREACHABLE,
  ICMPV6_PACKET_TOO_BIG,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  icmphdr,
  iphdr,
  ipv6hdr,
  PLAIN_HEADER,
  TCP_FLAGS,
  tcpFlags,
} from '../headers.ts';
import type { IpPacket } from '../ip-packet.ts';
import type { TcPath } from '../path.ts';
import { read, type Words, wordsOf, write } from '../words.ts';
import { FROM_SLOT } from './leaving.ts';
import type { Slot } from './table.ts';

/** What is quoted: as much as makes the answer no longer than 576 bytes (RFC 1812, section 4.3.2.3) and 1,280 (RFC 4443). */
const quote4: StructType<{ a: BytesType; b: BytesType }> = struct('quote4', { a: bytes(512), b: bytes(36) });
const quote6: StructType<{ a: BytesType; b: BytesType; c: BytesType }> = struct('quote6', {
  a: bytes(512),
  b: bytes(512),
  c: bytes(208),
});
/** The headers in front of it, word by word. */
const words4: StructType<{ ip: ArrayType<ScalarType<'be32'>>; icmp: ArrayType<ScalarType<'be32'>> }> = struct(
  'words4',
  { ip: array(be32, iphdr.size / be32.size), icmp: array(be32, icmphdr.size / be32.size) },
);
const words6: typeof words4 = struct('words6', {
  ip: array(be32, ipv6hdr.size / be32.size),
  icmp: array(be32, icmphdr.size / be32.size),
});

const BPF_ADJ_ROOM_MAC = 1;
const UDP_HEADER = 8;
const HOPS = 64;
/** Internetwork control (RFC 1812, section 4.3.2.5). */
const PRECEDENCE = 0xc0;
const VERSION6 = 0x6000_0000;

/** Leaves with a packet that does not fit through the slot's interface; `isError` for what is never answered (RFC 1122). */
export function refuseTooBig(
  path: TcPath,
  frame: Frame,
  packet: IpPacket,
  slot: Slot,
  isError: boolean,
): void {
  const { p, leave } = path;
  const length = packet.payload.end.sub(frame.at.offset);
  const { mtu } = slot;
  p.when(length.gt(mtu).and(mtu.ne(0)), () => {
    const size = p.variable('u32', length);
    p.when(p.skb.gsoSize.ne(0), () => size.set(segmentSize(path, frame, packet)));
    p.when(size.gt(mtu), () => {
      if (isError) leave('too_big');
      else answer(path, frame, packet, length, mtu.get());
    });
  });
}

/** What each packet of a super-packet will come to (skb_gso_network_seglen). */
function segmentSize(path: TcPath, frame: Frame, { payload }: IpPacket): Value<'u32'> {
  const { p, leave } = path;
  const header = p.variable('u32', UDP_HEADER);
  p.when(payload.protocol.eq(IPPROTO_TCP), () => {
    const orElse = (): void => leave('malformed');
    const { offset } = p.packet.copy(tcpFlags, payload.at.add(TCP_FLAGS), { orElse });
    header.set(offset.shr(4).shl(2));
  });
  return payload.at.sub(frame.at.offset).add(header).add(p.skb.gsoSize);
}

/** Makes the packet into the answer and sends it back. Ends the path. */
function answer(path: TcPath, frame: Frame, packet: IpPacket, length: Value<'u32'>, mtu: Value<'u16'>): void {
  const { p, leave } = path;
  const { version } = packet;
  const refuse = (): void => leave('too_big');
  const at = frame.link === 'ethernet' ? ethhdr.size : 0;
  const quoted = version === 4 ? quote4.size : quote6.size;
  if (packet.isFragmentable) p.when(packet.isFragmentable().or(packet.isLater()), refuse);
  const [asker, target] = [read(packet.source), read(packet.destination)];
  p.when(isNobody(version, asker), refuse);
  // Behind a tag the place for the answer's headers is another one.
  p.when(frame.at.offset.ne(at).or(length.lt(quoted)), refuse);

  const room = icmphdr.size + (version === 4 ? iphdr.size : ipv6hdr.size);
  p.rarely(p.call(HELPERS.skb_change_tail, [p.context, at + quoted, 0]).isNegative(), refuse);
  const grown = p.call(HELPERS.skb_adjust_room, [p.context, room, BPF_ADJ_ROOM_MAC, 0]);
  p.rarely(grown.isNegative(), refuse);
  const isOwn = frame.link === 'ethernet' ? turnFrame(path) : undefined;
  const written = version === 4 ? write4(path, at, mtu, asker, target) : write6(path, at, mtu, asker, target);
  // Of a checksum over the whole packet (CHECKSUM_COMPLETE) the headers have been left out.
  account(p, written);
  p.skb.tcIndex.set(FROM_SLOT);
  // What was taken in before it could leave has a sender here.
  if (isOwn) p.when(isOwn.ne(0), () => leave('too_big_answered', 'in'));
  leave('too_big_answered');
}

/** Nobody who could be told (RFC 1122, section 3.2.2; RFC 4443, section 2.4). */
function isNobody(version: 4 | 6, [first, ...rest]: Words): Condition {
  const top = first!.toHost().shr(24);
  if (version === 6) return top.eq(0xff).or(rest.reduce((all, word) => all.and(word.eq(0)), first!.eq(0)));
  return top.eq(0).or(top.eq(127)).or(top.ge(224));
}

const macWords: StructType<{ first: ScalarType<'u32'>; rest: ScalarType<'u16'> }> = struct('mac_words', {
  first: u32,
  rest: u16,
});
const station: StructType<{ mac: BytesType }> = struct('station', { mac: bytes(6) });

/** Two MACs exchanged; not zero where the frame has come from this host itself. */
function turnFrame({ p, maps, leave }: TcPath): Variable<'u32'> {
  const [eth] = p.packet.read([ethhdr], { orElse: () => leave('helper_failed') });
  const [sender, self] = [eth.source, p.data(maps.interface).mac].map((place) => p.overlay(place, macWords));
  const isOwn = p.variable('u32', 0);
  p.when(sender!.first.eq(self!.first).and(sender!.rest.eq(self!.rest)), () => isOwn.set(1));
  const { view: own } = p.stack(station);
  own.mac.copyFrom(eth.dest);
  eth.dest.copyFrom(eth.source);
  eth.source.copyFrom(own.mac);
  return isOwn;
}

/** Both write what stands in front of the quote, and say what it adds to a sum over the packet. */
function write4(
  { p, leave }: TcPath,
  at: number,
  mtu: Value<'u16'>,
  asker: Words,
  target: Words,
): Value<'u64'> {
  const orElse = (): void => leave('helper_failed');
  const [ip, icmp, quote] = p.packet.read([iphdr, icmphdr, quote4], { at, orElse });
  const [words] = p.packet.read([words4], { at, orElse });
  ip.versionIhl.set(PLAIN_HEADER);
  ip.tos.set(PRECEDENCE);
  ip.totLen.set(words4.size + quote4.size);
  ip.id.set(0);
  ip.fragOff.set(0);
  ip.ttl.set(HOPS);
  ip.protocol.set(IPPROTO_ICMP);
  ip.check.set(0);
  write(wordsOf(ip.saddr), target);
  write(wordsOf(ip.daddr), asker);
  ip.check.set(checksumOf(p, sumOf(words.ip)));
  icmp.type.set(ICMP_UNREACHABLE);
  icmp.code.set(ICMP_FRAGMENTATION_NEEDED);
  icmp.check.set(0);
  icmp.rest.set(mtu.as('u32').toNetwork());
  icmp.check.set(checksumOf(p, sumOf(words.icmp).add(sumOfBytes(p, [quote.a, quote.b]))));
  return sumOf(words.ip).add(sumOf(words.icmp));
}

function write6(
  { p, leave }: TcPath,
  at: number,
  mtu: Value<'u16'>,
  asker: Words,
  target: Words,
): Value<'u64'> {
  const orElse = (): void => leave('helper_failed');
  const [ip, icmp, quote] = p.packet.read([ipv6hdr, icmphdr, quote6], { at, orElse });
  const [words] = p.packet.read([words6], { at, orElse });
  const length = icmphdr.size + quote6.size;
  ip.versionClassFlow.set(VERSION6);
  ip.payloadLen.set(length);
  ip.nexthdr.set(IPPROTO_ICMPV6);
  ip.hopLimit.set(HOPS);
  write(wordsOf(ip.saddr), target);
  write(wordsOf(ip.daddr), asker);
  icmp.type.set(ICMPV6_PACKET_TOO_BIG);
  icmp.code.set(0);
  icmp.check.set(0);
  icmp.rest.set(mtu.as('u32').toNetwork());
  const pseudo = [...target, ...asker, ...[length, IPPROTO_ICMPV6].map((word) => p.constant('be32', word))];
  const covered = sumOf(words.icmp).add(sumOf(pseudo));
  icmp.check.set(checksumOf(p, covered.add(sumOfBytes(p, [quote.a, quote.b, quote.c]))));
  return sumOf(words.ip).add(sumOf(words.icmp));
}

type Word = ViewOf<ScalarType<'be32'>> | Value<'be32'>;

const sumOf = (words: Iterable<Word>): Value<'u64'> =>
  Array.from(words, (word) => word.get().bits().as('u64')).reduce((sum, word) => sum.add(word));

const sumOfBytes = (p: TcPath['p'], parts: readonly BytesPlace[]): Value<'u64'> =>
  parts.reduce<Value<'u64'>>(
    (sum, part) => p.call(HELPERS.csum_diff, [0, 0, part.address, part.size, sum]),
    p.constant('u64', 0),
  );

/** The checksum of what sums up to `sum`, as if nothing had been summed before. */
const checksumOf = (p: TcPath['p'], sum: Value<'u64'>): Value<'be16'> =>
  updatedChecksum(p.constant('be16', 0xffff), sum);
