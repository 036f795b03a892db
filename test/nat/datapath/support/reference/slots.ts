// Slots, from what is promised to users (docs/maps.md, Slots): what a slot may send and what it becomes, what reaches a slot
// and how. Packets of one interface mean nothing at another.

import { type Address, type Bytes, be16, ETH_P_ARP, ETH_P_IP, join, read16 } from '../wire.ts';
import { isError, quoteOf } from './error.ts';
import { AUTHENTICATION, type Header, wholeHeader } from './header.ts';
import { within } from './mappings.ts';
import { clamp } from './mss.ts';
import { slotAdvertisement, slotArpReply } from './neighbour.ts';
import { move, sealHeader, sealTransport, type Work } from './rewrite.ts';
import { tooBig } from './too-big.ts';
import { type Circumstances, leave, type Outcome, type SlotEntry, type World } from './world.ts';

const ETH_P_IPV6 = 0x86dd;
const ETHERNET = 14;
const [DHCP_TO, DHCP_SERVERS] = [0xffff_ffff, (0xff02n << 112n) | 0x1_0002n];
const METADATA = (0xfd00_0ec2n << 96n) | 0x254n;
/** Multicast listener and neighbour discovery (RFC 2710, 3810, 4861). */
const NEIGHBOUR_TYPES = [130, 131, 132, 133, 134, 135, 136, 137, 143];
const ICMPV6 = 58;
const SOLICITATION = 135;

export const slotAt = (world: World, at: number, of: Address): SlotEntry | undefined =>
  world.slots?.find((entry) => entry.at === at && entry.of === of);

/** Whether an outside address is some slot's, or was until a short time ago. */
export function isTaken(world: World, outside: Address): boolean {
  const entry = slotAt(world, 0, outside);
  return entry?.state === 'bound' || (entry?.state === 'quarantined' && isLater(entry));
}

/** Quarantines in tests end long ago, or never. */
const isLater = ({ since = 0n }: SlotEntry): boolean => since > 0x1000_0000_0000_0000n;

const dropping = (world: World): World => ({ ...world, unmapped: { outbound: 'drop', inbound: 'drop' } });

/** From no inside, and nothing that is known to stay here. */
function unknown(frame: Bytes, world: World, ifindex: number, family: 4 | 6): Outcome {
  const [four, six] = [
    world.ipv4Slots ? slotAt(world, ifindex, 0) : undefined,
    world.ipv6Slots ? slotAt(world, ifindex, 0n) : undefined,
  ];
  const self = (family === 4 ? four : six) ?? four ?? six;
  // Not one of the slots' interfaces.
  if (self === undefined) return { verdict: 'next', frame };
  return self.flags?.includes('anySource')
    ? { verdict: 'next', frame }
    : { verdict: 'drop', frame, reason: 'foreign' };
}

function foreign(
  frame: Bytes,
  { source, destination, family }: Header,
  world: World,
  ifindex: number,
): Outcome {
  const asks =
    family === 4
      ? source === 0 && destination === DHCP_TO
      : isLinkLocal(source) && destination === DHCP_SERVERS;
  return asks ? { verdict: 'next', frame } : unknown(frame, world, ifindex, family);
}

const isLinkLocal = (address: Address): boolean =>
  typeof address === 'number' ? within(address, 0xa9fe_0000, 16) : within(address, 0xfe80n << 112n, 10);

