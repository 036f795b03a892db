// ICMP errors through the real programs (RFC 5508, section 4): the quoted packet has its address and checksums put back,
// whatever is quoted and however short, and the error's own address follows its own mapping.

import test from 'ava';
import { bothWays, error, quoted } from './support/errors.ts';
import { leaves, translates } from './support/rig.ts';
import { NOPS, RECORD_ROUTE } from './support/shapes.ts';
import { be32, bytes, ICMP, icmp, ip4, MORE_FRAGMENTS, TCP, tcp, UDP, udp } from './support/wire.ts';
import {
  drop,
  INSIDE,
  INSIDE_2,
  MAP,
  OUTSIDE,
  OUTSIDE_2,
  type Packet,
  pass,
  REMOTE,
  ROUTER,
} from './support/world.ts';

const TYPES = [
  [3, 4], // fragmentation needed
  [4, 0],
  [5, 1],
  [11, 0],
  [12, 0],
] as const;
const quotes: { readonly [name: string]: { readonly make: Packet; readonly check?: number } } = {
  tcp: { make: quoted(TCP, tcp()), check: 36 },
  'tcp with options': {
    make: quoted(TCP, tcp({ options: bytes(12, () => 1), payload: bytes(0) })),
    check: 36,
  },
  udp: { make: quoted(UDP, udp()), check: 26 },
  'udp without a checksum': { make: quoted(UDP, udp({ checksum: 'none' })) },
  'udp without data': { make: quoted(UDP, udp({ payload: bytes(0) })), check: 26 },
  'icmp echo': { make: quoted(ICMP, () => icmp(8, 0, be32(1), bytes(20))) },
  gre: { make: quoted(47, () => bytes(24)) },
  sctp: { make: quoted(132, () => bytes(24)) },
  'protocol 253': { make: quoted(253, () => bytes(24)) },
  'tcp behind options': { make: quoted(TCP, tcp(), { options: NOPS }), check: 40 },
  'udp behind forty bytes of options': { make: quoted(UDP, udp(), { options: RECORD_ROUTE }), check: 66 },
  'first fragment of tcp': { make: quoted(TCP, tcp(), { fragment: MORE_FRAGMENTS }), check: 36 },
  'first fragment of udp': { make: quoted(UDP, udp(), { fragment: MORE_FRAGMENTS }), check: 26 },
  'later fragment of tcp': { make: quoted(TCP, () => bytes(40), { fragment: MORE_FRAGMENTS | 90 }) },
  'last fragment of udp': { make: quoted(UDP, () => bytes(40), { fragment: 1 }) },
  'fragment of udp at offset 2^12': { make: quoted(UDP, () => bytes(40), { fragment: 1 << 12 }) },
};

for (const [name, { make, check }] of Object.entries(quotes)) {
  test(`an error that quotes ${name}`, (t) => {
    for (const pair of MAP) {
      for (const [type, code] of TYPES) {
        bothWays(t, pass(), make, pair, { type, code }, `${type} ${pair}`);
        bothWays(t, drop(), make, pair, { type, code, options: NOPS }, `${type} ${pair} behind options`);
      }
      bothWays(t, pass(), make, pair, { options: RECORD_ROUTE }, 'behind forty bytes of options');
    }
  });

  test(`an error that quotes ${name}, cut at every length`, (t) => {
    const whole = make(ip4(INSIDE), ip4(REMOTE)).length;
    for (let cut = 20; cut <= whole; cut++) {
      if (check !== undefined && cut === check + 1) {
        // Half a checksum cannot be mended: it stays.
        const half = error(make, [INSIDE, REMOTE], [REMOTE, INSIDE], { cut });
        t.deepEqual(pass().run('outbound', half), pass().expected('outbound', half));
        continue;
      }
      for (const pad of [0, 60, 200]) {
        bothWays(t, pass(), make, [INSIDE, OUTSIDE], { cut, pad }, `cut at ${cut}, padded to ${pad}`);
      }
    }
  });

  test(`an error that quotes ${name}, from a router that has no mapping`, (t) => {
    for (const [inside, outside] of MAP) {
      // Inside: its own source stays, whichever the policy.
      translates(
        t,
        drop(),
        'outbound',
        error(make, [ROUTER, REMOTE], [REMOTE, inside]),
        error(make, [ROUTER, REMOTE], [REMOTE, outside]),
        inside,
      );
      // Outside: its source is nobody's business anyway.
      translates(
        t,
        drop(),
        'inbound',
        error(make, [ROUTER, outside], [outside, REMOTE]),
        error(make, [ROUTER, inside], [inside, REMOTE]),
        outside,
      );
    }
  });

  test(`an error that quotes ${name} of nobody`, (t) => {
    translates(
      t,
      pass(),
      'outbound',
      error(make, [INSIDE, REMOTE], [REMOTE, ROUTER]),
      error(make, [OUTSIDE, REMOTE], [REMOTE, ROUTER]),
      INSIDE,
      'only the error itself',
    );
    translates(
      t,
      pass(),
      'inbound',
      error(make, [REMOTE, OUTSIDE], [ROUTER, REMOTE]),
      error(make, [REMOTE, INSIDE], [ROUTER, REMOTE]),
      OUTSIDE,
    );
    for (const rig of [pass(), drop()]) {
      // The quoted side that did not change on its way: not ours even where the table has it.
      leaves(t, rig, 'outbound', error(make, [ROUTER, REMOTE], [INSIDE, REMOTE]), 'unmapped');
      leaves(t, rig, 'inbound', error(make, [REMOTE, ROUTER], [REMOTE, OUTSIDE]), 'unmapped');
    }
  });

  test(`an error that quotes ${name} of somebody else`, (t) => {
    translates(
      t,
      pass(),
      'outbound',
      error(make, [INSIDE, REMOTE], [REMOTE, INSIDE_2]),
      error(make, [OUTSIDE, REMOTE], [REMOTE, OUTSIDE_2]),
      INSIDE,
    );
    translates(
      t,
      pass(),
      'inbound',
      error(make, [REMOTE, OUTSIDE], [OUTSIDE_2, REMOTE]),
      error(make, [REMOTE, INSIDE], [INSIDE_2, REMOTE]),
      OUTSIDE,
    );
  });
}

test('an error for an address in no mapping is not let in by what it quotes', (t) => {
  for (const { make } of Object.values(quotes)) {
    for (const rig of [pass(), drop()]) {
      leaves(t, rig, 'inbound', error(make, [REMOTE, ROUTER], [OUTSIDE, REMOTE]), 'unmapped');
    }
  }
});
