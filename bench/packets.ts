// The packets both datapaths are run on: the same in every run.

import {
  type Bytes,
  bytes,
  type FrameFields,
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
} from '../test/nat/datapath/support/wire.ts';

export const INSIDE = '10.0.0.5';
export const OUTSIDE = '203.0.113.5';
/** Another mapped outside, to whom insides speak. */
export const NEIGHBOUR = '203.0.113.77';
const REMOTE = '192.0.2.2';
const STRANGER = '10.9.9.9';

/** IEEE 802.1Q, VLAN 100. */
const TAGGED: FrameFields = { tags: [[0x8100, 100]] };
const LATER_FRAGMENT = 0x00b9;

export interface Named {
  readonly name: string;
  readonly egress: Bytes;
  /** Undefined for what only leaves. */
  readonly ingress?: Bytes;
}

/** A packet from one to the other. */
type Build = (source: string, destination: string) => Bytes;

const carrying =
  (protocol: number, segment: Segment, fragment: number = 0) =>
  (source: string, destination: string): Bytes => {
    const ends = { source: ip4(source), destination: ip4(destination) };
    return ipv4({ ...ends, protocol, fragment }, segment(ends.source, ends.destination));
  };

/** `size` bytes of payload. */
const tcpOf = (size: number): Build => carrying(TCP, tcp({ payload: bytes(size) }));
const udpOf = (size: number): Build => carrying(UDP, udp({ payload: bytes(size) }));
const echo = carrying(ICMP, () => icmp(8, 0, bytes(4), bytes(56)));
/** Port unreachable; what it quotes went the other way. */
const error: Build = (source, destination) =>
  carrying(ICMP, () => icmp(3, 3, new Uint8Array(4), udpOf(64)(destination, source)))(source, destination);

const both = (name: string, build: Build, fields?: FrameFields): Named => ({
  name,
  egress: frame(build(INSIDE, REMOTE), fields),
  ingress: frame(build(REMOTE, OUTSIDE), fields),
});

/** Names of the packets with, for each direction, the frame. */
export const packets = (): readonly Named[] => [
  both('TCP, 64 bytes', tcpOf(24)),
  both('TCP, 1,500 bytes', tcpOf(1_460)),
  both('TCP, VLAN', tcpOf(24), TAGGED),
  { name: 'TCP, hairpin', egress: frame(tcpOf(24)(INSIDE, NEIGHBOUR)) },
  both('UDP, 64 bytes', udpOf(36)),
  both('ICMP echo', echo),
  both(
    'later fragment',
    carrying(UDP, () => bytes(1_000), LATER_FRAGMENT),
  ),
  both('ICMP error quoting UDP', error),
  {
    name: 'not mapped',
    egress: frame(udpOf(64)(STRANGER, REMOTE)),
    ingress: frame(udpOf(64)(REMOTE, STRANGER)),
  },
];
