// Frames that are no IPv4, and IPv4 that contradicts itself: not a byte changes, the reason is counted, and the policy
// decides. Also what has to be there at the least.

import test from 'ava';
import { leaves, translates } from './support/rig.ts';
import {
  type Bytes,
  be16,
  bytes,
  ETH_P_IP,
  ETHERNET,
  frame,
  ICMP,
  icmp,
  ip4,
  ipv4,
  patch,
  TCP,
  tcp,
  UDP,
  udp,
} from './support/wire.ts';
import { drop, INSIDE, OUTSIDE, pass, REMOTE } from './support/world.ts';

const source = ip4(INSIDE);
const destination = ip4(OUTSIDE);
/** From inside to outside: to be translated by either program. */
const whole = ipv4({ source, destination, protocol: TCP }, tcp()(source, destination));
const lies = (more: { versionIhl?: number; totalLength?: number }, protocol = TCP): Bytes =>
  ipv4({ source, destination, protocol, ...more }, tcp({ payload: bytes(60) })(source, destination));
const cut = (protocol: number, length: number): Bytes =>
  ipv4(
    { source, destination, protocol },
    bytes(length, () => 8),
  );

const malformed: { readonly [name: string]: Bytes } = {
  'version 0': lies({ versionIhl: 0x05 }),
  'version 3': lies({ versionIhl: 0x35 }),
  'version 5': lies({ versionIhl: 0x55 }),
  'version 6': lies({ versionIhl: 0x65 }),
  'version 15': lies({ versionIhl: 0xf5 }),
  'header of 0 words': lies({ versionIhl: 0x40 }),
  'header of 4 words': lies({ versionIhl: 0x44 }),
  'header longer than the frame': lies({ versionIhl: 0x4f, totalLength: 40 }).subarray(0, 50),
  'total length 0': lies({ totalLength: 0 }),
  'total length 19': lies({ totalLength: 19 }),
  'total length below a header with options': lies({ versionIhl: 0x4f, totalLength: 59 }),
  'total length one beyond the frame': lies({ totalLength: 101 }),
  'total length 65535': lies({ totalLength: 0xffff }),
  'total length below the frame, header without data': lies({ totalLength: 20 }),
  'total length in the middle of the tcp header': lies({ totalLength: 39 }),
  'total length in the middle of the tcp header, behind options': lies({ versionIhl: 0x46, totalLength: 43 }),
  'total length in the middle of the udp header': lies({ totalLength: 27 }, UDP),
  'total length in the middle of the icmp header': lies({ totalLength: 27 }, ICMP),
  'no tcp': cut(TCP, 0),
  'tcp of 8 bytes': cut(TCP, 8),
  'tcp of 19 bytes': cut(TCP, 19),
  'no udp': cut(UDP, 0),
  'udp of 7 bytes': cut(UDP, 7),
  'no icmp': cut(ICMP, 0),
  'icmp of 4 bytes': cut(ICMP, 4),
  'icmp of 7 bytes': cut(ICMP, 7),
  'first fragment of tcp, 16 bytes': ipv4(
    { source, destination, protocol: TCP, fragment: 0x2000 },
    bytes(16),
  ),
  'icmp error that quotes nothing': ipv4(
    { source, destination, protocol: ICMP },
    icmp(3, 1, bytes(4), bytes(0)),
  ),
  'icmp error that quotes 19 bytes': ipv4(
    { source, destination, protocol: ICMP },
    icmp(3, 1, bytes(4), whole.subarray(0, 19)),
  ),
  'icmp error that quotes version 6': ipv4(
    { source, destination, protocol: ICMP },
    icmp(3, 1, bytes(4), patch(whole, 0, Uint8Array.of(0x65))),
  ),
  'icmp error that quotes a header of 4 words': ipv4(
    { source, destination, protocol: ICMP },
    icmp(11, 0, bytes(4), patch(whole, 0, Uint8Array.of(0x44))),
  ),
};

for (const [name, packet] of Object.entries(malformed)) {
  test(name, (t) => {
    for (const rig of [pass(), drop()]) {
      for (const direction of ['outbound', 'inbound'] as const) {
        leaves(t, rig, direction, frame(packet, { type: ETH_P_IP }), 'malformed');
      }
    }
  });
}

