// TCP, UDP, ICMP queries and other protocols through the real programs: what comes out is the same packet built for the
// mapped address, every checksum summed from scratch (RFC 791, 768, 9293, 792).

import test from 'ava';
import { leaves, Rig, translates } from './support/rig.ts';
import { data, type More, NOPS, packet, RECORD_ROUTE } from './support/shapes.ts';
import {
  be16,
  be32,
  bytes,
  DONT_FRAGMENT,
  frame,
  ICMP,
  icmp,
  ip4,
  ipv4,
  join,
  MORE_FRAGMENTS,
  patch,
  type Segment,
  TCP,
  tcp,
  UDP,
  udp,
} from './support/wire.ts';
import { drop, from, INSIDE, MAP, OUTSIDE, type Packet, pass, REMOTE } from './support/world.ts';

/** Part of a packet's payload as a fragment (RFC 791, section 3.2); checksums were made for the whole. */
const fragment =
  (protocol: number, segment: Segment, at: number, length: number, more: More = {}): Packet =>
  (source, destination) => {
    const whole = segment(source, destination);
    const last = at + length >= whole.length;
    return ipv4(
      { source, destination, protocol, ...more, fragment: (last ? 0 : MORE_FRAGMENTS) | (at / 8) },
      whole.subarray(at, at + length),
    );
  };

const long = bytes(1400, (i) => i * 7);
const echo = (type: number) => data(icmp(type, 0, be32(0x12340001), bytes(56)));

const packets: { readonly [name: string]: Packet } = {
  tcp: packet(TCP, tcp()),
  'tcp of an odd length': packet(TCP, tcp({ payload: bytes(10) })),
  'tcp without data': packet(TCP, tcp({ payload: bytes(0) })),
  'tcp with options': packet(TCP, tcp({ options: Uint8Array.of(2, 4, 5, 180, 1, 1, 4, 2) })),
  'tcp, full segment': packet(TCP, tcp({ payload: bytes(1460) })),
  udp: packet(UDP, udp()),
  'udp without data': packet(UDP, udp({ payload: bytes(0) })),
  'udp of an even length': packet(UDP, udp({ payload: bytes(12) })),
  'udp without a checksum': packet(UDP, udp({ checksum: 'none' })),
  'icmp echo': packet(ICMP, echo(8)),
  'icmp echo reply': packet(ICMP, echo(0)),
  'icmp timestamp': packet(ICMP, data(icmp(13, 0, be32(7), bytes(12)))),
  'icmp address mask, no more than a header': packet(ICMP, data(icmp(17, 0, be32(7), bytes(0)))),
  'icmp router advertisement': packet(ICMP, data(icmp(9, 0, Uint8Array.of(1, 2, 0, 9), bytes(8)))),
  gre: packet(47, data(bytes(40))),
  esp: packet(50, data(bytes(40))),
  sctp: packet(132, data(bytes(40))),
  'ip in ip': packet(
    4,
    data(ipv4({ source: ip4(INSIDE), destination: ip4(OUTSIDE), protocol: UDP }, bytes(8))),
  ),
  'protocol 253': packet(253, data(bytes(3))),
  'protocol 253 without payload': packet(253, data(bytes(0))),
  'protocol 0': packet(0, data(bytes(3))),
  'tcp behind one word of options': packet(TCP, tcp(), { options: NOPS }),
  'tcp behind forty bytes of options': packet(TCP, tcp(), { options: RECORD_ROUTE }),
  'udp behind forty bytes of options': packet(UDP, udp(), { options: RECORD_ROUTE }),
  'icmp echo behind forty bytes of options': packet(ICMP, echo(8), { options: RECORD_ROUTE }),
  'gre behind forty bytes of options': packet(47, data(bytes(9)), { options: RECORD_ROUTE }),
  'do not fragment': packet(TCP, tcp(), { fragment: DONT_FRAGMENT }),
  'the reserved flag': packet(UDP, udp(), { fragment: 0x8000 }),
  'other fields of the header': packet(UDP, udp(), { tos: 0xff, id: 0xffff, ttl: 1 }),
  'udp, first fragment': fragment(UDP, udp({ payload: long }), 0, 600),
  'udp, first fragment of a header only': fragment(UDP, udp({ payload: long }), 0, 8),
  'udp without a checksum, first fragment': fragment(UDP, udp({ payload: long, checksum: 'none' }), 0, 600),
  'udp, middle fragment': fragment(UDP, udp({ payload: long }), 600, 600),
  'udp, last fragment': fragment(UDP, udp({ payload: long }), 1200, 600),
  'tcp, first fragment': fragment(TCP, tcp({ payload: long }), 0, 24),
  'tcp, second fragment, of eight bytes': fragment(TCP, tcp({ payload: long }), 8, 8),
  'tcp, last fragment, behind options': fragment(TCP, tcp({ payload: long }), 800, 800, { options: NOPS }),
  'icmp echo, first fragment': fragment(ICMP, data(icmp(8, 0, be32(1), long)), 0, 800),
  // Its bytes look like an ICMP error; it is data.
  'icmp echo, later fragment': fragment(
    ICMP,
    data(
      join(
        bytes(800, () => 3),
        bytes(100, () => 3),
      ),
    ),
    800,
    800,
  ),
  'the greatest offset': packet(UDP, data(bytes(7)), { fragment: 0x1fff }),
  // Every bit of the offset makes a later fragment: too short for a first one.
  ...Object.fromEntries(
    Array.from({ length: 13 }, (_, bit) => [
      `fragment offset 2^${bit}`,
      packet(UDP, data(bytes(7)), { fragment: 1 << bit }),
    ]),
  ),
};

