// The inner addresses of a tunnel slot, translated in the same pass as its VNI: outbound the inner source from inside to
// outside, inbound the inner destination back. Of a family that the slot has an address of nothing else passes, but for what
// a host needs to get an address, or to find its neighbours.

import type { Variable, ViewOf } from '../../../asm/index.ts';
import { TUNNEL_FLAGS, type tunnelRecord } from '../../tunnel-layout.ts';
import { difference, mayBeNone, PSEUDO } from '../checksum.ts';
import { ETH_P_ARP, ETH_P_IP, ETH_P_IPV6, half, IPPROTO_AH } from '../headers.ts';
import { type IpPacket, sideOf } from '../ip-packet.ts';
import { readIpv4 } from '../ipv4.ts';
import { readIpv6 } from '../ipv6.ts';
import type { TcPath } from '../path.ts';
import { rewriteQuote } from '../quote.ts';
import { rewriteAll } from '../rewrite.ts';
import {
  icmpType,
  isOneOf,
  NOWHERE,
  noTransport,
  readQuery,
  readTransport,
  type Transport,
} from '../transport.ts';
import { type AddressPlace, read, same, type Words, wordsOf } from '../words.ts';
import { type Carried, innerPacket } from './carried.ts';
import { MOST_INNER_AT } from './headers.ts';
import { translateInnerArp } from './inner-arp.ts';
import { translateInnerDiscovery } from './inner-discovery.ts';
import { translateInnerError } from './inner-error.ts';

/** What a slot's addresses become in this direction. */
export interface InnerSide {
  readonly from: AddressPlace;
  readonly to: AddressPlace;
}

/** What the translation changes in sums, each as a difference to be added to those of before. */
export interface InnerChange {
  /** In what the outer checksum covers, once the inner ones are finished. */
  readonly covered: Variable<'u64'>;
  /** In the bytes, where the kernel has not been told of it. */
  readonly untold: Variable<'u64'>;
}

export interface Inner {
  readonly carried: Carried;
  readonly record: ViewOf<typeof tunnelRecord>;
  /** Not zero where the outer checksum is begun and the inner one is not, which the kernel's helpers take for begun then. */
  readonly isFinished: Variable<'u32'>;
}

/** What is said of packets that the readers leave with. */
const REFUSED: readonly string[] = ['malformed', 'authenticated'];

/** Translates the inner packet. No view of the packet is valid afterwards. */
export function translateInner(path: TcPath, inner: Inner, change: InnerChange): void {
  const { p } = path;
  const refusing: TcPath = {
    ...path,
    // Whatever the policy, the packet cannot go on with its VNI as it is.
    leave: (reason) => path.leave(REFUSED.includes(reason) ? 'inner_refused' : reason),
  };
  const { type, at } = innerPacket(path, inner.carried, () => refusing.leave('malformed'));
  const place = { offset: at.get(), atMost: MOST_INNER_AT };
  const has = (flag: keyof typeof TUNNEL_FLAGS, then: () => void): void =>
    p.when(inner.record.flags.and(TUNNEL_FLAGS[flag]).ne(0), then);
  p.match(type.get().bits(), [
    [ETH_P_IP, () => has('inner4', () => translateIp(refusing, inner, readIpv4(refusing, place), change))],
    [ETH_P_IPV6, () => has('inner6', () => translateIp(refusing, inner, readIpv6(refusing, place), change))],
    [
      ETH_P_ARP,
      () => has('inner4', () => translateInnerArp(refusing, place, sidesOf(path, inner, 4), change)),
    ],
  ]);
}

function sidesOf({ direction }: TcPath, { record }: Inner, version: 4 | 6): InnerSide {
  const [inside, outside] =
    version === 4 ? [record.inside, record.outside] : [record.inside6, record.outside6];
  return direction === 'outbound'
    ? { from: wordsOf(inside), to: wordsOf(outside) }
    : { from: wordsOf(outside), to: wordsOf(inside) };
}

function translateIp(path: TcPath, inner: Inner, packet: IpPacket, change: InnerChange): void {
  const { p, direction, leave } = path;
  const { version, payload } = packet;
  const { own } = sideOf(direction);
  const sides = sidesOf(path, inner, version);
  const isOwn = p.variable('u32', 0);
  p.when(same(read(packet[own]), sides.from), () => isOwn.set(1));
  const transport = noTransport(path, payload, false);
  const isError = p.variable('u32', 0);
  const refuseAuthenticated = (): void =>
    p.rarely(payload.protocol.eq(IPPROTO_AH), () => leave('authenticated'));
  p.when(
    packet.isLater().not(),
    () =>
      readTransport(path, payload, transport, own, {
        onIcmp: (icmp) => {
          const type = icmpType(path, payload);
          if (version === 6) translateInnerDiscovery(path, inner.carried, packet, type, sides, change);
          p.when(isOneOf(type, icmp.errors), () => isError.set(1));
          readQuery(path, payload, transport, icmp, type);
        },
        onOther: refuseAuthenticated,
      }),
    refuseAuthenticated,
  );
  // What follows is verified once.
  for (const known of [transport.checkAt, transport.checksum]) known.set(p.forget(known));
  p.when(
    isOwn.ne(0),
    () =>
      p.when(
        isError.ne(0),
        () => translateInnerError(path, packet, sides, change),
        () => rewriteInner(path, inner, packet, transport, sides, change),
      ),
    () => requireNobody(path, packet),
  );
}

