// Tunnel packets in bytes (RFC 7348, RFC 8926), every checksum summed from scratch, and the entries of tunnel slots as
// docs/maps.md lays them out. Shares nothing with src/ on purpose.

import { ip6 } from './reference/mappings.ts';
import {
  type Address,
  addressBytes,
  type Bytes,
  be16,
  be32,
  bytes,
  ETH_P_ARP,
  type FrameFields,
  frame,
  ICMP,
  icmp,
  ip4,
  ipv4,
  join,
  onesSum,
  patch,
  read16,
  type Segment,
  TCP,
  tcp,
  UDP,
  udp,
} from './wire.ts';
import { DESTINATION_OPTIONS, fragment, HOP_BY_HOP, ICMPV6, icmp6, ipv6, padded } from './wire6.ts';

export type TunnelKind = 'vxlan' | 'geneve';
export const PORTS: { readonly [K in TunnelKind]: number } = { vxlan: 4789, geneve: 6081 };
const ETH_P_TEB = 0x6558;

export const PLACEHOLDER = 9_000_001;
export const OTHER_PLACEHOLDER = 9_000_002;
export const VNI = 0x12_34_56;

/** Underlay addresses of this host and of the others. */
export const LOCAL: readonly [number, bigint] = [ip4('192.0.2.2'), ip6('2001:db8:2::2')];
export const REMOTE: readonly [number, bigint] = [ip4('198.51.100.7'), ip6('2001:db8:a::7')];
export const OTHER_REMOTE: readonly [number, bigint] = [ip4('198.51.100.8'), ip6('2001:db8:a::8')];

/** The slot's own address, what it is known by, and whom it talks to. */
export const INSIDE: readonly [number, bigint] = [ip4('172.16.0.2'), ip6('fd00::2')];
export const OUTSIDE: readonly [number, bigint] = [ip4('10.77.200.9'), ip6('2001:db8:77::c8:1234')];
export const PEER: readonly [number, bigint] = [ip4('10.77.0.1'), ip6('2001:db8:77::1')];

export interface Outer {
  readonly kind: TunnelKind;
  readonly vni: number;
  readonly source: Address;
  readonly destination: Address;
  readonly checksum: 'sum' | 'none';
  /** Of Geneve, a multiple of 4 bytes. */
  readonly options?: Bytes;
  /** First byte of a VXLAN header, second one, and what stands where Geneve says what it carries. */
  readonly first?: number;
  readonly proto?: number;
  readonly reserved?: number;
  readonly sourcePort?: number;
  readonly port?: number;
  readonly frame?: FrameFields;
}

const tunnelHeader = ({ kind, vni, options = bytes(0), first, proto, reserved = 0 }: Outer): Bytes =>
  kind === 'vxlan'
    ? join(Uint8Array.of(first ?? 0x08, 0), be16(proto ?? 0), be32(vni * 256 + reserved))
    : join(
        Uint8Array.of(first ?? options.length / 4, 0),
        be16(proto ?? ETH_P_TEB),
        be32(vni * 256 + reserved),
        options,
      );

/** The frame on the underlay that carries `inner`. */
export function tunnelFrame(outer: Outer, inner: Bytes): Bytes {
  const { kind, source, destination, checksum, sourcePort = 50_123, port = PORTS[kind] } = outer;
  const segment = udp({ ports: [sourcePort, port], payload: join(tunnelHeader(outer), inner), checksum });
  const payload = segment(source, destination);
  const packet =
    typeof source === 'number'
      ? ipv4({ source, destination, protocol: UDP }, payload)
      : ipv6({ source, destination: destination as bigint, protocol: UDP }, payload);
  return frame(packet, outer.frame);
}

/** Where the outer UDP header starts in such a frame without tags, and the inner packet behind a header without options. */
export const udpAt = (source: Address): number => 14 + (typeof source === 'number' ? 20 : 40);
export const innerAt = (source: Address): number => udpAt(source) + 16;

/** An inner frame, for the slot's address and the other end's; `leaving` from the slot. */
export type InnerFrame = (own: Address, peer: Address, leaving: boolean) => Bytes;

