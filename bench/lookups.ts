// What the kinds of mappings cost: a packet that is mapped by prefix or by port against one that is mapped by address,
// with 1, 100 and 10,000 of them in the table, and IPv6 against IPv4. Time by BPF_PROG_TEST_RUN, which hands the program
// the same packet over and over: prefixes and addresses lead to themselves and ports to one another, so that no run is a
// different case. Of a full table a few mappings take turns: some are deeper in a trie than others.

import type { Use } from '../src/nat/uses.ts';
import type { Mapping } from '../test/nat/datapath/support/reference/mappings.ts';
import { Rig } from '../test/nat/datapath/support/rig.ts';
import { type Address, type Bytes, frame, ip4, ipv4, TCP, tcp } from '../test/nat/datapath/support/wire.ts';
import { ipv6 } from '../test/nat/datapath/support/wire6.ts';
import { interleave, type Summary } from './measure.ts';
import type { Row, Section } from './report.ts';

type Family = 4 | 6;
const FAMILIES: readonly Family[] = [4, 6];
const TARGET = 1.5;
/** How many of a table's mappings take turns. */
const SAMPLES = 8;
const PORT = 40_000;
const SERVER = 443;

/** Prefixes and addresses in 10.0.0.0/8 and fd00::/16, scattered; nobody else's. */
const STEP = 40_503;
const PLACES: {
  readonly [F in Family]: { readonly prefix: (n: number) => Address; readonly length: number };
} = {
  4: { length: 24, prefix: (n) => 0x0a00_0000 + ((n * STEP) % 0x1_0000) * 0x100 },
  6: { length: 64, prefix: (n) => (0xfd00n << 112n) + (BigInt((n * STEP) % 0x1_0000) << 64n) },
};
const REMOTE: { readonly [F in Family]: Address } = { 4: ip4('192.0.2.2'), 6: 0x20010db8n << 96n };

/** The host of a prefix that speaks, and the address of those that are mapped by address. */
const HOST = 9;
const ADDRESS = 1;
const host = (family: Family, n: number, offset: number): Address => {
  const prefix = PLACES[family].prefix(n);
  return typeof prefix === 'number' ? prefix + offset : prefix + BigInt(offset);
};

const suffix = (family: Family): '' | '6' => (family === 6 ? '6' : '');
const itself = (address: Address): Pick<Mapping, 'inside' | 'outside'> => ({
  inside: address,
  outside: address,
});

const byPrefix = (family: Family, n: number): Mapping => ({
  ...{ kind: 'prefix', length: PLACES[family].length, neutral: false },
  ...itself(PLACES[family].prefix(n)),
});
const byAddress = (family: Family, n: number): Mapping => ({
  kind: 'address',
  ...itself(host(family, n, ADDRESS)),
});
/** Ports of two hosts in turn, each to the other's. */
const byPort = (family: Family, n: number): Mapping => {
  const [one, other] = [host(family, n - (n % 2), HOST), host(family, n - (n % 2) + 1, HOST)];
  const [inside, outside] = n % 2 === 0 ? [one, other] : [other, one];
  return { kind: 'port', protocol: TCP, inside, outside, ...portsOf(n) };
};
const portsOf = (n: number) =>
  n % 2 === 0 ? { insidePort: PORT, outsidePort: PORT + 1 } : { insidePort: PORT + 1, outsidePort: PORT };

/** A TCP segment of 64 bytes (IPv6: 84) that leaves. */
function segment(source: Address): Bytes {
  const destination = REMOTE[typeof source === 'number' ? 4 : 6];
  const build = tcp({ ports: [PORT, SERVER], payload: new Uint8Array(24) });
  const ends = { source, destination, protocol: TCP };
  const payload = build(source, destination);
  return frame(
    typeof source === 'number'
      ? ipv4({ ...ends, protocol: TCP }, payload)
      : ipv6({ source, destination: destination as bigint, protocol: TCP }, payload),
  );
}

