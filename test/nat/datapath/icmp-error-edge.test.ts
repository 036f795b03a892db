// ICMP errors at their edges: other messages, extensions, fragments, checksums at their corners, quotes that lie.

import test from 'ava';
import { bothWays, error, quoted } from './support/errors.ts';
import { holds } from './support/holds.ts';
import { Rig, translates } from './support/rig.ts';
import { CORNERS, mac } from './support/shapes.ts';
import {
  type Bytes,
  be16,
  be32,
  bytes,
  frame,
  ICMP,
  icmp,
  ip4,
  ipv4,
  join,
  MORE_FRAGMENTS,
  patch,
  read16,
  TCP,
  tcp,
  UDP,
  udp,
} from './support/wire.ts';
import { INSIDE, MAP, OUTSIDE, type Packet, pass, REMOTE } from './support/world.ts';

const overTcp = quoted(TCP, tcp());
const overUdp = quoted(UDP, udp());

test('other ICMP messages quote nothing, whatever their data looks like', (t) => {
  for (const type of [0, 1, 2, 6, 8, 9, 10, 13, 14, 30, 40, 255]) {
    const make = overTcp;
    translates(
      t,
      pass(),
      'outbound',
      error(make, [INSIDE, REMOTE], [REMOTE, INSIDE], { type }),
      error(make, [OUTSIDE, REMOTE], [REMOTE, INSIDE], { type }),
      INSIDE,
      `type ${type}`,
    );
  }
});

test('what stands behind the quote (RFC 4884) and the next-hop MTU stay', (t) => {
  const make = quoted(TCP, tcp({ payload: bytes(88) }));
  const extension = join(Uint8Array.of(0x20, 0, 0xab, 0xcd), be16(8), Uint8Array.of(1, 1), be32(0xdeadbeef));
  bothWays(
    t,
    pass(),
    make,
    [INSIDE, OUTSIDE],
    { type: 11, code: 0, cut: 128, rest: be32(0x00200000), extension },
    '',
  );
});

test('an error about an error: the outer quote is put right, the inner is data', (t) => {
  const inner: Packet = (source, destination) =>
    ipv4({ source, destination, protocol: ICMP }, icmp(11, 0, be32(0), overUdp(ip4(REMOTE), ip4(INSIDE))));
  bothWays(t, pass(), inner, [INSIDE, OUTSIDE], {}, 'icmp in icmp');
});

test('the first fragment of an error is put right, later ones are data', (t) => {
  const make = quoted(UDP, udp({ payload: bytes(600) }));
  const fragment = (whole: Bytes, at: number, length: number): Bytes => {
    const word = (at + length < whole.length - 34 ? MORE_FRAGMENTS : 0) | (at / 8);
    const payload = whole.subarray(34 + at, 34 + at + length);
    const address = (from: number): number => read16(whole, from) * 65536 + read16(whole, from + 2);
    return frame(
      ipv4({ source: address(26), destination: address(30), protocol: ICMP, fragment: word }, payload),
    );
  };
  const before = error(make, [INSIDE, REMOTE], [REMOTE, INSIDE]);
  const after = error(make, [OUTSIDE, REMOTE], [REMOTE, OUTSIDE]);
  translates(t, pass(), 'outbound', fragment(before, 0, 400), fragment(after, 0, 400), INSIDE);
  translates(t, pass(), 'outbound', fragment(before, 400, 400), fragment(after, 400, 400), INSIDE);
});

test('the ICMP checksum at each corner', (t) => {
  for (const [inside, outside] of MAP) {
    for (const wanted of CORNERS) {
      for (const made of [inside, outside]) {
        const make = overTcp;
        const bare = error(make, [made, REMOTE], [REMOTE, made], { rest: be32(0) });
        // The unused word takes up the difference.
        const rest = be32((read16(bare, 36) + 0xffff - wanted) % 0xffff);
        t.is(read16(error(make, [made, REMOTE], [REMOTE, made], { rest }), 36), wanted);
        bothWays(t, pass(), make, [inside, outside], { rest }, `${inside} ${wanted}`);
      }
    }
  }
});