test('padding does not make up for what a header lacks', (t) => {
  for (const [name, packet] of Object.entries(malformed)) {
    if (name.includes('beyond') || name.includes('longer than the frame')) continue;
    for (const filler of [0, 3, 8, 0x45, 0xff]) {
      leaves(
        t,
        drop(),
        'outbound',
        frame(packet, { type: ETH_P_IP, pad: 140, filler }),
        'malformed',
        `${name}, ${filler}`,
      );
    }
  }
});

test('every frame shorter than its total length is malformed', (t) => {
  for (let length = ETHERNET + 20; length < ETHERNET + whole.length; length++) {
    leaves(t, pass(), 'outbound', frame(whole).subarray(0, length), 'malformed', `${length}`);
  }
});

test('the least there can be of each protocol is translated', (t) => {
  const least = (protocol: number, length: number, from: string, to: string): Bytes =>
    ipv4(
      { source: ip4(from), destination: ip4(to), protocol },
      bytes(length, () => 0),
    );
  // No checksum at all: UDP keeps that. For TCP the reference says by how much the field moves.
  for (const [protocol, length] of [
    [UDP, 8],
    [ICMP, 8],
    [99, 0],
  ] as const) {
    const [before, after] = [
      least(protocol, length, INSIDE, REMOTE),
      least(protocol, length, OUTSIDE, REMOTE),
    ];
    translates(t, pass(), 'outbound', frame(before), frame(after), INSIDE);
  }
  const bare = frame(least(TCP, 20, INSIDE, REMOTE));
  t.deepEqual(pass().run('outbound', bare), pass().expected('outbound', bare));
});

test('what is neither IP nor ARP is not ours', (t) => {
  // MPLS, PPPoE, LLDP, 802.3 length, RARP, nothing, IPv4 the wrong way round.
  for (const type of [0x8847, 0x8864, 0x88cc, 0x0026, 0x8035, 0, 0x0008]) {
    for (const length of [0, 1, 19, 20, whole.length]) {
      const strange = frame(whole.subarray(0, length), { type });
      for (const direction of ['outbound', 'inbound'] as const) {
        leaves(t, pass(), direction, strange, 'not_ip', `${type.toString(16)} ${length}`);
        leaves(t, drop(), direction, strange, 'not_ip', `${type.toString(16)} ${length}`);
      }
    }
  }
});

test('a super-packet of more than 64 KiB says zero for its total length, and nobody else may', (t) => {
  const zero = (from: string): Bytes => {
    const segment = udp({ payload: bytes(1000) })(ip4(from), ip4(REMOTE));
    return frame(
      ipv4({ source: ip4(from), destination: ip4(REMOTE), protocol: UDP, totalLength: 0 }, segment),
    );
  };
  leaves(t, pass(), 'outbound', zero(INSIDE), 'malformed');
  const seen = pass().run('outbound', zero(INSIDE), { gsoSize: 500 });
  t.is(seen.frame, Buffer.from(zero(OUTSIDE)).toString('hex'));
  t.is(seen.verdict, 'next');
  // A length that is too small but not zero is a lie in a super-packet as well.
  const lie = patch(zero(INSIDE), ETHERNET + 2, be16(10));
  t.deepEqual(pass().run('outbound', lie, { gsoSize: 500 }).reasons, { 'outbound malformed': 1 });
  const stretched = frame(
    ipv4({ source, destination, protocol: 99, versionIhl: 0x4f, totalLength: 0 }, bytes(10)),
  );
  t.deepEqual(
    pass().run('outbound', stretched, { gsoSize: 500 }).reasons,
    { 'outbound malformed': 1 },
    'a header that reaches beyond the frame',
  );
});

test('a frame too short for its ARP is still ARP', (t) => {
  for (let length = ETHERNET; length < ETHERNET + 28; length++) {
    const short = frame(bytes(length - ETHERNET), { type: 0x0806 });
    for (const direction of ['outbound', 'inbound'] as const) {
      leaves(t, drop(), direction, short, 'arp', `${direction} ${length}`);
    }
  }
});
