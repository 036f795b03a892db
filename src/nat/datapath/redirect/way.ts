// The way of a packet past the stack, if it has one: to an interface of the other side, to a neighbour that is known, and
// not larger than fits. Asked before the packet is translated; where there is one, its frame is addressed and a hop is taken
// off, so that nothing but translating is left to do.

import {
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
import { passHop } from '../rewrite.ts';
import { askRoute, type Ends } from '../route.ts';
import { addressFrame } from '../station.ts';
import { isOneOf } from '../transport.ts';
import type { Words } from '../words.ts';
import { transportAt, wherePlain } from './plain.ts';
import { isOtherSide, type Sides } from './sides.ts';

export interface Way {
  /** Where the packet leaves; zero where it is the stack's, and as it was. */
  readonly ifindex: Variable<'u32'>;
  /** What one hop less changes in a sum over the IP header (RFC 1624: ~m + m'); zero where it is the stack's. */
  readonly hop: Variable<'u64'>;
}

/** Longer than every MTU. */
const ENDLESS = 0xffff_ffff;
/** What makes a look-up say the MTU: a length to check, which always fits. */
const ANY_LENGTH = 1;

/** @param seen the two addresses as routing sees them, and what is done to the destination's port before it does */
export function findWay(
  path: TcPath,
  packet: IpPacket,
  sides: Sides,
  seen: {
    readonly source: Words;
    readonly destination: Words;
    readonly dport?: (port: Value<'be16'>) => Value<'be16'>;
  },
): Way {
  const { p, maps, direction, leave } = path;
  const { version, payload } = packet;
  const failed = (): void => leave('helper_failed');
  const way: Way = { ifindex: p.variable('u32', 0), hop: p.variable('u64', 0) };
  wherePlain(path, packet, ({ hopLimit, flow }) => {
    const hasPorts = p.variable('u32', 0);
    const [sport, dport] = [p.variable('u16', 0), p.variable('u16', 0)];
    p.when(isOneOf(payload.protocol, [IPPROTO_TCP, IPPROTO_UDP]), () => {
      const [from, to] = p.packet.read([half, half], { at: transportAt(version), orElse: failed });
      const port = to.value.get();
      sport.set(from.value.get().bits());
      dport.set((seen.dport?.(port) ?? port).bits());
      hasPorts.set(1);
    });
    const ends: Ends = { ...seen, sport: sport.get().bits(), dport: dport.get().bits() };
    const protocol = payload.protocol.get().as('u8');
    const length = p.constant('u16', ANY_LENGTH);
    const question = { version, protocol, length, ifindex: p.skb.ifindex, flow, hasPorts };
    const { route, refusals } = askRoute(p, question, ends);
    const isFound = refusals.map((isRefused) => isRefused().not()).reduce((all, one) => all.and(one));
    p.when(isFound, () => {
      const most = segmentLength(path, packet);
      const fits = most.le(route.length).and(most.le(p.data(maps.redirect).mtu));
      p.when(isOtherSide(direction, route.ifindex, sides).and(fits), () => {
        addressFrame(p, route, failed);
        way.ifindex.set(route.ifindex);
        way.hop.set(passHop(p, version, hopLimit));
      });
    });
  });
  forget(path, way.ifindex);
  return way;
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