test('a quoted checksum at each corner: zero becomes 0xffff for UDP alone, and the ICMP checksum agrees', (t) => {
  for (const [inside, outside] of MAP) {
    for (const made of [inside, outside]) {
      for (const wanted of CORNERS) {
        for (const [protocol, segment, check] of [
          [TCP, tcp, 16],
          [UDP, udp, 6],
        ] as const) {
          const bare = segment({ payload: be16(0) })(ip4(made), ip4(REMOTE));
          // The payload takes up the difference to the checksum wanted.
          const payload = be16((read16(bare, check) + 0xffff - wanted) % 0xffff);
          const make = quoted(protocol, segment({ payload }));
          const sum = read16(make(ip4(made), ip4(REMOTE)), 20 + check);
          t.is(sum, protocol === UDP && wanted === 0 ? 0xffff : wanted);
          bothWays(t, pass(), make, [inside, outside], {}, `${made} ${wanted}`);
          bothWays(t, pass(), make, [inside, outside], { cut: 20 + check + 2 }, `${made} ${wanted}, cut`);
        }
      }
    }
  }
});

test('wrong checksums in and around a quote stay wrong by as much', (t) => {
  for (const make of [overTcp, overUdp]) {
    for (const at of [34 + 2, 34 + 8 + 10, 34 + 8 + 26, 34 + 8 + 36, 14 + 10]) {
      for (const flip of [0x0001, 0x8000, 0x1234]) {
        const good = error(make, [INSIDE, REMOTE], [REMOTE, INSIDE]);
        const bad = patch(good, at, be16(read16(good, at) ^ flip));
        t.deepEqual(pass().run('outbound', bad), pass().expected('outbound', bad), `${at}`);
      }
    }
  }
});

test('a quoted total length that lies is believed no more than the packet around it', (t) => {
  for (const totalLength of [0, 8, 20, 28, 0x2800, 0xffff]) {
    const make: Packet = (source, destination) =>
      ipv4({ source, destination, protocol: TCP, totalLength }, tcp()(source, destination));
    bothWays(t, pass(), make, [INSIDE, OUTSIDE], {}, `${totalLength}`);
  }
});

test('a quoted header that claims options beyond the end of the error', (t) => {
  const make: Packet = (source, destination) =>
    ipv4({ source, destination, protocol: TCP, versionIhl: 0x4f }, bytes(20));
  for (const cut of [20, 28, 40]) {
    const before = error(make, [INSIDE, REMOTE], [REMOTE, INSIDE], { cut, pad: 200 });
    t.deepEqual(pass().run('outbound', before), pass().expected('outbound', before), `${cut}`);
  }
});

test('between two insides whose ports are mapped, a quote cut at every length: both ways find the same', (t) => {
  const [own, peer] = ['203.0.113.9', '203.0.113.8'] as const;
  const station = { mac: mac('02:11:22:33:44:55'), subnets: [] };
  const rig = new Rig({ unmapped: 'pass', uses: ['addresses', 'ports', 'prefixes'], station });
  rig.remap([
    { kind: 'address', inside: ip4('10.0.0.9'), outside: ip4(own) },
    {
      ...{ kind: 'port', protocol: UDP, inside: ip4('10.0.0.8'), outside: ip4(peer) },
      ...{ insidePort: 8080, outsidePort: 1000 },
    },
    { kind: 'prefix', length: 31, neutral: false, inside: ip4('10.0.1.8'), outside: ip4(peer) },
  ]);
  const make = quoted(UDP, udp({ ports: [1000, 4000] }));
  const verdicts = new Set<string>();
  for (let cut = 20; cut <= 28; cut++) {
    const leaving = error(make, ['10.0.0.9', peer], [peer, '10.0.0.9'], { cut });
    verdicts.add(`${cut < 24} ${holds(rig, 'outbound', leaving).verdict}`);
    holds(rig, 'inbound', error(make, [own, peer], [peer, own], { cut }));
  }
  t.deepEqual([...verdicts], ['true next', 'false turn']);
});
