// ICMP errors with the packet they quote, and what both programs have to make of them.

import type { ExecutionContext } from 'ava';
import { type Rig, translates } from './rig.ts';
import {
  type Bytes,
  be32,
  bytes,
  frame,
  ICMP,
  type Ipv4Fields,
  icmp,
  ip4,
  ipv4,
  join,
  type Segment,
} from './wire.ts';
import { type Packet, REMOTE } from './world.ts';

const NEXT_HOP_MTU = be32(1280);

/** A packet as a quote shows it: its time is up. */
export const quoted =
  (protocol: number, segment: Segment, more: Partial<Ipv4Fields> = {}): Packet =>
  (source, destination) =>
    ipv4({ ttl: 1, ...more, source, destination, protocol }, segment(source, destination));

export interface ErrorShape {
  readonly type?: number;
  readonly code?: number;
  readonly rest?: Bytes;
  readonly options?: Bytes;
  /** Bytes of the quoted packet; all of it where left out. */
  readonly cut?: number;
  /** Behind the quote (RFC 4884). */
  readonly extension?: Bytes;
  readonly pad?: number;
}

/** The error as a frame: addresses of the packet around, then those of the packet it quotes. */
export function error(
  make: Packet,
  [from, to]: readonly string[],
  [a, b]: readonly string[],
  shape: ErrorShape = {},
): Bytes {
  const {
    type = 3,
    code = 1,
    rest = NEXT_HOP_MTU,
    options = bytes(0),
    cut,
    extension = bytes(0),
    pad = 0,
  } = shape;
  const quote = make(ip4(a!), ip4(b!)).subarray(0, cut);
  const message = icmp(type, code, rest, join(quote, extension));
  return frame(ipv4({ source: ip4(from!), destination: ip4(to!), protocol: ICMP, options }, message), {
    pad,
  });
}

/** An error from inside about a packet that came in, and one from outside about a packet that went out. */
export function bothWays(
  t: ExecutionContext,
  rig: Rig,
  make: Packet,
  [inside, outside]: readonly [string, string],
  shape: ErrorShape,
  label: string,
): void {
  translates(
    t,
    rig,
    'outbound',
    error(make, [inside, REMOTE], [REMOTE, inside], shape),
    error(make, [outside, REMOTE], [REMOTE, outside], shape),
    inside,
    label,
  );
  translates(
    t,
    rig,
    'inbound',
    error(make, [REMOTE, outside], [outside, REMOTE], shape),
    error(make, [REMOTE, inside], [inside, REMOTE], shape),
    outside,
    label,
  );
}
