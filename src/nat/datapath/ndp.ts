// Neighbour discovery (RFC 4861): what a link needs to work passes, and solicitations for mapped outside addresses that
// lie in a subnet of the interface are answered, as ARP requests are (arp.ts).

import {
  type ArrayType,
  array,
  type BytesPlace,
  type BytesType,
  be16,
  be32,
  bytes,
  type Condition,
  HELPERS,
  type ScalarType,
  type StructType,
  struct,
  u8,
  type Value,
  type Variable,
  type ViewOf,
} from '../../asm/index.ts';
import { in6 } from '../maps.ts';
import { updatedChecksum } from './checksum.ts';
import { type Frame, PACKET_OTHERHOST } from './frame.ts';
import {
  ethhdr,
  ICMPV6_FIRST_DISCOVERY,
  ICMPV6_LAST_DISCOVERY,
  ICMPV6_MLD2_REPORT,
  IPPROTO_ICMPV6,
  ipv6hdr,
  ND_NEIGHBOR_ADVERT,
  ND_NEIGHBOR_SOLICIT,
} from './headers.ts';
import type { IpPacket } from './ip-packet.ts';
import type { TcPath } from './path.ts';
import { isMapped, marker, tablesOf } from './tables.ts';
import type { Payload } from './transport.ts';
import { isOnLink, read, same, type Words, wordsOf, write } from './words.ts';

/** A neighbour solicitation, and an advertisement with the one option it has here; 32 bytes. */
const message: StructType<{
  type: ScalarType<'u8'>;
  code: ScalarType<'u8'>;
  check: ScalarType<'be16'>;
  flags: ScalarType<'be32'>;
  target: typeof in6;
}> = struct('nd_msg', { type: u8, code: u8, check: be16, flags: be32, target: in6 });
const option: StructType<{ type: ScalarType<'u8'>; length: ScalarType<'u8'>; mac: BytesType }> = struct(
  'nd_opt',
  { type: u8, length: u8, mac: bytes(6) },
);
const ANSWER: number = message.size + option.size;

const SOURCE_LINK_LAYER_ADDRESS = 1;
const TARGET_LINK_LAYER_ADDRESS = 2;
/** In units of 8 bytes. */
const OPTION_LENGTH = 1;
const SOLICITED = 0x4000_0000;
const OVERRIDE = 0x2000_0000;
/** What has passed a router shows in this. */
const UNROUTED = 255;
/** ff02::1, and the address of its frames (RFC 2464, section 7). */
const ALL_NODES: readonly number[] = [0xff02_0000, 0, 0, 1];
const ALL_NODES_MAC: Uint8Array = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);

/** Deals with neighbour and listener discovery, and ends its path; goes on with all other ICMP messages. */
export function handleDiscovery(path: TcPath, frame: Frame, packet: IpPacket, type: Value<'u8'>): void {
  const { p, leave } = path;
  p.when(isDiscovery(type), () => {
    if (frame.link === 'ethernet') {
      p.when(type.eq(ND_NEIGHBOR_SOLICIT), () => answerSolicitation(path, frame, packet));
    }
    leave('ndp');
  });
}

export const isDiscovery = (type: Value<'u8'>): Condition =>
  type.ge(ICMPV6_FIRST_DISCOVERY).and(type.le(ICMPV6_LAST_DISCOVERY)).or(type.eq(ICMPV6_MLD2_REPORT));

/** Turns the solicitation round in place, or leaves it to others. Ends the path. */
function answerSolicitation(path: TcPath, frame: Frame, packet: IpPacket): void {
  const { p, direction, maps, leave } = path;
  const notOurs = (): void => leave('ndp');
  if (direction === 'inbound') p.when(p.skb.pktType.eq(PACKET_OTHERHOST), notOurs);
  const solicitation = readSolicitation(path, frame, packet, notOurs);
  const { target } = solicitation;
  const self = p.data(maps.interface);
  p.when(isOnLink(p, target, self.subnets6).eq(0), notOurs);
  const outsides = tablesOf(path, 'inbound', 6);
  p.when(isMapped(p, outsides, target, marker(6), { marked: 'mapped' }).eq(0), notOurs);
  answerWith(path, solicitation, self.mac, notOurs);
}

/** A neighbour solicitation in hand. */
export interface Solicitation {
  readonly eth: ViewOf<typeof ethhdr>;
  readonly payload: Payload;
  /** Who is looked for, and who looks. */
  readonly target: Words;
  readonly asker: Words;
}

