// Who has an outside address on the link (RFC 826, 4861): which question is answered, and the answer in full.

import {
  type Address,
  addressBytes,
  type Bytes,
  be16,
  be32,
  internetChecksum,
  join,
  patch,
  pseudoHeader,
  read16,
  read32,
} from '../wire.ts';
import { type Header, ICMPV6, read128 } from './header.ts';
import { isOutside } from './lookup.ts';
import { within } from './mappings.ts';
import type { World } from './world.ts';

const ETHERNET = 14;
const ARP = 28;
/** Ethernet, IPv4, addresses of 6 and 4 bytes, request. */
const REQUEST = [0, 1, 8, 0, 6, 4, 0, 1];
const SOLICITATION = 135;
const ADVERTISEMENT = 136;
/** Solicited, override: the word in front of the target (RFC 4861, section 4.4). */
const [SOLICITED, OVERRIDE] = [0x4000_0000, 0x2000_0000];
const SOURCE_LINK_LAYER = 1;
const ALL_NODES = (0xff02n << 112n) | 1n;
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);

/** The ARP reply, or undefined where the frame asks nothing of ours. */
export function arpReply(
  frame: Bytes,
  { station, mappings }: World,
  isTaken: (outside: Address) => boolean,
): Bytes | undefined {
  return replyTo(frame, (_, target) => {
    const onLink = station?.subnets.some(
      ({ network, mask }) => mask !== 0 && (target & mask) >>> 0 === network >>> 0,
    );
    return onLink && (isOutside(mappings, target) || isTaken(target)) ? station?.mac : undefined;
  });
}

/** That of a slot's interface: it has what no slot of its own has. */
export const slotArpReply = (frame: Bytes, { slots = [] }: World, ifindex: number): Bytes | undefined =>
  replyTo(frame, (sender, target) => {
    const entry = (of: Address) => slots.find((one) => one.at === ifindex && one.of === of);
    return sender === 0 || entry(target) ? undefined : entry(sender)?.mac;
  });

function replyTo(
  frame: Bytes,
  macOf: (sender: number, target: number) => Bytes | undefined,
): Bytes | undefined {
  if (frame.length < ETHERNET + ARP) return undefined;
  const field = (from: number, to: number): Bytes => frame.subarray(ETHERNET + from, ETHERNET + to);
  if (!REQUEST.every((byte, i) => byte === frame[ETHERNET + i])) return undefined;
  const sender = read32(frame, ETHERNET + 14);
  const target = read32(frame, ETHERNET + 24);
  const own = target === sender ? undefined : macOf(sender, target);
  if (own === undefined) return undefined;
  return join(
    ...[field(8, 14), own, be16(read16(frame, 12))],
    ...[field(0, 6), be16(2)],
    ...[own, field(24, 28), field(8, 14), field(14, 18)],
    frame.subarray(ETHERNET + ARP),
  );
}

/** The advertisement, or undefined where the packet asks nothing of ours or is not to be believed (section 7.1.1). */
export function advertisement(
  frame: Bytes,
  header: Header,
  { station, mappings }: World,
  isTaken: (outside: Address) => boolean,
): Bytes | undefined {
  return advertise(frame, header, (target) => {
    const onLink = station?.subnets6?.some(({ network, length }) => within(target, network, length));
    return onLink && (isOutside(mappings, target) || isTaken(target)) ? station?.mac : undefined;
  });
}

/** That of a slot's interface. */
export function slotAdvertisement(
  frame: Bytes,
  header: Header,
  { slots = [] }: World,
  ifindex: number,
): Bytes | undefined {
  const entry = (of: Address) => slots.find((one) => one.at === ifindex && one.of === of);
  const { source } = header;
  return advertise(frame, header, (target) => {
    const isKnown = within(source, 0xfe80n << 112n, 10) || entry(source) !== undefined;
    return source === 0n || !isKnown || entry(target) ? undefined : entry(0n)?.mac;
  });
}

function advertise(
  frame: Bytes,
  header: Header,
  macOf: (target: bigint) => Bytes | undefined,
): Bytes | undefined {
  const { at, transportAt, end, source } = header;
  if (frame[transportAt] !== SOLICITATION) return undefined;
  if (at !== ETHERNET || transportAt !== at + 40 || transportAt + 24 > end) return undefined;
  if (frame[at + 7] !== 255 || frame[transportAt + 1] !== 0) return undefined;
  const target = read128(frame, transportAt + 8);
  const own = macOf(target);
  if (own === undefined) return undefined;

  const probe = source === 0n;
  const asker = linkLayerOf(frame, transportAt + 24, end) ?? frame.subarray(6, 12);
  const to = probe ? ALL_NODES : (source as bigint);
  const message = join(
    Uint8Array.of(ADVERTISEMENT, 0, 0, 0),
    be32((probe ? 0 : SOLICITED) | OVERRIDE),
    addressBytes(target),
    Uint8Array.of(2, 1),
    own,
  );
  const sealed = patch(
    message,
    2,
    be16(internetChecksum(pseudoHeader(target, to, ICMPV6, message.length), message)),
  );
  return join(
    ...[probe ? ALL_NODES_MAC : asker, own, frame.subarray(12, 14)],
    ...[frame.subarray(at, at + 4), be16(message.length), Uint8Array.of(ICMPV6, 255)],
    ...[addressBytes(target), addressBytes(to), sealed],
  );
}

function linkLayerOf(frame: Bytes, from: number, end: number): Bytes | undefined {
  const isFirst = from + 8 <= end && frame[from] === SOURCE_LINK_LAYER && frame[from + 1] === 1;
  return isFirst ? frame.subarray(from + 2, from + 8) : undefined;
}
