// A stateless NAT, written from the RFCs and from what is promised to users, as a function from a frame to an outcome. It
// shares nothing with src/ on purpose, tries every mapping in turn and sums every checksum anew.

import { type Address, type Bytes, ETH_P_ARP, ETH_P_IP, read16 } from '../wire.ts';
import { isError, quoteOf, translateError } from './error.ts';
import { AUTHENTICATION, type Header, ICMPV6, ipHeader, wholeHeader } from './header.ts';
import { type Found, find, type Key, keyOf, type Miss } from './lookup.ts';
import { clamp } from './mss.ts';
import { advertisement, arpReply } from './neighbour.ts';
import { move, sealHeader, sealTransport, type Work } from './rewrite.ts';
import { isExcluded, isFromSlot, isTaken, slotInbound, slotOutbound } from './slots.ts';
import { type Circumstances, type Direction, leave, type Outcome, type World } from './world.ts';

export const ETH_P_IPV6 = 0x86dd;
const TAGS = [0x8100, 0x88a8];
const MOST_TAGS = 2;
const ETHERNET = 14;
/** Multicast listener and neighbour discovery (RFC 2710, 3810, 4861). */
const NEIGHBOUR_TYPES = [130, 131, 132, 133, 134, 135, 136, 137, 143];

interface Link {
  readonly type: number;
  /** Where the packet starts. */
  readonly at: number;
}

function linkOf(frame: Bytes, link: World['link']): Link | undefined {
  if (link === 'none') {
    const version = (frame[0] ?? 0) >> 4;
    return { type: version === 4 ? ETH_P_IP : version === 6 ? ETH_P_IPV6 : 0, at: 0 };
  }
  let type = read16(frame, 12);
  let at = ETHERNET;
  for (let tags = 0; tags < MOST_TAGS && TAGS.includes(type); tags++) {
    if (at + 4 > frame.length) return undefined;
    type = read16(frame, at + 2);
    at += 4;
  }
  return { type, at };
}

/** Where the IP packet starts: counters count from here on. */
export const packetAt = (frame: Bytes, link: World['link']): number =>
  linkOf(frame, link)?.at ?? frame.length;

export function reference(
  frame: Bytes,
  direction: Direction,
  world: World,
  about: Circumstances = {},
): Outcome {
  const leaves = (reason: string): Outcome => leave(frame, world, direction, reason);
  const taken = (outside: Address): boolean => isTaken(world, outside);
  const link = linkOf(frame, world.link);
  if (link === undefined) return leaves('malformed');
  if (link.type === ETH_P_ARP) {
    const reply = link.at === ETHERNET ? arpReply(frame, world, taken) : undefined;
    return reply === undefined ? leaves('arp') : answered(reply, direction, 'arp_answered');
  }
  if (link.type !== ETH_P_IP && link.type !== ETH_P_IPV6) return leaves('not_ip');
  const family = link.type === ETH_P_IP ? 4 : 6;
  if (family === 6 && world.ipv6 !== true) return leaves('not_ip');
  const ip = ipHeader(frame, link.at, family, about.super === true);
  const isSlots = direction === 'outbound' && world.slotsAt !== 'uplink' && typeof ip === 'object';
  const fromSlot = isSlots && isFromSlot(ip, world, about);
  if (fromSlot && !world.isNearOutsides?.(ip.destination)) return { verdict: 'next', frame };
  const header = wholeHeader(frame, link.at, family, about.super === true);
  const sound = typeof header === 'object';
  if (family === 6 && sound && isNeighbourDiscovery(frame, header)) {
    const reply = link.at === ETHERNET ? advertisement(frame, header, world, taken) : undefined;
    return reply === undefined ? leaves('ndp') : answered(reply, direction, 'ndp_answered');
  }
  if (!sound) return leaves(header);

  if (fromSlot) return forwarded(frame, header, world);
  const outcome = translate(frame, header, world, direction, about);
  if (direction === 'inbound') return outcome;
  // With slots what this host itself sends is taken in as well.
  const hasSlots = family === 4 ? world.ipv4Slots : world.ipv6Slots;
  const isTranslated = outcome.counted !== undefined || outcome.countedSlot !== undefined;
  const isOpen = isTranslated || (hasSlots && outcome.reason === 'unmapped');
  return isOpen && forInside(outcome.frame, header, world) ? turnedIn(outcome, world) : outcome;
}

