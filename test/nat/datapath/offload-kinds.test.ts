// Unfinished checksums and super-packets through every kind of mapping, and the checksums of ports, identifiers and MSS
// options in them: an unfinished checksum is over the pseudo-header alone, and what else changes must leave it alone.

import anyTest, { type TestFn } from 'ava';
import { needsRootAndBpf } from '../../support/requirements.ts';
import type { End } from './support/arbitrary/packets.ts';
import { ip, mapping } from './support/reference/mappings.ts';
import { hex } from './support/rig.ts';
import { mac } from './support/shapes.ts';
import { needsChecksum, SUPER } from './support/vnet.ts';
import {
  type Address,
  type Bytes,
  be16,
  bytes,
  frame,
  ICMP,
  icmp,
  ipv4,
  join,
  onesSum,
  patch,
  pseudoHeader,
  TCP,
  tcp,
  UDP,
  udp,
} from './support/wire.ts';
import { WireRig } from './support/wire-rig.ts';
import { ICMPV6, icmp6, ipv6 } from './support/wire6.ts';

const test = anyTest as TestFn;
needsRootAndBpf(test);

const US = '02:11:22:33:44:55';
const MSS = 1200;
/** Of a frame in hexadecimal: more would be hard to read. */
const HEADERS = 240;

interface Case {
  readonly mapping: string;
  readonly inside: End;
  readonly outside: End;
  readonly remote: Address;
}

const end = (address: string, port: number): End => ({ address: ip(address), port });
const four = ip('198.51.100.7');
const six = ip('2001:db8:ffff::7');
const CASES: readonly Case[] = [
  {
    mapping: '10.1.0.0/16=100.64.0.0/16',
    ...{ inside: end('10.1.2.3', 4000), outside: end('100.64.2.3', 4000), remote: four },
  },
  {
    mapping: '10.0.0.7:4000-4999=203.0.113.9:1024-2023',
    ...{ inside: end('10.0.0.7', 4321), outside: end('203.0.113.9', 1345), remote: four },
  },
  {
    mapping: 'fd00::5=2001:db8::5',
    ...{ inside: end('fd00::5', 4000), outside: end('2001:db8::5', 4000), remote: six },
  },
  {
    mapping: 'fd01:203:405::/48=2001:db8:1::/48,neutral',
    ...{
      inside: end('fd01:203:405:1::1234', 4000),
      outside: end('2001:db8:1:d550::1234', 4000),
      remote: six,
    },
  },
  {
    mapping: '[fd00::7]:4000-4999=[2001:db8::9]:1024-2023',
    ...{ inside: end('fd00::7', 4321), outside: end('2001:db8::9', 1345), remote: six },
  },
];

type Make = (source: End, destination: End, mss: number) => Bytes;

function packet(source: Address, destination: Address, protocol: number, payload: Bytes): Bytes {
  return typeof source === 'number'
    ? frame(ipv4({ source, destination, protocol }, payload))
    : frame(ipv6({ source, destination: destination as bigint, protocol }, payload));
}

const headers = (address: Address): number => (typeof address === 'number' ? 34 : 54);

/** The transport begun only: the sum over the pseudo-header stands where its checksum will. */
const partial =
  (
    protocol: number,
    field: number,
    segment: (mss: number) => (source: End, destination: End) => Bytes,
  ): Make =>
  (source, destination, mss) => {
    const whole = segment(mss)(source, destination);
    const sum = onesSum(pseudoHeader(source.address, destination.address, protocol, whole.length));
    return packet(source.address, destination.address, protocol, patch(whole, field, be16(sum)));
  };

const syn =
  (mss: number) =>
  (source: End, destination: End): Bytes => {
    // At an odd place, where its bytes belong to different words.
    const options = join(
      Uint8Array.of(1, 2, 4),
      be16(mss),
      bytes(3, () => 1),
    );
    const segment = tcp({ ports: [source.port, destination.port], flags: 0x02, options, payload: bytes(0) });
    return segment(source.address, destination.address);
  };
const stream = () => (source: End, destination: End) =>
  tcp({ ports: [source.port, destination.port], payload: bytes(30_000) })(
    source.address,
    destination.address,
  );
