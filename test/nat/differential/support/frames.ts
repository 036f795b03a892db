// Frames that a router forwards, for the mappings of a peer.

import fc, { type Arbitrary } from 'fast-check';
import { damage, spoil } from '../../datapath/support/arbitrary/damage.ts';
import { error } from '../../datapath/support/arbitrary/errors.ts';
import { type Build, type End, piece, whole } from '../../datapath/support/arbitrary/packets.ts';
import { endFor } from '../../datapath/support/arbitrary/scenario.ts';
import { find } from '../../datapath/support/reference/lookup.ts';
import { ip6 } from '../../datapath/support/reference/mappings.ts';
import type { Direction } from '../../datapath/support/reference/world.ts';
import { mac } from '../../datapath/support/shapes.ts';
import {
  type Address,
  type Bytes,
  be16,
  be32,
  frame,
  ICMP,
  icmp,
  ip4,
  ipv4,
  join,
  type Segment,
  TCP,
  tcp,
  UDP,
  udp,
} from '../../datapath/support/wire.ts';
import { ICMPV6, icmp6, ipv6 } from '../../datapath/support/wire6.ts';
import type { Peer } from './peers.ts';
import { MACS, type Sent } from './router.ts';

const PEERS4 = ip4('198.19.0.0');
const PEERS6 = ip6('2001:db8:cccc::');

/** Somebody outside, in no mapping. */
const stranger = (family: 4 | 6): Arbitrary<End> =>
  fc.record({
    address:
      family === 4
        ? fc.nat(0xffff).map((host) => PEERS4 + host)
        : fc.bigInt(0n, (1n << 80n) - 1n).map((host) => PEERS6 | host),
    port: fc.nat(0xffff),
  });

/** What a connection begins with, in either family. */
const opening = (family: 4 | 6): Arbitrary<Build> =>
  fc.tuple(fc.constantFrom('tcp', 'udp', 'echo'), fc.uint8Array({ maxLength: 600 }), fc.nat(0xffff)).map(
    ([kind, payload, id]): Build =>
      (a, b) => {
        const ports = [a.port, b.port] as const;
        const rest = join(be16(a.port), be16(id));
        const carried: { readonly [kind: string]: readonly [number, Segment] } = {
          tcp: [TCP, tcp({ ports, payload, flags: 0x02 })],
          udp: [UDP, udp({ ports, payload })],
          echo:
            family === 4 ? [ICMP, () => icmp(8, 0, rest, payload)] : [ICMPV6, icmp6(128, 0, rest, payload)],
        };
        const [protocol, segment] = carried[kind]!;
        return packetOf(a.address, b.address, protocol, segment(a.address, b.address));
      },
  );

function packetOf(source: Address, destination: Address, protocol: number, payload: Bytes): Bytes {
  return typeof source === 'number'
    ? ipv4({ source, destination, protocol }, payload)
    : ipv6({ source, destination: destination as bigint, protocol }, payload);
}

/** A connection's first packet, and what a router beyond has to say of it: the one case in which the kernel knows. */
function answeredWithError(
  begin: Build,
  inside: End,
  router: End,
  peer: End,
  { family, mappings }: Peer,
): Sent[] {
  const found = find(mappings, 'outbound', inside.address, 'none');
  if (typeof found !== 'object') throw new Error('the inside of a mapping that is in none');
  const outside = { address: found.address, port: inside.port };
  const quote = begin(outside, peer, 0);
  const [from, to] = [router.address, outside.address];
  const error =
    family === 4
      ? packetOf(from, to, ICMP, icmp(3, 4, be32(1280), quote))
      : packetOf(from, to, ICMPV6, icmp6(2, 0, be32(1280), quote)(from, to));
  return [
    { direction: 'outbound', frame: addressed('outbound', frame(begin(inside, peer, 0))) },
    { direction: 'inbound', frame: addressed('inbound', frame(error)) },
  ];
}

function addressed(direction: Direction, bare: Bytes): Bytes {
  const macs = direction === 'outbound' ? MACS.inside : MACS.outside;
  return join(mac(macs.router), mac(macs.station), bare.subarray(12));
}

/** `count` frames of both directions, from and to the ends of the peer's mappings. */
export function framesFor(to: Peer, count: number, seed: number): Sent[] {
  const { family, mappings, stateful } = to;
  // Connections are only followed where the first packet of one is sound.
  const packets = stateful ? [whole(family)] : [whole(family), whole(family), piece(family)];
  const harm = stateful
    ? fc.constant(null)
    : fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: damage });
  const about = fc.record({
    direction: fc.constantFrom<Direction>('outbound', 'inbound'),
    inside: endFor(family, mappings, 'inside', 0),
    outside: endFor(family, mappings, 'outside', 0),
    peer: stranger(family),
    router: stranger(family),
    packet: fc.oneof(...packets),
    error: error(family),
    begin: opening(family),
    isError: fc.nat(4).map((one) => one === 0),
    harm,
  });
  const sent = fc.sample(about, { numRuns: count, seed }).flatMap((one): Sent[] => {
    const { direction, peer } = one;
    if (stateful && one.isError) return answeredWithError(one.begin, one.inside, one.router, peer, to);
    const own = direction === 'outbound' ? one.inside : one.outside;
    const [source, destination] = direction === 'outbound' ? [own, peer] : [peer, own];
    const bytes = one.isError
      ? one.error(source, destination, destination, source, own.port)
      : one.packet(source, destination, own.port);
    const sound = addressed(direction, frame(bytes));
    if (one.harm === null) return [{ direction, frame: sound }];
    return [{ direction, frame: join(sound.subarray(0, 14), spoil(sound, one.harm).subarray(14)) }];
  });
  return sent.slice(0, count);
}