/** What the slot's own program has translated, for what may be one of ours. */
function forwarded(frame: Bytes, header: Header, world: World): Outcome {
  if (isError(frame, header)) {
    if (quoteOf(frame, header, 'outbound') === 'malformed')
      return leave(frame, world, 'outbound', 'malformed');
  } else if (header.protocol === AUTHENTICATION) {
    const reason = isExcluded(header.destination, world) ? 'excluded' : 'authenticated';
    return leave(frame, world, 'outbound', reason);
  }
  const outcome: Outcome = { verdict: 'next', frame };
  return forInside(frame, header, world) ? turnedIn(outcome, world) : outcome;
}

const answered = (frame: Bytes, direction: Direction, reason: string): Outcome => ({
  ...{ verdict: 'turn', frame, reason },
  to: direction === 'inbound' ? 'out' : 'in',
});

const isNeighbourDiscovery = (frame: Bytes, { protocol, transportAt, later }: Header): boolean =>
  protocol === ICMPV6 && !later && NEIGHBOUR_TYPES.includes(frame[transportAt]!);

function translate(
  frame: Bytes,
  header: Header,
  world: World,
  direction: Direction,
  about: Circumstances,
): Outcome {
  const [end, other] =
    direction === 'outbound' ? (['source', 'destination'] as const) : (['destination', 'source'] as const);
  const excluded = (address: Address): boolean => isExcluded(address, world);
  if (isError(frame, header)) {
    if (quoteOf(frame, header, direction) !== 'malformed') {
      const outcome = bySlot(frame, header, world, direction, about);
      if (outcome !== undefined) return outcome;
    }
    const outcome = translateError(frame, header, world, direction, excluded);
    return outcome ?? strange(frame, header, world, direction);
  }
  const isAuthenticated = header.protocol === AUTHENTICATION;
  if (!isAuthenticated) {
    const outcome = bySlot(frame, header, world, direction, about);
    if (outcome !== undefined) return outcome;
  }
  if (excluded(header[other])) return leave(frame, world, direction, 'excluded');
  if (isAuthenticated) return leave(frame, world, direction, 'authenticated');
  const found = find(world.mappings, direction, header[end], keyOf(frame, header, end));
  if (found === undefined) return strange(frame, header, world, direction);
  if (typeof found === 'string') return leave(frame, world, direction, found);

  const work: Work = { before: frame, out: Uint8Array.from(frame) };
  move(work, header, end, found);
  if (world.mss !== undefined) clamp(work, header, world.mss);
  sealHeader(work, header);
  sealTransport(work, header, found);
  return { verdict: 'next', frame: work.out, counted: found.mapping };
}

function bySlot(
  frame: Bytes,
  header: Header,
  world: World,
  direction: Direction,
  about: Circumstances,
): Outcome | undefined {
  if (direction === 'inbound') return slotInbound(frame, header, world, about);
  return world.slotsAt === 'uplink' ? slotOutbound(frame, header, world, about) : undefined;
}

/** In no mapping. What leaves with an outside address is somebody who pretends to be somebody else. */
function strange(frame: Bytes, header: Header, world: World, direction: Direction): Outcome {
  if (direction === 'outbound') {
    const key = keyOf(frame, header, 'source');
    // What has no ports is told by its address.
    const taken = find(world.mappings, 'inbound', header.source, key === 'elsewhere' ? 'none' : key);
    if (taken !== undefined || isTaken(world, header.source))
      return leave(frame, world, direction, 'spoofed');
  }
  return leave(frame, world, direction, 'unmapped');
}

/** Whether the translated packet is for an outside address of ours, so that the way in has to have it. */
function forInside(frame: Bytes, header: Header, world: World): boolean {
  const { mappings } = world;
  const { destination } = header;
  if (isTaken(world, destination)) return true;
  const ours = (key: Key): Found | Miss => find(mappings, 'inbound', destination, key);
  // What cannot be mapped is ours as well: the way in says so. A fragment whose port lies elsewhere is nobody's.
  const isOurs = (found: Found | Miss): boolean => found !== undefined && found !== 'fragment';
  if (!isError(frame, header)) return isOurs(ours(keyOf(frame, header, 'destination')));
  const quote = quoteOf(frame, header, 'inbound');
  const isSame = quote !== 'malformed' && quote.header.source === destination;
  const quoted = isSame ? ours(keyOf(frame, quote.header, 'source')) : undefined;
  return isOurs(quoted ?? ours('none'));
}

function turnedIn(outcome: Outcome, { link, station }: World): Outcome {
  const frame = Uint8Array.from(outcome.frame);
  if (link !== 'none' && station !== undefined) frame.set(station.mac, 0);
  return { ...outcome, verdict: 'turn', to: 'in', reason: 'hairpin', frame };
}