function packet(source: Address, destination: Address, protocol: number, payload: Bytes): Bytes {
  return typeof source === 'number'
    ? ipv4({ source, destination, protocol }, payload)
    : ipv6({ source, destination: destination as bigint, protocol }, payload);
}

const ends = (own: Address, peer: Address, leaving: boolean): [Address, Address] =>
  leaving ? [own, peer] : [peer, own];

export const carrying =
  (protocol: number, segment: Segment, fields: FrameFields = {}): InnerFrame =>
  (own, peer, leaving) => {
    const [source, destination] = ends(own, peer, leaving);
    return frame(packet(source, destination, protocol, segment(source, destination)), fields);
  };

/** An error about a packet that went the other way, of which `quoted` bytes behind the IP header are quoted. */
const error =
  (protocol: number, segment: Segment, quoted = 1000): InnerFrame =>
  (own, peer, leaving) => {
    const [source, destination] = ends(own, peer, leaving);
    const whole = packet(destination, source, protocol, segment(destination, source));
    const quote = whole.subarray(0, (typeof own === 'number' ? 20 : 40) + quoted);
    return frame(
      typeof source === 'number'
        ? packet(source, destination, ICMP, icmp(3, 4, be32(1280), quote))
        : packet(source, destination, ICMPV6, icmp6(2, 0, be32(1280), quote)(source, destination)),
    );
  };

export const PEER_MAC: Bytes = Uint8Array.of(2, 0, 0, 0, 0, 1);
const OWN_MAC: Bytes = Uint8Array.of(2, 0, 0, 0, 0, 2);

/** RFC 826; `op` 1 asks and 2 answers. */
export const arp =
  (op: number, of: 'sender' | 'target' | 'both' = 'both'): InnerFrame =>
  (own, peer, leaving) => {
    const [sender, target] = ends(own, peer, leaving);
    const [from, to] = of === 'both' ? [sender, target] : of === 'sender' ? [own, own] : [0, own];
    const head = join(be16(1), be16(0x0800), Uint8Array.of(6, 4), be16(op));
    const body = join(head, OWN_MAC, addressBytes(from), PEER_MAC, addressBytes(to));
    return frame(body, { type: ETH_P_ARP });
  };

const solicited = (target: bigint): bigint => ip6('ff02::1:ff00:0') | (target & 0xff_ffffn);

/** RFC 4861, 4.3 and 4.4; a solicitation goes to the group of its target, or to itself. */
export const discovery =
  (type: 135 | 136, to: 'group' | 'host' | 'probe'): InnerFrame =>
  (own, peer, leaving) => {
    // The slot asks for the peer, or tells of itself; the peer asks for the slot, or tells of itself.
    const tells = type === 136;
    const target = (leaving === tells || to === 'probe' ? own : peer) as bigint;
    const source = to === 'probe' ? 0n : ends(own, peer, leaving)[0];
    const destination = to === 'host' ? (ends(own, peer, leaving)[1] as bigint) : solicited(target);
    const body = join(addressBytes(target), Uint8Array.of(tells ? 2 : 1, 1), OWN_MAC);
    const whole = frame(
      packet(source, destination, ICMPV6, icmp6(type, 0, be32(0x6000_0000), body)(source, destination)),
    );
    return to === 'host'
      ? whole
      : patch(whole, 0, join(be16(0x3333), addressBytes(destination).subarray(12)));
  };

