// The way of a packet past the stack, if it has one: to an interface of the other side, to a neighbour that is known, and
// not larger than fits. Asked before the packet is translated; where there is one, its frame is addressed and a hop is taken
// off, so that nothing but translating is left to do.

import {
  type Expression,
  type ScalarType,
  type StructType,
  struct,
  u8,
  type Value,
  type Variable,
} from '../../../asm/index.ts';
import { ethhdr, half, IPPROTO_TCP, IPPROTO_UDP } from '../headers.ts';
import type { IpPacket } from '../ip-packet.ts';
import { forget, type TcPath } from '../path.ts';
import { hopChange, passHop } from '../rewrite.ts';
import { askRoute, type RouteMemory, routeMemory } from '../route.ts';
import { addressFrame } from '../station.ts';
import { isOneOf } from '../transport.ts';
import { read, type Words } from '../words.ts';
import { type Plain, transportAt, wherePlain } from './plain.ts';
import { isOtherSide, type Sides } from './sides.ts';

/** What is sent on past the stack: between which interfaces, and what the way is asked with, once for all versions. */
export interface Redirect {
  readonly sides: Sides;
  readonly memory: RouteMemory;
}

export const redirectBetween = (p: TcPath['p'], sides: Sides): Redirect => ({
  sides,
  memory: routeMemory(p),
});

export interface Seen {
  /** The packet's own where left out. */
  readonly destination?: Words;
  readonly seenPort?: (port: Value<'be16'>) => Value<'be16'>;
}

export interface Way {
  /** Where the packet leaves; zero where it is the stack's, and as it was. */
  readonly ifindex: Variable<'u32'>;
  /** What the hop less has changed in sums over the IP header, made where it is needed: the stack of a program is small. */
  readonly change: () => Value<'u64'>;
}

/** Longer than every MTU. */
const ENDLESS = 0xffff_ffff;
/** What makes a look-up say the MTU: a length to check, which always fits. */
const ANY_LENGTH = 1;

/**
 * Runs `then` where a packet has a way, to the interface it is given: there the frame is addressed and has a hop less, and it
 * must be sent on.
 */
export function whereWay(
  path: TcPath,
  packet: IpPacket,
  { hopLimit, flow }: Plain,
  { sides, memory }: Redirect,
  { destination, seenPort = (port) => port }: Seen,
  then: (ifindex: Expression<'u32'>) => void,
): void {
  const { p, maps, direction, leave } = path;
  const { version, payload } = packet;
  const failed = (): void => leave('helper_failed');
  const { route, refusals } = askRoute(p, memory, {
    version,
    protocol: payload.protocol.get().as('u8'),
    length: p.constant('u16', ANY_LENGTH),
    ifindex: p.skb.ifindex,
    flow,
    source: read(packet.source),
    destination: destination ?? read(packet.destination),
    ports: (say) =>
      p.when(isOneOf(payload.protocol, [IPPROTO_TCP, IPPROTO_UDP]), () => {
        const [from, to] = p.packet.read([half, half], { at: transportAt(version), orElse: failed });
        say(from.value.get(), seenPort(to.value.get()));
      }),
  });
  const isFound = refusals.map((isRefused) => isRefused().not()).reduce((all, one) => all.and(one));
  p.when(isFound, () => {
    const most = segmentLength(path, packet);
    const fits = most.le(route.length).and(most.le(p.data(maps.redirect).mtu));
    p.when(isOtherSide(direction, route.ifindex, sides).and(fits), () => {
      addressFrame(p, route, failed);
      passHop(p, version, hopLimit);
      then(route.ifindex);
    });
  });
}

/** The way in, of a packet that is going to be translated whether it has one or not. */
export function findWayIn(path: TcPath, packet: IpPacket, redirect: Redirect, seen: Seen): Way {
  const { p } = path;
  const way = p.variable('u32', 0);
  wherePlain(path, packet, (plain) =>
    whereWay(path, packet, plain, redirect, seen, (ifindex) => way.set(ifindex)),
  );
  forget(path, way);
  const change = (): Value<'u64'> => {
    const sum = p.variable('u64', 0);
    p.when(way.ne(0), () => sum.set(hopChange(p, packet.version)));
    return sum.get();
  };
  return { ifindex: way, change };
}

/** RFC 9293, section 3.1: the length of the header in words, in the high four bits. */
const tcpLength: StructType<{ offset: ScalarType<'u8'> }> = struct('tcp_length', { offset: u8 });
const TCP_LENGTH_AT = 12;

/**
 * Bytes of the packet from the IP header on, of a super-packet those of the longest that it will be cut into. What other
 * super-packets than TCP's will be cut into cannot be told here: they may hold a tunnel.
 */
function segmentLength({ p, leave }: TcPath, { version, payload }: IpPacket): Value<'u32'> {
  const most = p.variable('u32', payload.end.sub(ethhdr.size));
  const segment = p.skb.gsoSize.get();
  p.when(segment.ne(0), () => {
    most.set(ENDLESS);
    p.when(payload.protocol.eq(IPPROTO_TCP), () => {
      const at = transportAt(version) + TCP_LENGTH_AT;
      const [tcp] = p.packet.read([tcpLength], { at, orElse: () => leave('helper_failed') });
      const headers = tcp.offset
        .shr(4)
        .shl(2)
        .add(transportAt(version) - ethhdr.size);
      most.set(headers.add(segment));
    });
  });
  return most.get();
}
