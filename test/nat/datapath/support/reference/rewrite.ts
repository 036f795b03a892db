// Puts addresses and ports into a packet and sums every checksum anew over all that it covers. A checksum that was wrong
// before stays wrong by as much: a NAT must not heal a broken packet.

import {
  addressBytes,
  type Bytes,
  be16,
  DCCP,
  ICMP,
  join,
  onesSum,
  pseudoHeader,
  read16,
  read32,
  TCP,
  UDP,
  UDP_LITE,
} from '../wire.ts';
import { type Header, ICMPV6, read128 } from './header.ts';
import { type Found, portAt } from './lookup.ts';

/** Where the checksum stands. */
const CHECKSUMS: { readonly [protocol: number]: number } = {
  [TCP]: 16,
  [UDP]: 6,
  [DCCP]: 6,
  [UDP_LITE]: 6,
  [ICMPV6]: 2,
  [ICMP]: 2,
};

/** A packet before and as it is to leave. */
export interface Work {
  readonly before: Bytes;
  readonly out: Bytes;
}

/** The address and, where the mapping has them, the port; no checksum yet. */
export function move({ out }: Work, header: Header, end: 'source' | 'destination', found: Found): void {
  const { family, at } = header;
  const [source, destination] = family === 4 ? [12, 16] : [8, 24];
  const port = found.port === undefined ? undefined : portAt(out, header, end);
  out.set(addressBytes(found.address), at + (end === 'source' ? source : destination));
  if (port !== undefined) out.set(be16(found.port!), port);
}

/** The checksum of the IPv4 header. */
export function sealHeader(work: Work, { family, at, transportAt, end }: Header): void {
  if (family === 4) reseal(work, [at, Math.min(transportAt, end)], 10);
}

/** The checksum of the transport, where there is one and it is there. `found` is what has changed the address. */
export function sealTransport(work: Work, header: Header, found?: Found): void {
  const { family, protocol, transportAt, end, later, cut, routed } = header;
  const check = CHECKSUMS[protocol];
  if (later || cut || check === undefined || transportAt + check + 2 > end) return;
  if (protocol === (family === 4 ? ICMPV6 : ICMP)) return;
  const datagram = protocol === UDP || protocol === UDP_LITE;
  if (datagram && read16(work.before, transportAt + check) === 0) return;
  // Nothing that it covers has changed, or nothing in sum.
  const bare = (b: Bytes): Bytes => b.subarray(transportAt, end);
  if (found?.neutral && Buffer.compare(bare(work.before), bare(work.out)) === 0) return;
  const pseudo = (b: Bytes): readonly Bytes[] => {
    if (protocol === ICMP) return [];
    const { source, destination } = addresses(b, header);
    // The pseudo-header has the last stop, which is further back and does not change.
    return [
      pseudoHeader(source, routed ? (family === 4 ? 0 : 0n) : destination, protocol, end - transportAt),
    ];
  };
  reseal(work, [transportAt, end], check, pseudo, datagram);
}

function addresses(b: Bytes, { family, at }: Header): Pick<Header, 'source' | 'destination'> {
  return family === 4
    ? { source: read32(b, at + 12), destination: read32(b, at + 16) }
    : { source: read128(b, at + 8), destination: read128(b, at + 24) };
}

/** Sums a region of `out` anew; what was wrong with it in `before` is wrong by as much again. */
function reseal(
  { before, out }: Work,
  [from, to]: readonly [number, number],
  check: number,
  pseudo: (b: Bytes) => readonly Bytes[] = () => [],
  neverZero: boolean = false,
): void {
  const covered = (b: Bytes): Bytes => join(...pseudo(b), b.subarray(from, to));
  if (Buffer.compare(covered(before), covered(out)) === 0) return;
  const fault = onesSum(...pseudo(before), before.subarray(from, to)) % 0xffff;
  out.set(be16(0), from + check);
  const rest = onesSum(...pseudo(out), out.subarray(from, to));
  const sum = (fault + 0xffff - rest) % 0xffff;
  out.set(be16(sum === 0 && neverZero ? 0xffff : sum), from + check);
}
