// What a frame on a device has to come to, and the frames these tests send there.

import { createHash } from 'node:crypto';
import type { Rig } from './rig.ts';
import {
  type Bytes,
  be32,
  bytes,
  frame,
  ICMP,
  icmp,
  ip4,
  ipv4,
  type Segment,
  TCP,
  tcp,
  UDP,
  udp,
} from './wire.ts';
import type { SeenOnWire } from './wire-rig.ts';

/** A frame for these addresses. */
export type Make = (source: string, destination: string) => Bytes;
export const framed =
  (protocol: number, segment: Segment, options: Bytes = bytes(0)): Make =>
  (source, destination) => {
    const [from, to] = [ip4(source), ip4(destination)];
    return frame(ipv4({ source: from, destination: to, protocol, options }, segment(from, to)));
  };
export const framedError =
  (protocol: number, segment: Segment): Make =>
  (source, destination) => {
    const [from, to] = [ip4(source), ip4(destination)];
    const quote = ipv4({ source: to, destination: from, protocol }, segment(to, from));
    return frame(ipv4({ source: from, destination: to, protocol: ICMP }, icmp(3, 4, be32(1280), quote)));
  };

/** One of each kind. */
export const frames: { readonly [name: string]: Make } = {
  tcp: framed(TCP, tcp()),
  udp: framed(UDP, udp()),
  'tcp behind options': framed(
    TCP,
    tcp(),
    bytes(40, () => 1),
  ),
  echo: framed(ICMP, () => icmp(8, 0, be32(7), bytes(30))),
  'other protocol': framed(47, () => bytes(30)),
  'error about tcp': framedError(TCP, tcp()),
  'error about udp': framedError(UDP, udp()),
};

export const NO_OFFLOAD: Bytes = bytes(10, () => 0);

/** `before` goes on as `after`, whatever the state of its checksum. */
export function nexts(
  rig: Rig,
  direction: 'outbound' | 'inbound',
  before: Bytes,
  after: Bytes,
  counted: string,
  vnet: Bytes = NO_OFFLOAD,
): SeenOnWire {
  const {
    verdict,
    frame: out,
    ...rest
  } = rig.seen(direction, before, {
    verdict: 'next',
    frame: after,
    counted: rig.indexOf(direction, counted),
  });
  return {
    emitted: [{ at: verdict as 'next', frame: out, vnet: Buffer.from(vnet).toString('hex') }],
    ...rest,
  };
}

/** Left alone, and let go on. */
export const stays = (
  rig: Rig,
  direction: 'outbound' | 'inbound',
  whole: Bytes,
  reason: string,
): SeenOnWire => {
  const {
    frame: out,
    reasons,
    mappings,
  } = rig.seen(direction, whole, { verdict: 'next', frame: whole, reason });
  return {
    emitted: [{ at: 'next', frame: out, vnet: Buffer.from(NO_OFFLOAD).toString('hex') }],
    reasons,
    mappings,
  };
};

/** Without the bytes nobody wants to read when the comparison fails. */
export const brief = ({ emitted, ...rest }: SeenOnWire): object => ({
  ...rest,
  emitted: emitted.map(({ frame: out, ...how }) => ({
    ...how,
    headers: out.slice(0, 120),
    length: out.length / 2,
    digest: createHash('sha256').update(out).digest('hex'),
  })),
});