/** What the program on a slot's interface does. */
export function slotReference(frame: Bytes, given: World, about: Circumstances): Outcome {
  const world = dropping(given);
  const { ifindex = 1 } = about;
  const leaves = (reason: string): Outcome => leave(frame, world, 'outbound', reason);
  const bare = world.link === 'none';
  const version = frame[0]! >> 4;
  const type = bare ? ({ 4: ETH_P_IP, 6: ETH_P_IPV6 }[version] ?? 0) : read16(frame, 12);
  if (type === ETH_P_ARP && world.ipv4Slots && !bare) {
    const reply = slotArpReply(frame, world, ifindex);
    return reply === undefined
      ? leaves('arp')
      : { verdict: 'turn', frame: reply, reason: 'arp_answered', to: 'out' };
  }
  if (type === ETH_P_ARP && frame.length < ETHERNET + 20) return leaves('arp');
  const family = type === ETH_P_IP ? 4 : type === ETH_P_IPV6 ? 6 : undefined;
  if (family === undefined || !(family === 4 ? world.ipv4Slots : world.ipv6Slots))
    return unknown(frame, world, ifindex, 4);
  const header = wholeHeader(frame, bare ? 0 : ETHERNET, family, about.super === true);
  if (typeof header === 'string') return leaves('malformed');
  if (isDiscovery(frame, header)) {
    const { source, destination } = header;
    const stays = [source, destination].some(isLinkLocal) || source === 0n || isLinkMulticast(destination);
    if (frame[header.transportAt] === SOLICITATION && !bare) {
      const reply = slotAdvertisement(frame, header, world, ifindex);
      if (reply !== undefined) return { verdict: 'turn', frame: reply, reason: 'ndp_answered', to: 'out' };
      return stays ? leaves('ndp') : { verdict: 'drop', frame, reason: 'foreign' };
    }
    if (stays) return leaves('ndp');
  }
  const error = isError(frame, header);
  const quote = error ? quoteOf(frame, header, 'outbound') : undefined;
  if (quote === 'malformed') return leaves('malformed');
  const entry = slotAt(world, ifindex, header.source);
  if (entry?.state === 'reserved') return { verdict: 'drop', frame, reason: 'unbound' };
  if (entry?.state !== 'bound') return foreign(frame, header, world, ifindex);
  if (isDenied(header.destination, entry, world)) return { verdict: 'drop', frame, reason: 'denied' };
  if (isExcluded(quote ? quote.header[quote.other] : header.destination, world)) return leaves('excluded');
  if (header.protocol === AUTHENTICATION) return leaves('authenticated');

  const out = translated(frame, header, world, 'outbound', entry, ifindex);
  return { verdict: 'next', frame: out, countedSlot: entry };
}

const isDiscovery = (frame: Bytes, { protocol, transportAt, later }: Header): boolean =>
  protocol === ICMPV6 && !later && NEIGHBOUR_TYPES.includes(frame[transportAt]!);

/** ff02::/16 with any of the flags (RFC 4291, section 2.7). */
const isLinkMulticast = (address: Address): boolean =>
  typeof address === 'bigint' && address >> 120n === 0xffn && ((address >> 112n) & 0xfn) === 2n;

function isDenied(to: Address, { flags = [], list = 0 }: SlotEntry, world: World): boolean {
  if (flags.includes('denyLinkLocal') && (isLinkLocal(to) || to === METADATA)) return true;
  if (!flags.includes('listed') || world.slotLists === undefined) return false;
  return !world.slotLists.some((one) => one.list === list && within(to, one.network, one.length));
}

/** The longest entry that matches says; where none does, everything is translated. */
export function isExcluded(address: Address, { destinations = [] }: World): boolean {
  const [longest] = destinations
    .filter(({ network, length }) => within(address, network, length))
    .sort((a, b) => b.length - a.length);
  return longest !== undefined && !longest.translate;
}

/** The packet with its own address and what it quotes translated by the slots at `at`. */
function translated(
  frame: Bytes,
  header: Header,
  world: World,
  direction: 'outbound' | 'inbound',
  entry: SlotEntry,
  at: number,
): Bytes {
  const end = direction === 'outbound' ? 'source' : 'destination';
  const work: Work = { before: frame, out: Uint8Array.from(frame) };
  const found = (address: Address) => ({ mapping: 0, address });
  const quote = isError(frame, header) ? quoteOf(frame, header, direction) : undefined;
  if (quote !== undefined && quote !== 'malformed') {
    const quoted = slotAt(world, at, quote.header[quote.own]);
    if (quoted?.state === 'bound') {
      move(work, quote.header, quote.own, found(quoted.address!));
      sealHeader(work, quote.header);
      sealTransport(work, quote.header, found(quoted.address!));
    }
  }
  move(work, header, end, found(entry.address!));
  if (quote === undefined && world.mss !== undefined) clamp(work, header, world.mss);
  if (direction === 'inbound') work.out[header.at + (header.family === 4 ? 8 : 7)]! -= 1;
  sealHeader(work, header);
  sealTransport(work, header);
  return work.out;
}