for (const [name, make] of Object.entries(packets)) {
  test(name, (t) => {
    for (const [inside, outside] of MAP) {
      const label = `${inside}=${outside}`;
      translates(
        t,
        pass(),
        'outbound',
        from(make, inside, REMOTE),
        from(make, outside, REMOTE),
        inside,
        label,
      );
      translates(
        t,
        drop(),
        'inbound',
        from(make, REMOTE, outside),
        from(make, REMOTE, inside),
        outside,
        label,
      );
    }
    leaves(t, pass(), 'outbound', from(make, REMOTE, INSIDE), 'unmapped');
    leaves(t, pass(), 'inbound', from(make, OUTSIDE, REMOTE), 'unmapped');
    leaves(t, drop(), 'outbound', from(make, REMOTE, INSIDE), 'unmapped');
    leaves(t, drop(), 'inbound', from(make, OUTSIDE, REMOTE), 'unmapped');
  });
}

test('what stands behind the IP packet is padding: kept, and in no checksum', (t) => {
  for (const make of [
    packet(TCP, tcp({ payload: bytes(1) })),
    packet(UDP, udp({ payload: bytes(1) })),
    packet(ICMP, echo(8)),
  ]) {
    for (const pad of [60, 61, 120]) {
      const padded = (source: string, destination: string) =>
        frame(make(ip4(source), ip4(destination)), { pad, filler: 0xff });
      translates(t, pass(), 'outbound', padded(INSIDE, REMOTE), padded(OUTSIDE, REMOTE), INSIDE);
      translates(t, pass(), 'inbound', padded(REMOTE, OUTSIDE), padded(REMOTE, INSIDE), OUTSIDE);
    }
  }
});

test('lengths that UDP and TCP state about themselves are not ours to judge', (t) => {
  for (const length of [0, 7, 9, 0xffff]) {
    const before = patch(from(packet(UDP, udp()), INSIDE, REMOTE), 14 + 20 + 4, be16(length));
    t.deepEqual(pass().run('outbound', before), pass().expected('outbound', before), `udp ${length}`);
  }
  for (const words of [0, 4, 15]) {
    const before = patch(from(packet(TCP, tcp()), INSIDE, REMOTE), 14 + 20 + 12, Uint8Array.of(words << 4));
    t.deepEqual(pass().run('outbound', before), pass().expected('outbound', before), `tcp ${words}`);
  }
});

test('counters add up over many packets, and only those of the packet’s own mapping', (t) => {
  const rig = new Rig({ map: MAP });
  const sizes = [0, 1, 100, 1400];
  for (const size of sizes)
    rig.through('outbound', from(packet(UDP, udp({ payload: bytes(size) })), INSIDE, REMOTE));
  const octets = sizes.reduce((sum, size) => sum + size + 28, 0);
  t.deepEqual(rig.take(), { reasons: {}, mappings: [`outbound 0: 4, ${octets}`] });
});
