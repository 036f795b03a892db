// Packets as most are: plain headers between ordinary addresses, of mappings of every kind. Now and then one has an
// unfinished checksum, the last hop, or a destination that is mapped itself.

import fc, { type Arbitrary } from 'fast-check';
import type { Family } from '../arbitrary/packets.ts';
import { ip, type Mapping, mappings } from '../reference/mappings.ts';
import type { Direction } from '../reference/world.ts';
import {
  type Address,
  addressBytes,
  type Bytes,
  be16,
  frame,
  ICMP,
  icmp,
  ipv4,
  join,
  onesSum,
  patch,
  type Segment,
  TCP,
  tcp,
  UDP,
  udp,
} from '../wire.ts';
import { ICMPV6, icmp6, ipv6 } from '../wire6.ts';

interface Ends {
  readonly mappings: readonly Mapping[];
  /** Address and port of one end, on either side. */
  readonly inside: readonly (readonly [address: string, port: number])[];
  readonly outside: readonly (readonly [address: string, port: number])[];
  readonly peers: readonly string[];
}

const ENDS: { readonly [F in Family]: Ends } = {
  4: {
    mappings: mappings(
      '10.0.0.5=203.0.113.5',
      '10.1.0.0/16=100.64.0.0/16',
      '10.0.0.6:8080/tcp=203.0.113.9:80/tcp',
      '10.0.0.7:1024-2047=203.0.113.9:3072-4095',
    ),
    inside: [
      ['10.0.0.5', 1],
      ['10.1.2.3', 0xffff],
      ['10.0.0.6', 8080],
      ['10.0.0.7', 1500],
      ['10.0.0.8', 1],
    ],
    outside: [
      ['203.0.113.5', 1],
      ['100.64.2.3', 0xffff],
      ['203.0.113.9', 80],
      ['203.0.113.9', 4000],
      ['203.0.113.8', 1],
    ],
    peers: ['198.51.100.1', '8.8.8.8', '255.255.255.255', '203.0.113.5', '1.0.0.9'],
  },
  6: {
    mappings: mappings(
      'fd00::5=2001:db8::5',
      'fd00:1::/48=2001:db8:1::/48',
      'fd00:2::/48=2001:db8:2::/48,neutral',
      '[fd00::6]:8080/tcp=[2001:db8::9]:80/tcp',
      '[fd00::7]:1024-2047=[2001:db8::9]:3072-4095',
    ),
    inside: [
      ['fd00::5', 1],
      ['fd00:1::2:3', 0xffff],
      ['fd00:2::2:3', 1],
      ['fd00::6', 8080],
      ['fd00::7', 1500],
      ['fd00::8', 1],
    ],
    outside: [
      ['2001:db8::5', 1],
      ['2001:db8:1::2:3', 0xffff],
      ['2001:db8:2::2:3', 1],
      ['2001:db8::9', 80],
      ['2001:db8::9', 4000],
      ['2001:db8::8', 1],
    ],
    peers: ['2600::1', 'fe80::1', 'ff02::1', '2001:db8::5', '3fff::9'],
  },
};

const body = fc.uint8Array({ maxLength: 60 });
/** Sums come out as zero now and then, which is where representations differ. */
const ones = fc.nat(40).map((length) => new Uint8Array(length).fill(0xff));

type Ports = readonly [number, number];
type Make = (ports: Ports, id: number) => Segment;
const transport = (family: Family): Arbitrary<readonly [protocol: number, make: Make]> => {
  const payload = fc.oneof(body, ones);
  const query = fc.constantFrom(...(family === 4 ? [0, 8, 13] : [128, 129]));
  return fc.oneof(
    fc
      .tuple(payload, fc.constantFrom(0x02, 0x10, 0x18))
      .map(([data, flags]) => [TCP, (ports: Ports) => tcp({ ports, payload: data, flags })] as const),
    payload.map((data) => [UDP, (ports: Ports) => udp({ ports, payload: data })] as const),
    fc.tuple(query, payload).map(([type, data]) => {
      const make: Make = (_, id) => {
        const rest = join(be16(id), be16(1));
        return family === 4 ? () => icmp(type, 0, rest, data) : icmp6(type, 0, rest, data);
      };
      return [family === 4 ? ICMP : ICMPV6, make] as const;
    }),
  );
};

export interface Plain {
  readonly mappings: readonly Mapping[];
  readonly direction: Direction;
  readonly frame: Bytes;
}

/** Addresses of theirs on the outside. */
export const outsides = (family: Family): string[] => ENDS[family].outside.map(([address]) => address);

export const plain = (
  family: Family,
  directions: readonly Direction[] = ['outbound', 'inbound'],
): Arbitrary<Plain> =>
  fc
    .record({
      direction: fc.constantFrom(...directions),
      own: fc.nat(ENDS[family].inside.length - 1),
      peer: fc.oneof(fc.constantFrom(...ENDS[family].peers), fc.constant(ENDS[family].peers[0]!)),
      peerPort: fc.nat(0xffff),
      carried: transport(family),
      hops: fc.constantFrom(64, 64, 64, 255, 2, 1, 0),
      id: fc.nat(0xffff),
      tos: fc.nat(255),
      finished: fc.constantFrom(true, true, true, false),
    })
    .map(({ direction, own, peer, peerPort, carried: [protocol, make], hops, id, tos, finished }) => {
      const ends = ENDS[family];
      const [address, port] = (direction === 'outbound' ? ends.inside : ends.outside)[own]!;
      const [near, far] = [ip(address), ip(peer)];
      const [source, destination] = direction === 'outbound' ? [near, far] : [far, near];
      const ports = direction === 'outbound' ? ([port, peerPort] as const) : ([peerPort, port] as const);
      const whole = make(ports, port)(source, destination);
      const payload = finished ? whole : unfinished(whole, protocol, source, destination);
      const packet =
        typeof source === 'number'
          ? ipv4({ source, destination, protocol, ttl: hops, id, tos }, payload)
          : ipv6(
              {
                source,
                destination: destination as bigint,
                protocol,
                hopLimit: hops,
                flow: (tos << 20) | id,
              },
              payload,
            );
      return { mappings: ends.mappings, direction, frame: frame(packet) };
    });

/** As a sender leaves it whose device is to finish the checksum. */
function unfinished(segment: Bytes, protocol: number, source: Address, destination: Address): Bytes {
  const at = { [TCP]: 16, [UDP]: 6 }[protocol];
  if (at === undefined) return segment;
  const pseudo = join(be16(protocol), be16(segment.length));
  return patch(segment, at, be16(onesSum(addressBytes(source), addressBytes(destination), pseudo)));
}

export const macText = (mac: Bytes): string =>
  [...mac].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