/** What arrives for an outside of slots; undefined where it is none. */
export function slotInbound(
  frame: Bytes,
  header: Header,
  world: World,
  about: Circumstances,
): Outcome | undefined {
  const entry = slotAt(world, 0, header.destination);
  if (entry?.state === 'quarantined' && isLater(entry))
    return { verdict: 'drop', frame, reason: 'quarantined' };
  if (entry?.state !== 'bound') return undefined;
  const quote = isError(frame, header) ? quoteOf(frame, header, 'inbound') : undefined;
  const remote = quote && quote !== 'malformed' ? quote.header[quote.other] : header.source;
  if (isExcluded(remote, world)) return leave(frame, world, 'inbound', 'excluded');
  // For another station: nobody is to have it here.
  if (world.link !== 'none' && !frame.subarray(0, 6).every((byte) => byte === 0))
    return { verdict: 'next', frame };
  if (frame[header.at + (header.family === 4 ? 8 : 7)]! <= 1)
    return { verdict: 'next', frame, reason: 'expired' };
  const big = tooBig(frame, header, world, entry, about.gsoSize ?? 0);
  if (big !== undefined) return big;
  const out = translated(frame, header, world, 'inbound', entry, 0);
  return {
    verdict: 'turn',
    frame: delivered(out, header, entry, world),
    countedSlot: entry,
    ...wayTo(entry, about),
  };
}

function wayTo(
  { interface: ifindex, station = NO_MAC, mac = NO_MAC }: SlotEntry,
  { ifindex: here = 1 }: Circumstances,
): Pick<Outcome, 'to'> {
  const isKnown = station.some((byte) => byte !== 0) || mac.every((byte) => byte === 0);
  if (!isKnown) return { to: `neighbour at ${ifindex}` };
  return { to: ifindex === here ? 'out' : `device ${ifindex}` };
}

const NO_MAC: Bytes = new Uint8Array(6);

/** From the slot's interface to the slot, without tags. */
function delivered(
  out: Bytes,
  { at, family }: Header,
  { station = NO_MAC, mac = NO_MAC }: SlotEntry,
  { link }: World,
): Bytes {
  const type = link === 'none' ? be16(family === 4 ? ETH_P_IP : ETH_P_IPV6) : out.subarray(at - 2, at);
  return join(station, mac, type, out.subarray(at));
}

/** What the uplink translates by the interface it came from, where slots are translated there; undefined for what is none. */
export function slotOutbound(
  frame: Bytes,
  header: Header,
  world: World,
  { ingressIfindex = 0 }: Circumstances,
): Outcome | undefined {
  const entry = ingressIfindex === 0 ? undefined : slotAt(world, ingressIfindex, header.source);
  if (entry?.state === 'reserved') return { verdict: 'drop', frame, reason: 'unbound' };
  if (entry?.state !== 'bound') return undefined;
  if (isDenied(header.destination, entry, world)) return { verdict: 'drop', frame, reason: 'denied' };
  const quote = isError(frame, header) ? quoteOf(frame, header, 'outbound') : undefined;
  const remote = quote && quote !== 'malformed' ? quote.header[quote.other] : header.destination;
  if (isExcluded(remote, world)) return leave(frame, world, 'outbound', 'excluded');
  const out = translated(frame, header, world, 'outbound', entry, ingressIfindex);
  return { verdict: 'next', frame: out, countedSlot: entry };
}

/** At the uplink: a packet that the slot's own program has translated. */
export function isFromSlot(header: Header, world: World, { ingressIfindex = 0 }: Circumstances): boolean {
  const entry = slotAt(world, 0, header.source);
  return entry?.state === 'bound' && entry.interface === ingressIfindex;
}