/** What a packet may have in place of the slot's own address; others are left. */
function requireNobody({ p, direction, leave }: TcPath, packet: IpPacket): void {
  const { own } = sideOf(direction);
  const address = read(packet[own]);
  const isIn = ([network, mask]: readonly [readonly number[], readonly number[]]) =>
    address
      .map((word, i) => (mask[i] === 0 ? undefined : word.and(mask[i]!).eq(network[i]!)))
      .filter((condition) => condition !== undefined)
      .reduce((all, one) => all.and(one));
  const allowed = NOBODY[packet.version][direction].map(isIn).reduce((any, one) => any.or(one));
  p.when(allowed.not(), () => leave('inner_foreign'));
}

const ONES = 0xffff_ffff;
const UNSPECIFIED: readonly [number[], number[]] = [
  [0, 0, 0, 0],
  [ONES, ONES, ONES, ONES],
];
/** fe80::/10 */
const LINK_LOCAL: readonly [number[], number[]] = [
  [0xfe80_0000, 0, 0, 0],
  [0xffc0_0000, 0, 0, 0],
];

/** By version and direction, networks and masks: hosts without an address yet, groups and everybody. */
const NOBODY: {
  readonly [V in 4 | 6]: {
    readonly [D in 'outbound' | 'inbound']: readonly (readonly [readonly number[], readonly number[]])[];
  };
} = {
  4: {
    outbound: [[[0], [ONES]]],
    // 224.0.0.0/4 and the limited broadcast.
    inbound: [
      [[0xe000_0000], [0xf000_0000]],
      [[ONES], [ONES]],
    ],
  },
  6: {
    outbound: [UNSPECIFIED, LINK_LOCAL],
    // ff00::/8
    inbound: [
      [
        [0xff00_0000, 0, 0, 0],
        [0xff00_0000, 0, 0, 0],
      ],
      LINK_LOCAL,
    ],
  },
};

function rewriteInner(
  path: TcPath,
  { isFinished }: Inner,
  packet: IpPacket,
  transport: Transport,
  { to }: InnerSide,
  change: InnerChange,
): void {
  const { p, direction } = path;
  const { own } = sideOf(direction);
  const before = read(packet[own]);
  const translation = { address: read(to), shift: undefined, neutral: undefined };
  addCovered(path, packet, transport, before, translation.address, change);
  p.when(
    isFinished.ne(0),
    () => {
      // The kernel would take the checksum for one that is only begun. A quote is written the same way: by hand.
      const quoted = { address: before, port: undefined };
      rewriteQuote(path, packet, own, quoted, translation, transport, p.variable('u64', 0));
    },
    () => {
      const keyed = { before, port: undefined };
      rewriteAll(path, packet, own, keyed, translation, transport, { mss: undefined, hop: undefined });
    },
  );
}

/**
 * Of IPv4 the header's own checksum makes up for the address, and the transport's changes by the opposite; of IPv6 the
 * transport's makes up for it, where there is one.
 */
function addCovered(
  path: TcPath,
  packet: IpPacket,
  { checkAt, checksum }: Transport,
  before: Words,
  after: Words,
  { covered }: InnerChange,
): void {
  const { p, direction, leave } = path;
  const hasSum = p.variable('u32', 0);
  p.when(checkAt.ne(NOWHERE).and(checksum.and(PSEUDO).ne(0)), () => {
    hasSum.set(1);
    p.when(mayBeNone(checksum), () => {
      const { value } = p.packet.copy(half, checkAt, { orElse: () => leave('malformed') });
      p.when(value.eq(0), () => hasSum.set(0));
    });
  });
  const { segmentsLeft } = packet;
  if (segmentsLeft !== undefined && direction === 'inbound') p.when(segmentsLeft.ne(0), () => hasSum.set(0));
  if (packet.version === 4) p.when(hasSum.ne(0), () => covered.set(covered.add(difference(after, before))));
  else p.when(hasSum.eq(0), () => covered.set(covered.add(difference(before, after))));
}
