// ICMP errors through the real programs (RFC 5508, section 4): the quoted packet has its address and checksums put back,
// whatever is quoted and however short, and the error's own address follows its own mapping.

import test from 'ava';
import { leaves, type Rig, translates } from './support/rig.ts';
import {
  type Bytes,
  be16,
  be32,
  bytes,
  frame,
  ICMP,
  type Ipv4Fields,
  icmp,
  ip4,
  ipv4,
  join,
  MORE_FRAGMENTS,
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
const NEXT_HOP_MTU = be32(1280);
const NOPS = Uint8Array.of(1, 1, 1, 0);
const RECORD_ROUTE = join(Uint8Array.of(7, 39, 4), bytes(36), Uint8Array.of(0));

const quoted =
  (protocol: number, segment: Segment, more: Partial<Ipv4Fields> = {}): Packet =>
  (source, destination) =>
    ipv4({ ttl: 1, ...more, source, destination, protocol }, segment(source, destination));

interface Shape {
  readonly type?: number;
  readonly code?: number;
  readonly rest?: Bytes;
  readonly options?: Bytes;
  /** Bytes of the quoted packet; all of it where left out. */
  readonly cut?: number;
  /** Behind the quote (RFC 4884). */
  readonly extension?: Bytes;
  readonly pad?: number;
}

/** The error as a frame: addresses of the packet around, then those of the packet it quotes. */
function error(
  make: Packet,
  [from, to]: readonly string[],
  [a, b]: readonly string[],
  shape: Shape = {},
): Bytes {
  const {
    type = 3,
    code = 1,
    rest = NEXT_HOP_MTU,
    options = bytes(0),
    cut,
    extension = bytes(0),
    pad = 0,
  } = shape;
  const quote = make(ip4(a!), ip4(b!)).subarray(0, cut);
  const message = icmp(type, code, rest, join(quote, extension));
  return frame(ipv4({ source: ip4(from!), destination: ip4(to!), protocol: ICMP, options }, message), {
    pad,
  });
}

/** An error from inside about a packet that came in, and one from outside about a packet that went out. */
function bothWays(
  t: Parameters<typeof translates>[0],
  rig: Rig,
  make: Packet,
  [inside, outside]: readonly [string, string],
  shape: Shape,
  label: string,
): void {
  translates(
    t,
    rig,
    'outbound',
    error(make, [inside, REMOTE], [REMOTE, inside], shape),
    error(make, [outside, REMOTE], [REMOTE, outside], shape),
    inside,
    label,
  );
  translates(
    t,
    rig,
    'inbound',
    error(make, [REMOTE, outside], [outside, REMOTE], shape),
    error(make, [REMOTE, inside], [inside, REMOTE], shape),
    outside,
    label,
  );
}

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

test('other ICMP messages quote nothing, whatever their data looks like', (t) => {
  for (const type of [0, 1, 2, 6, 8, 9, 10, 13, 14, 30, 40, 255]) {
    const make = quotes.tcp!.make;
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
    ipv4(
      { source, destination, protocol: ICMP },
      icmp(11, 0, be32(0), quotes.udp!.make(ip4(REMOTE), ip4(INSIDE))),
    );
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
    for (const wanted of [0, 1, 0x0100, 0x7fff, 0xff7f, 0xfffe, 0xfeff]) {
      for (const made of [inside, outside]) {
        const make = quotes.tcp!.make;
        const bare = error(make, [made, REMOTE], [REMOTE, made], { rest: be32(0) });
        // The unused word takes up the difference.
        const rest = be32((read16(bare, 36) + 0xffff - wanted) % 0xffff);
        t.is(read16(error(make, [made, REMOTE], [REMOTE, made], { rest }), 36), wanted);
        bothWays(t, pass(), make, [inside, outside], { rest }, `${inside} ${wanted}`);
      }
    }
  }
});

test('a quoted UDP checksum that comes out as zero becomes 0xffff, and the ICMP checksum agrees', (t) => {
  for (const [inside, outside] of MAP) {
    for (const made of [inside, outside]) {
      const bare = join(be16(40000), be16(53), be16(10), be16(0), be16(0));
      const sum = onesSum(pseudoHeader(ip4(made), ip4(REMOTE), UDP, 10), bare);
      const make = quoted(UDP, udp({ payload: be16((0xffff - sum) % 0xffff) }));
      t.is(read16(make(ip4(made), ip4(REMOTE)), 26), 0xffff);
      bothWays(t, pass(), make, [inside, outside], {}, `${inside}`);
      bothWays(t, pass(), make, [inside, outside], { cut: 28 }, `${inside}, cut`);
    }
  }
});

test('wrong checksums in and around a quote stay wrong by as much', (t) => {
  for (const make of [quotes.tcp!.make, quotes.udp!.make]) {
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
