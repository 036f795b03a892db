// Where things lie in an IP packet (RFC 791, 8200): the header, the extension headers behind it, the transport. Once for
// a packet that has to be whole, once for a quote, which may end anywhere behind its fixed header.

import { type Address, type Bytes, DCCP, ICMP, read16, read32, TCP, UDP, UDP_LITE } from '../wire.ts';

export const ICMPV6 = 58;
export const AUTHENTICATION = 51;
const [ROUTING, FRAGMENT] = [43, 44];
/** Hop-by-hop and destination options, routing, mobility, HIP, Shim6: their second byte counts words of eight bytes. */
const EXTENSIONS: ReadonlySet<number> = new Set([0, ROUTING, 60, 135, 139, 140]);
const MOST_EXTENSIONS = 8;

/** The least a first fragment has to hold of each. */
const FIXED: { readonly [protocol: number]: number } = {
  [ICMP]: 8,
  [TCP]: 20,
  [UDP]: 8,
  [DCCP]: 12,
  [ICMPV6]: 8,
  [UDP_LITE]: 8,
};

export interface Header {
  readonly family: 4 | 6;
  readonly at: number;
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: number;
  readonly transportAt: number;
  /** Where the packet ends, or what is quoted of it. */
  readonly end: number;
  /** A fragment without the transport's header. */
  readonly later: boolean;
  /** On its way to somewhere on a list: the destination in the header is not that of the pseudo-header. */
  readonly routed: boolean;
  /** The chain of extension headers ends before it says what is carried, or is longer than it is followed. */
  readonly cut?: true;
}

export function read128(b: Bytes, at: number): bigint {
  return [0, 4, 8, 12].reduce((sum, i) => (sum << 32n) | BigInt(read32(b, at + i)), 0n);
}

/** Of a whole packet that starts at `at`. `jumbo`: its length may be missing, see RFC 2675 and the kernel's BIG TCP. */
export function wholeHeader(frame: Bytes, at: number, family: 4 | 6, jumbo: boolean): Header | 'malformed' {
  const header = ipHeader(frame, at, family, jumbo);
  if (header === 'malformed') return header;
  const least = isOwn(family, header.protocol) ? (FIXED[header.protocol] ?? 0) : 0;
  if (!header.later && header.transportAt + least > header.end) return 'malformed';
  return header;
}

/** The same, whatever it carries. */
export function ipHeader(frame: Bytes, at: number, family: 4 | 6, jumbo: boolean): Header | 'malformed' {
  const fixed = fixedHeader(frame, at, frame.length, family);
  if (fixed === undefined) return 'malformed';
  const stated = at + (family === 4 ? read16(frame, at + 2) : 40 + read16(frame, at + 4));
  const silent = read16(frame, family === 4 ? at + 2 : at + 4) === 0;
  const end = silent && jumbo ? frame.length : stated;
  if (end < fixed.payloadAt || end > frame.length) return 'malformed';
  const header = family === 4 ? header4(frame, at, fixed.payloadAt, end) : header6(frame, at, end);
  return header.cut ? 'malformed' : header;
}

/** Of a packet that is quoted from `at` to `end`; of what lies behind its fixed header nothing has to be there. */
export function quotedHeader(frame: Bytes, at: number, end: number, family: 4 | 6): Header | 'malformed' {
  const fixed = fixedHeader(frame, at, end, family);
  if (fixed === undefined) return 'malformed';
  return family === 4 ? header4(frame, at, fixed.payloadAt, end) : header6(frame, at, end);
}

/** ICMP belongs to IPv4, ICMPv6 to IPv6: in the other family they are just numbers. */
const isOwn = (family: 4 | 6, protocol: number): boolean => protocol !== (family === 4 ? ICMPV6 : ICMP);

function fixedHeader(
  frame: Bytes,
  at: number,
  end: number,
  family: 4 | 6,
): { payloadAt: number } | undefined {
  if (at + (family === 4 ? 20 : 40) > end || frame[at]! >> 4 !== family) return undefined;
  if (family === 6) return { payloadAt: at + 40 };
  const words = frame[at]! & 0xf;
  return words < 5 ? undefined : { payloadAt: at + words * 4 };
}

function header4(frame: Bytes, at: number, transportAt: number, end: number): Header {
  return {
    ...{ family: 4, at, transportAt, end, routed: false, protocol: frame[at + 9]! },
    ...{ source: read32(frame, at + 12), destination: read32(frame, at + 16) },
    later: (read16(frame, at + 6) & 0x1fff) !== 0,
  };
}

function header6(frame: Bytes, at: number, end: number): Header {
  const ends = { source: read128(frame, at + 8), destination: read128(frame, at + 24) };
  let protocol = frame[at + 6]!;
  let transportAt = at + 40;
  let later = false;
  let routed = false;
  const header = (): Header => ({ family: 6, at, ...ends, protocol, transportAt, end, later, routed });
  for (let passed = 0; !later && (EXTENSIONS.has(protocol) || protocol === FRAGMENT); passed++) {
    if (passed === MOST_EXTENSIONS || transportAt + 8 > end) return { ...header(), cut: true };
    const size = protocol === FRAGMENT ? 8 : (frame[transportAt + 1]! + 1) * 8;
    if (transportAt + size > end) return { ...header(), cut: true };
    if (protocol === FRAGMENT) later = read16(frame, transportAt + 2) >= 8;
    if (protocol === ROUTING && frame[transportAt + 3]! > 0) routed = true;
    protocol = frame[transportAt]!;
    transportAt += size;
  }
  return header();
}
