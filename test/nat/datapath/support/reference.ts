// A NAT for IPv4 addresses, written from the RFCs alone (791, 792, 768, 9293, 826, 5508 section 4): takes a frame apart,
// puts the mapped addresses in and sums every checksum anew over all that it covers. A checksum that was wrong before
// stays wrong by as much: a NAT must not heal a broken packet. Shares nothing with src/ on purpose.

import { answer } from './reference-arp.ts';
import {
  type Address,
  type Bytes,
  be16,
  be32,
  ETH_P_ARP,
  ETH_P_IP,
  ETHERNET,
  ICMP,
  onesSum,
  pseudoHeader,
  read16,
  read32,
  TCP,
  UDP,
} from './wire.ts';

export interface World {
  readonly direction: 'outbound' | 'inbound';
  readonly unmapped: 'pass' | 'drop';
  /** What the source (outbound) or the destination (inbound) becomes. */
  readonly table: ReadonlyMap<Address, Address>;
  readonly station?: Station;
}

/** What ingress answers ARP with, and where. */
export interface Station {
  readonly mac: Bytes;
  readonly subnets: readonly { readonly network: Address; readonly mask: Address }[];
}

export interface Outcome {
  readonly verdict: 'next' | 'drop' | 'answer';
  readonly frame: Bytes;
  readonly reason?: string;
  /** The mapping whose counters move, by the address before translation. */
  readonly counted?: Address;
}

const ICMP_ERRORS = [3, 4, 5, 11, 12];
const HEADER = 20;
const ICMP_HEADER = 8;

interface Header {
  readonly at: number;
  readonly payloadAt: number;
  readonly end: number;
  readonly protocol: number;
  readonly first: boolean;
}

export function reference(frame: Bytes, world: World): Outcome {
  const leave = (reason: string): Outcome => {
    const verdict = reason !== 'arp' && world.unmapped === 'drop' ? 'drop' : 'next';
    return { verdict, reason, frame };
  };
  const type = read16(frame, 12);
  if (type === ETH_P_ARP) {
    const reply = world.direction === 'inbound' ? answer(frame, world) : undefined;
    return reply ? { verdict: 'answer', reason: 'arp_answered', frame: reply } : leave('arp');
  }
  if (type !== ETH_P_IP) return leave('not_ipv4');
  const header = soundHeader(frame);
  if (!header) return leave('malformed');

  const out = Uint8Array.from(frame);
  const quoteAt = quoteOf(frame, header);
  const quoted = quoteAt === undefined ? undefined : translateQuote(frame, out, header, quoteAt, world);
  const own = rewrite(frame, out, header, world.direction === 'outbound' ? 12 : 16, world.table);
  // A router's own source stays as it is; whom an error comes in for is another matter.
  const counted = own ?? (world.direction === 'outbound' ? quoted : undefined);
  if (counted === undefined) return leave('unmapped');
  if (quoted !== undefined) reseal(frame, out, [header.payloadAt, header.end], 2, [], []);
  return { verdict: 'next', frame: out, counted };
}

/** Undefined where the header is cut short or contradicts itself, the transport's fixed part included. */
function soundHeader(frame: Bytes): Header | undefined {
  const at = ETHERNET;
  if (frame.length < at + HEADER) return undefined;
  const payloadAt = at + (frame[at]! & 0xf) * 4;
  const end = at + read16(frame, at + 2);
  if (frame[at]! >> 4 !== 4 || payloadAt < at + HEADER || end < payloadAt || end > frame.length) {
    return undefined;
  }
  const protocol = frame[at + 9]!;
  const first = (read16(frame, at + 6) & 0x1fff) === 0;
  const fixed = { [ICMP]: ICMP_HEADER, [TCP]: 20, [UDP]: 8 }[protocol] ?? 0;
  if (first && payloadAt + fixed > end) return undefined;
  const header = { at, payloadAt, end, protocol, first };
  const quoteAt = quoteOf(frame, header);
  if (quoteAt === undefined) return header;
  const sound = quoteAt + HEADER <= end && frame[quoteAt]! >> 4 === 4 && (frame[quoteAt]! & 0xf) >= 5;
  return sound ? header : undefined;
}

function quoteOf(frame: Bytes, { protocol, first, payloadAt }: Header): number | undefined {
  const isError = protocol === ICMP && first && ICMP_ERRORS.includes(frame[payloadAt]!);
  return isError ? payloadAt + ICMP_HEADER : undefined;
}

/** The quoted packet went the other way: its other address is the mapped one. */
function translateQuote(
  frame: Bytes,
  out: Bytes,
  { end }: Header,
  at: number,
  world: World,
): Address | undefined {
  const quote: Header = {
    at,
    payloadAt: at + (frame[at]! & 0xf) * 4,
    end,
    protocol: frame[at + 9]!,
    first: (read16(frame, at + 6) & 0x1fff) === 0,
  };
  return rewrite(frame, out, quote, world.direction === 'outbound' ? 16 : 12, world.table);
}

/** @returns the address before, where the table has it. */
function rewrite(
  frame: Bytes,
  out: Bytes,
  { at, payloadAt, end, protocol, first }: Header,
  field: number,
  table: ReadonlyMap<Address, Address>,
): Address | undefined {
  const before = read32(frame, at + field);
  const after = table.get(before);
  if (after === undefined) return undefined;
  out.set(be32(after), at + field);
  reseal(frame, out, [at, Math.min(payloadAt, end)], 10, [], []);
  const check = { [TCP]: 16, [UDP]: 6 }[protocol];
  if (!first || check === undefined || payloadAt + check + 2 > end) return before;
  if (protocol === UDP && read16(frame, payloadAt + check) === 0) return before;
  const pseudo = (b: Bytes): Bytes =>
    pseudoHeader(read32(b, at + 12), read32(b, at + 16), protocol, end - payloadAt);
  reseal(frame, out, [payloadAt, end], check, [pseudo(frame)], [pseudo(out)], protocol === UDP);
  return before;
}

/** Sums a region of `out` anew and sets its checksum; what was wrong with it in `frame` is wrong by as much again. */
function reseal(
  frame: Bytes,
  out: Bytes,
  [from, to]: readonly [number, number],
  check: number,
  pseudoBefore: readonly Bytes[],
  pseudoAfter: readonly Bytes[],
  neverZero: boolean = false,
): void {
  const fault = onesSum(...pseudoBefore, frame.subarray(from, to)) % 0xffff;
  out.set(be16(0), from + check);
  const rest = onesSum(...pseudoAfter, out.subarray(from, to));
  const sum = (fault + 0xffff - rest) % 0xffff;
  out.set(be16(sum === 0 && neverZero ? 0xffff : sum), from + check);
}
