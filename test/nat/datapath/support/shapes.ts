// Small shapes that several tests are about.

import { type Bytes, bytes, type Ipv4Fields, ipv4, join, type Segment } from './wire.ts';
import type { Packet } from './world.ts';

/** IPv4 options: one word, and all forty bytes there can be (RFC 791: record route). */
export const NOPS: Bytes = Uint8Array.of(1, 1, 1, 0);
export const RECORD_ROUTE: Bytes = join(
  Uint8Array.of(7, 39, 4),
  bytes(36, () => 0),
  Uint8Array.of(0),
);

/** Checksums at the edge of a carry, for a machine that adds in the other byte order as well. */
export const CORNERS: readonly number[] = [0, 1, 2, 0x7fff, 0x8000, 0xfffd, 0xfffe].flatMap((sum) => [
  sum,
  ((sum & 0xff) << 8) | (sum >> 8),
]);

export const mac = (text: string): Bytes =>
  Uint8Array.from(text.split(':').map((byte) => Number.parseInt(byte, 16)));

/** The other fields of a header. */
export type More = Omit<Ipv4Fields, 'source' | 'destination' | 'protocol'>;

/** A packet of `protocol` that carries `segment`. */
export const packet =
  (protocol: number, segment: Segment, more: More = {}): Packet =>
  (source, destination) =>
    ipv4({ source, destination, protocol, ...more }, segment(source, destination));

/** What no address has a part in. */
export const data =
  (payload: Bytes): Segment =>
  () =>
    payload;