/** What tunnels carry in these tests, by name; of each family. */
export const INNERS: { readonly [F in 4 | 6]: { readonly [name: string]: InnerFrame } } = {
  4: {
    tcp: carrying(TCP, tcp()),
    'tcp of an odd length': carrying(TCP, tcp({ payload: bytes(1001) })),
    udp: carrying(UDP, udp()),
    'udp without a checksum': carrying(UDP, udp({ checksum: 'none' })),
    echo: carrying(ICMP, () => icmp(8, 0, be32(7), bytes(30))),
    gre: carrying(47, () => bytes(41)),
    'behind a tag': carrying(TCP, tcp(), { tags: [[0x8100, 5]] }),
    'behind two tags': carrying(TCP, tcp(), {
      tags: [
        [0x88a8, 5],
        [0x8100, 6],
      ],
    }),
    'with options': (own, peer, leaving) => {
      const [source, destination] = ends(own, peer, leaving);
      return frame(
        ipv4({ source, destination, protocol: TCP, options: bytes(12, () => 1) }, tcp()(source, destination)),
      );
    },
    'first fragment': (own, peer, leaving) => {
      const [source, destination] = ends(own, peer, leaving);
      return frame(
        ipv4(
          { source, destination, protocol: UDP, fragment: 0x2000 },
          udp({ payload: bytes(40) })(source, destination),
        ),
      );
    },
    'later fragment': (own, peer, leaving) => {
      const [source, destination] = ends(own, peer, leaving);
      return frame(ipv4({ source, destination, protocol: UDP, fragment: 6 }, bytes(40)));
    },
    'arp request': arp(1),
    'arp answer': arp(2),
    'error about tcp': error(TCP, tcp()),
    'error about tcp, cut short': error(TCP, tcp(), 8),
    'error about udp': error(UDP, udp()),
    'error about udp without a checksum': error(UDP, udp({ checksum: 'none' })),
    'error about echo': error(ICMP, () => icmp(8, 0, be32(7), bytes(30))),
  },
  6: {
    tcp: carrying(TCP, tcp()),
    udp: carrying(UDP, udp()),
    echo: (own, peer, leaving) => {
      const [source, destination] = ends(own, peer, leaving);
      return frame(
        packet(source, destination, ICMPV6, icmp6(128, 0, be32(7), bytes(31))(source, destination)),
      );
    },
    gre: carrying(47, () => bytes(41)),
    'behind a tag': carrying(TCP, tcp(), { tags: [[0x8100, 5]] }),
    'behind extension headers': (own, peer, leaving) => {
      const [source, destination] = ends(own, peer, leaving) as [bigint, bigint];
      const extensions = [padded(HOP_BY_HOP, 0), padded(DESTINATION_OPTIONS, 2)];
      return frame(ipv6({ source, destination, protocol: TCP, extensions }, tcp()(source, destination)));
    },
    'later fragment': (own, peer, leaving) => {
      const [source, destination] = ends(own, peer, leaving) as [bigint, bigint];
      return frame(ipv6({ source, destination, protocol: UDP, extensions: [fragment(8, false)] }, bytes(40)));
    },
    solicitation: discovery(135, 'group'),
    'solicitation to a host': discovery(135, 'host'),
    advertisement: discovery(136, 'host'),
    'error about tcp': error(TCP, tcp()),
    'error about udp, cut short': error(UDP, udp(), 8),
    'error about echo': error(ICMPV6, (source, destination) =>
      icmp6(128, 0, be32(7), bytes(30))(source, destination),
    ),
  },
};

// -- checksums that are only begun (linux/skbuff.h): the sum of the pseudo-header in their place

/** The IP header at `at` and what it says of its payload. */
function payloadOf(whole: Bytes, at: number): { start: number; protocol: number; pseudo: number } {
  const isSix = whole[at]! >> 4 === 6;
  const start = at + (isSix ? 40 : (whole[at]! & 0xf) * 4);
  const protocol = whole[at + (isSix ? 6 : 9)]!;
  const length = isSix ? read16(whole, at + 4) : read16(whole, at + 2) - (start - at);
  const addresses = isSix ? whole.subarray(at + 8, at + 40) : whole.subarray(at + 12, at + 20);
  return { start, protocol, pseudo: onesSum(addresses, be16(protocol), be16(length)) };
}

export interface BegunSum {
  readonly frame: Bytes;
  /** Where the device is to start, and to write, as an skb says it. */
  readonly start: number;
  readonly offset: number;
}

/** The frame with the transport checksum behind the IP header at `ipAt` only begun. */
export function begun(whole: Bytes, ipAt: number): BegunSum {
  const { start, protocol, pseudo } = payloadOf(whole, ipAt);
  const offset = protocol === TCP ? 16 : 6;
  return { frame: patch(whole, start + offset, be16(pseudo)), start, offset };
}

/** The transport checksum behind the IP header at `ipAt`, and the sum that it would be begun with. */
export function sums(whole: Bytes, ipAt: number): { check: number; pseudo: number } {
  const { start, protocol, pseudo } = payloadOf(whole, ipAt);
  return { check: read16(whole, start + (protocol === TCP ? 16 : 6)), pseudo };
}
