// Checksums at their corners: zero and all ones, carries, and those that were wrong before (RFC 1071, 1624, 768).

import test from 'ava';
import { translates } from './support/rig.ts';
import { CORNERS, data, packet } from './support/shapes.ts';
import {
  type Bytes,
  be16,
  be32,
  bytes,
  ICMP,
  icmp,
  internetChecksum,
  ip4,
  join,
  onesSum,
  patch,
  pseudoHeader,
  read16,
  type Segment,
  TCP,
  tcp,
  UDP,
  udp,
} from './support/wire.ts';
import { from, INSIDE, MAP, OUTSIDE, pass, REMOTE } from './support/world.ts';

/** A UDP datagram whose checksum comes out as `wanted` (before the rule about zero) between these addresses. */
function udpWithSum(source: string, destination: string, wanted: number): Segment {
  const ports = [4000, 53] as const;
  const bare = join(be16(ports[0]), be16(ports[1]), be16(10), be16(0), be16(0));
  const rest = onesSum(pseudoHeader(ip4(source), ip4(destination), UDP, 10), bare);
  return udp({ ports, payload: be16((0xffff - wanted + 0xffff - rest) % 0xffff) });
}

test('a UDP checksum that comes out as zero is sent as 0xffff (RFC 768)', (t) => {
  for (const [inside, outside] of MAP) {
    for (const wanted of CORNERS) {
      const out = packet(UDP, udpWithSum(outside, REMOTE, wanted));
      const emitted = from(out, outside, REMOTE);
      t.is(read16(emitted, 14 + 20 + 6), wanted === 0 ? 0xffff : wanted);
      translates(t, pass(), 'outbound', from(out, inside, REMOTE), emitted, inside, `${inside} ${wanted}`);
      const back = packet(UDP, udpWithSum(REMOTE, inside, wanted));
      translates(t, pass(), 'inbound', from(back, REMOTE, outside), from(back, REMOTE, inside), outside);
      // And where it was 0xffff before.
      const was = packet(UDP, udpWithSum(inside, REMOTE, wanted));
      translates(t, pass(), 'outbound', from(was, inside, REMOTE), from(was, outside, REMOTE), inside);
    }
  }
});

test('a TCP checksum that comes out as zero stays zero: the rule is of UDP alone', (t) => {
  for (const [inside, outside] of MAP) {
    const bare = tcp({ payload: be16(0) })(ip4(outside), ip4(REMOTE));
    // The payload takes up what the checksum was: the sum without it is all ones then, the checksum zero.
    const segment = tcp({ payload: be16(read16(bare, 16)) });
    const make = packet(TCP, segment);
    t.is(read16(from(make, outside, REMOTE), 14 + 20 + 16), 0);
    translates(t, pass(), 'outbound', from(make, inside, REMOTE), from(make, outside, REMOTE), inside);
    translates(t, pass(), 'inbound', from(make, REMOTE, outside), from(make, REMOTE, inside), outside);
  }
});

test('the header checksum at each corner (RFC 1624, section 3)', (t) => {
  for (const [inside, outside] of MAP) {
    for (const wanted of CORNERS) {
      for (const [direction, before, after, toward] of [
        ['outbound', inside, outside, REMOTE],
        ['inbound', outside, inside, REMOTE],
      ] as const) {
        const ends = (address: string): [string, string] =>
          direction === 'outbound' ? [address, toward] : [toward, address];
        for (const made of [before, after]) {
          const zero = from(packet(253, data(bytes(4)), { id: 0 }), ...ends(made));
          // The identifier takes up the difference to the checksum wanted.
          const id = (read16(zero, 14 + 10) + 0xffff - wanted) % 0xffff;
          const make = packet(253, data(bytes(4)), { id });
          t.is(read16(from(make, ...ends(made)), 14 + 10), wanted);
          translates(t, pass(), direction, from(make, ...ends(before)), from(make, ...ends(after)), before);
        }
      }
    }
  }
});

test('a checksum that is wrong stays wrong by as much', (t) => {
  const spoil = (whole: Bytes, at: number): Bytes => patch(whole, at, be16(read16(whole, at) ^ 0x1111));
  for (const [make, at] of [
    [packet(TCP, tcp()), 14 + 20 + 16],
    [packet(UDP, udp()), 14 + 20 + 6],
    [packet(ICMP, data(icmp(8, 0, be32(1), bytes(56)))), 14 + 20 + 2],
    [packet(253, data(bytes(8))), 14 + 10],
  ] as const) {
    const before = spoil(from(make, INSIDE, REMOTE), at);
    t.deepEqual(pass().run('outbound', before), pass().expected('outbound', before));
    const after = pass().through('outbound', before);
    const whole = after.subarray(14 + 20);
    const sums: { [protocol: number]: number } = {
      [TCP]: internetChecksum(pseudoHeader(ip4(OUTSIDE), ip4(REMOTE), TCP, whole.length), whole),
      [UDP]: internetChecksum(pseudoHeader(ip4(OUTSIDE), ip4(REMOTE), UDP, whole.length), whole),
      [ICMP]: internetChecksum(whole),
      253: internetChecksum(after.subarray(14, 14 + 20)),
    };
    t.not(sums[after[14 + 9]!]! % 0xffff, 0);
  }
});