const datagrams = () => (source: End, destination: End) =>
  udp({ ports: [source.port, destination.port], payload: bytes(20_000) })(
    source.address,
    destination.address,
  );

for (const direction of ['outbound', 'inbound'] as const) {
  const ends = (make: Make, own: End, remote: End, mss: number): Bytes =>
    direction === 'outbound' ? make(own, remote, mss) : make(remote, own, mss);
  const sides = ({ inside, outside }: Case): readonly [before: End, after: End] =>
    direction === 'outbound' ? [inside, outside] : [outside, inside];

  test.serial(`${direction}: unfinished checksums and super-packets`, async (t) => {
    const wire = await WireRig.make(t, direction, { mss: MSS, station: { mac: mac(US), subnets: [] } }, US);
    for (const one of CASES) {
      wire.rig.remap([mapping(one.mapping)]);
      const [before, after] = sides(one);
      const remote: End = { address: one.remote, port: 80 };
      const start = headers(one.remote);
      const type = typeof one.remote === 'number' ? SUPER.tcp4 : SUPER.tcp6;
      const shapes: readonly (readonly [
        string,
        Make,
        field: number,
        Parameters<typeof needsChecksum>[2]?,
      ])[] = [
        ['syn', partial(TCP, 16, syn), 16],
        ['udp', partial(UDP, 6, () => (a, b) => udp({ ports: [a.port, b.port] })(a.address, b.address)), 6],
        ['tcp, super', partial(TCP, 16, stream), 16, { type, size: 1_000, header: start + 20 }],
        ['udp, super', partial(UDP, 6, datagrams), 6, { type: SUPER.udp, size: 1_000, header: start + 8 }],
      ];
      for (const [name, make, field, gso] of shapes) {
        const vnet = needsChecksum(start, field, gso);
        for (const split of [[], [14], [start + field + 1]]) {
          const label = `${one.mapping}, ${name} ${split}`;
          const whole = ends(make, before, remote, 1460);
          const { emitted, ...rest } = await wire.send(whole, { split, vnet });
          t.deepEqual(
            emitted.map(({ frame: out }) => [out.slice(0, HEADERS), out.length]),
            [[hex(ends(make, after, remote, MSS)).slice(0, HEADERS), 2 * whole.length]],
            label,
          );
          t.deepEqual(rest, { reasons: {}, mappings: [`${direction} 0: 1, ${whole.length - 14}`] }, label);
        }
      }
    }
  });

  test.serial(`${direction}: finished checksums, in pieces`, async (t) => {
    const wire = await WireRig.make(t, direction, { mss: MSS, station: { mac: mac(US), subnets: [] } }, US);
    const echo: Make = ({ address: a, port }, { address: b, port: other }) => {
      const rest = join(be16(direction === 'outbound' ? port : other), be16(9));
      return typeof a === 'number'
        ? packet(a, b, ICMP, icmp(8, 0, rest, bytes(40)))
        : packet(a, b, ICMPV6, icmp6(128, 0, rest, bytes(40))(a, b));
    };
    const shapes: readonly (readonly [string, Make])[] = [
      ['syn', (a, b, mss) => packet(a.address, b.address, TCP, syn(mss)(a, b))],
      ['echo', echo],
    ];
    for (const one of CASES) {
      wire.rig.remap([mapping(one.mapping)]);
      const [before, after] = sides(one);
      const remote: End = { address: one.remote, port: 80 };
      for (const [name, make] of shapes) {
        const whole = ends(make, before, remote, 1460);
        for (let linear = 14; linear <= whole.length; linear += 5) {
          const label = `${one.mapping}, ${name}, ${linear}`;
          const { emitted, ...rest } = await wire.send(whole, { split: [linear] });
          t.deepEqual(
            emitted.map(({ frame: out }) => out),
            [hex(ends(make, after, remote, MSS))],
            label,
          );
          t.deepEqual(rest, { reasons: {}, mappings: [`${direction} 0: 1, ${whole.length - 14}`] }, label);
        }
      }
    }
  });
}