/** Nanoseconds for one packet: the mean of a few that take turns. */
function time(rig: Rig, frames: readonly Bytes[], repeat: number): number {
  const program = rig.programs.outbound;
  const each = frames.map((data) => program.testRun({ data, repeat }).duration);
  return each.reduce((sum, one) => sum + one) / frames.length;
}

interface Measured {
  readonly family: Family;
  readonly kind: 'prefixes' | 'ports';
  readonly count: number;
  /** By that kind; by address, in the same program; by address in a program that knows nothing else. */
  readonly nanoseconds: { readonly kind: Summary; readonly address: Summary; readonly plain: Summary };
}

async function measure(
  family: Family,
  kind: 'prefixes' | 'ports',
  count: number,
  [rounds, repeat]: readonly [number, number],
): Promise<Measured> {
  const make = kind === 'prefixes' ? byPrefix : byPort;
  // A port leads to another, so that there are two of them at the least.
  const some = Array.from({ length: kind === 'ports' ? Math.max(2, count) : count }, (_, n) =>
    make(family, n),
  );
  const picks = Array.from({ length: SAMPLES }, (_, i) => Math.floor((i * count) / SAMPLES / 2) * 2);
  const addresses = picks.map((n) => byAddress(family, n));
  const own = [...new Map(addresses.map((one) => [one.inside, one])).values()];
  const mixed = new Rig({ uses: usesOf(family, kind) });
  mixed.remap([...some, ...own]);
  const plain = new Rig({ uses: usesOf(family) });
  plain.remap(own);
  const [of, at] = [
    picks.map((n) => segment(host(family, n, HOST))),
    picks.map((n) => segment(host(family, n, ADDRESS))),
  ];
  const nanoseconds = await interleave(rounds, {
    kind: () => time(mixed, of, repeat),
    address: () => time(mixed, at, repeat),
    plain: () => time(plain, at, repeat),
  });
  return { family, kind, count, nanoseconds };
}

const usesOf = (family: Family, kind?: 'prefixes' | 'ports'): Use[] => [
  ...(['addresses', `addresses${suffix(family)}`] as const),
  ...(kind === undefined ? [] : [`${kind}${suffix(family)}` as const]),
];

const ns = ({ median }: Summary): string => `${median.toFixed(0)} ns`;

function rowsOf({ family, kind, count, nanoseconds }: Measured): Row[] {
  const one = kind === 'prefixes' ? 'prefix' : 'port';
  const what = `IPv${family}, by ${one}, ${count.toLocaleString('en')} of them`;
  const row = (against: string, peer: Summary): Row => {
    const ratio = nanoseconds.kind.median / peer.median;
    return {
      what: `${what}, against ${against}`,
      ours: ns(nanoseconds.kind),
      peer: ns(peer),
      ratio: `${ratio.toFixed(2)}x`,
      ...(kind === 'prefixes' && { target: `<= ${TARGET}x`, reached: ratio <= TARGET }),
    };
  };
  return [
    row('by address', nanoseconds.address),
    row('by address where there is nothing else', nanoseconds.plain),
  ];
}

export async function lookups(rounds: number, repeat: number, counts: readonly number[]): Promise<Section> {
  const measured: Measured[] = [];
  for (const kind of ['prefixes', 'ports'] as const) {
    for (const family of FAMILIES) {
      for (const count of counts) measured.push(await measure(family, kind, count, [rounds, repeat]));
    }
  }
  const [four, six] = FAMILIES.map((family) => {
    const rig = new Rig({ uses: usesOf(family) });
    rig.remap([byAddress(family, 0)]);
    return { rig, frames: [segment(host(family, 0, ADDRESS))] };
  });
  const families = await interleave(rounds, {
    six: () => time(six!.rig, six!.frames, repeat * SAMPLES),
    four: () => time(four!.rig, four!.frames, repeat * SAMPLES),
  });
  const row: Row = {
    what: 'IPv6 by address, against IPv4',
    ours: ns(families.six),
    peer: ns(families.four),
    ratio: `${(families.six.median / families.four.median).toFixed(2)}x`,
  };
  return {
    title: 'Kinds of mappings: time for a packet',
    rows: [...measured.flatMap(rowsOf), row],
    data: { measured, families },
  };
}
