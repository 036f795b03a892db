// Checksum-neutral prefixes (RFC 6296): the addresses of its example, its corners, and that no checksum is touched.

import test from 'ava';
import { ip6, mapping } from './support/reference/mappings.ts';
import { npt } from './support/reference/npt.ts';
import { leave } from './support/reference/world.ts';
import { hex, Rig } from './support/rig.ts';
import { type Bytes, bytes, frame, TCP, tcp } from './support/wire.ts';
import { ipv6 } from './support/wire6.ts';

const REMOTE = ip6('2001:db8:ffff::7');
const rig = new Rig({ unmapped: 'drop' });

/** A TCP packet whose checksum was made for these ends, between others. */
function packet(source: bigint, destination: bigint, made: readonly [bigint, bigint]): Bytes {
  return frame(ipv6({ source, destination, protocol: TCP }, tcp({ payload: bytes(21) })(...made)));
}

const cases: readonly (readonly [text: string, inside: string, outside: string])[] = [
  // Section 3.6: the adjustment is 0xd54f.
  ['fd01:203:405::/48=2001:db8:1::/48,neutral', 'fd01:203:405:1::1234', '2001:db8:1:d550::1234'],
  // The subnet that becomes all ones is written as zero (section 3.2).
  ['fd01:203:405::/48=2001:db8:1::/48,neutral', 'fd01:203:405:2ab0::1', '2001:db8:1::1'],
  ['fd01:203:405::/48=2001:db8:1::/48,neutral', 'fd01:203:405:2ab1::1', '2001:db8:1:1::1'],
  // Section 3.5: longer prefixes, the first word of the identifier; then the next, where that is all ones.
  ['fd00:2:0:1200::/56=2001:db8:2:3400::/56,neutral', 'fd00:2:0:1277::5', '2001:db8:2:3477:ad47::5'],
  [
    'fd00:2:0:1200::/56=2001:db8:2:3400::/56,neutral',
    'fd00:2:0:1277:ffff::5',
    '2001:db8:2:3477:ffff:ad47:0:5',
  ],
  [
    'fd00:2:0:1200::/56=2001:db8:2:3400::/56,neutral',
    'fd00:2:0:12ff:ffff:ffff:ffff:1',
    '2001:db8:2:34ff:ffff:ffff:ffff:ad48',
  ],
  // Prefixes of one sum need no adjustment.
  ['fd00:1:2::/48=fd00:2:1::/48,neutral', 'fd00:1:2:3::4', 'fd00:2:1:3::4'],
];

for (const [text, inside, outside] of cases) {
  test(`${inside} by ${text}`, (t) => {
    rig.remap([mapping(text)]);
    const [from, to] = [ip6(inside), ip6(outside)];
    // The checksum of the translated packet is the one it came with.
    const out = packet(from, REMOTE, [from, REMOTE]);
    t.deepEqual(rig.run('outbound', out), {
      ...{ verdict: 'next', frame: hex(packet(to, REMOTE, [from, REMOTE])), reasons: {} },
      mappings: [`outbound 0: 1, ${out.length - 14}`],
    });
    t.is(hex(packet(to, REMOTE, [to, REMOTE])), hex(packet(to, REMOTE, [from, REMOTE])), 'and right');
    const back = packet(REMOTE, to, [REMOTE, to]);
    t.deepEqual(rig.run('inbound', back), {
      ...{ verdict: 'next', frame: hex(packet(REMOTE, from, [REMOTE, to])), reasons: {} },
      mappings: [`inbound 0: 1, ${back.length - 14}`],
    });
  });
}

const unmappable: readonly (readonly [text: string, inside: string])[] = [
  // Section 3.4: a subnet of all ones.
  ['fd01:203:405::/48=2001:db8:1::/48,neutral', 'fd01:203:405:ffff::1'],
  ['fd00:1200::/32=2001:db8::/32,neutral', 'fd00:1200:5:ffff::1'],
  // An identifier of all ones.
  ['fd00:2:0:1200::/56=2001:db8:2:3400::/56,neutral', 'fd00:2:0:1277:ffff:ffff:ffff:ffff'],
];

for (const [text, inside] of unmappable) {
  test(`${inside} cannot be mapped by ${text}`, (t) => {
    rig.remap([mapping(text)]);
    const from = ip6(inside);
    const out = packet(from, REMOTE, [from, REMOTE]);
    t.deepEqual(
      rig.run('outbound', out),
      rig.seen('outbound', out, leave(out, rig.world, 'outbound', 'unmappable')),
    );
  });
}

test('of two prefixes the longer, neutral or not', (t) => {
  rig.remap([
    mapping('fd01:203:405::/48=2001:db8:1::/48,neutral'),
    mapping('fd01:203:405:8000::/49=2001:db8:2:8000::/49'),
  ]);
  const inside = ip6('fd01:203:405:8001::9');
  const outside = ip6('2001:db8:2:8001::9');
  const out = packet(inside, REMOTE, [inside, REMOTE]);
  const { frame: seen, mappings } = rig.run('outbound', out);
  t.is(seen, hex(packet(outside, REMOTE, [outside, REMOTE])));
  t.deepEqual(mappings, [`outbound 1: 1, ${out.length - 14}`]);
});

test('the reference itself: there and back', (t) => {
  const [inside, outside] = [ip6('fd01:203:405::'), ip6('2001:db8:1::')];
  for (const subnet of [0n, 1n, 0x2ab0n, 0x7fffn, 0xfffen]) {
    const address = inside | (subnet << 64n) | 0x1234n;
    t.is(npt(npt(address, inside, outside, 48)!, outside, inside, 48), address);
  }
});