/** Reads a solicitation that may be answered; `notOurs` ends the path of all else. */
export function readSolicitation(
  { p }: TcPath,
  frame: Frame,
  { payload }: IpPacket,
  notOurs: () => void,
): Solicitation {
  p.when(p.skb.vlanPresent.ne(0).or(frame.at.offset.ne(ethhdr.size)), notOurs);
  const isPlain = payload.at.eq(ethhdr.size + ipv6hdr.size).and(payload.at.add(message.size).le(payload.end));
  p.when(isPlain.not(), notOurs);
  const [eth, ip, asked] = p.packet.read([ethhdr, ipv6hdr, message], { orElse: notOurs });
  p.when(ip.hopLimit.ne(UNROUTED).or(asked.code.ne(0)), notOurs);
  const target = read(wordsOf(asked.target));
  const asker = read(wordsOf(ip.saddr));
  return { eth, payload, target, asker };
}

/** Turns the solicitation round in place: `mac` is where the target is. Ends the path. */
export function answerWith(
  path: TcPath,
  { eth, payload, target, asker }: Solicitation,
  mac: BytesPlace,
  notOurs: () => void,
): void {
  const { p, leave } = path;
  // Who has no address yet asks whether somebody else has this one: that is answered to all (section 7.2.4).
  const to = asker.map((word) => p.variable('u32', word.bits()));
  const flags = p.variable('u32', SOLICITED | OVERRIDE);
  const { view: asking } = p.stack(station);
  asking.mac.copyFrom(eth.source);
  const optionAt = payload.at.add(message.size);
  p.when(optionAt.add(option.size).le(payload.end), () => {
    const own = p.packet.copy(option, optionAt, { orElse: notOurs });
    const isSource = own.type.eq(SOURCE_LINK_LAYER_ADDRESS).and(own.length.eq(OPTION_LENGTH));
    p.when(isSource, () => asking.mac.copyFrom(own.mac));
  });
  p.when(same(asker, [0, 0, 0, 0]), () => {
    for (const [i, word] of ALL_NODES.entries()) to[i]!.set(p.constant('be32', word).bits());
    flags.set(OVERRIDE);
    asking.mac.set(ALL_NODES_MAC);
  });
  const failed = (): void => leave('helper_failed');
  const length = ethhdr.size + ipv6hdr.size + ANSWER;
  p.rarely(p.call(HELPERS.skb_change_tail, [p.context, length, 0]).isNegative(), failed);
  const [frameHeader, header, answer, answerOption] = p.packet.read([ethhdr, ipv6hdr, message, option], {
    orElse: failed,
  });
  frameHeader.dest.copyFrom(asking.mac);
  frameHeader.source.copyFrom(mac);
  header.payloadLen.set(ANSWER);
  write(wordsOf(header.saddr), target);
  write(wordsOf(header.daddr), valuesOf(to));
  answer.type.set(ND_NEIGHBOR_ADVERT);
  answer.check.set(0);
  answer.flags.set(flags.get().toNetwork());
  answerOption.type.set(TARGET_LINK_LAYER_ADDRESS);
  answerOption.length.set(OPTION_LENGTH);
  answerOption.mac.copyFrom(mac);
  answer.check.set(checksumOf(path));
  leave('ndp_answered');
}

const valuesOf = (words: readonly Variable<'u32'>[]): Words => words.map((word) => word.get().bits());

const station: StructType<{ mac: BytesType }> = struct('station', { mac: bytes(6) });
/** Both addresses and the message, as words. */
const covered: StructType<{ words: ArrayType<ScalarType<'be32'>> }> = struct('covered', {
  words: array(be32, (2 * in6.size + ANSWER) / be32.size),
});

/** The checksum of the answer, which has none yet (RFC 8200, section 8.1). */
function checksumOf({ p, leave }: TcPath): Value<'be16'> {
  const at = ethhdr.size + ipv6hdr.offsets.saddr;
  const [{ words }] = p.packet.read([covered], { at, orElse: () => leave('helper_failed') });
  const rest = [ANSWER, IPPROTO_ICMPV6].map((word) => p.constant('be32', word));
  const sum = [...words.map((word) => word.get()), ...rest]
    .map((word) => word.bits().as('u64'))
    .reduce((all, word) => all.add(word));
  // As if nothing had been summed before.
  return updatedChecksum(p.constant('be16', 0xffff), sum);
}
