// Every comparison of every kind, on values from both sides of every edge, as variables and as literals.

import test from 'ava';
import { be16, be32, be64, type Condition, struct, type TcBuilder, u64 } from '../../../src/asm/index.ts';
import { reporting, run } from '../support/run.ts';

const HOST = ['u8', 'u16', 'u32', 'u64'] as const;
type Host = (typeof HOST)[number];
const BITS: { readonly [K in Host]: number } = { u8: 8, u16: 16, u32: 32, u64: 64 };
const NAMES = ['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const;
const MEANING: { readonly [N in (typeof NAMES)[number]]: (a: bigint, b: bigint) => boolean } = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
};
const EDGES = [
  0n,
  1n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  1n << 32n,
  (1n << 63n) - 1n,
  1n << 63n,
  (1n << 64n) - 1n,
];
const operands = struct('operands', { pad: u64, pad2: u64, a: u64, b: u64 });
const PAIRS = EDGES.flatMap((a) => EDGES.map((b): [bigint, bigint] => [a, b]));

const packet = (a: bigint, b: bigint): Uint8Array => {
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(operands.offsets.a, a, true);
  view.setBigUint64(operands.offsets.b, b, true);
  return bytes;
};
const PACKETS = PAIRS.map(([a, b]) => packet(a, b));

function read(p: TcBuilder) {
  const [found] = p.packet.read([operands], { orElse: () => p.drop() });
  return found;
}

for (const left of HOST) {
  test(`${left} is compared with every host kind as the numbers compare`, (t) => {
    const built = reporting('comparisons', (p, report) => {
      const { a, b } = read(p);
      for (const right of HOST) {
        for (const name of NAMES) {
          const holds = p.variable('u32', 0);
          p.when(a.as(left)[name](b.as(right)), () => holds.set(1));
          report(holds);
          // The same the other way round, by the other branch.
          const fails = p.variable('u32', 1);
          p.when(
            a.as(left)[name](b.as(right)).not(),
            () => fails.set(0),
            () => p.skb.mark.set(7),
          );
          report(fails);
        }
      }
    });
    const wrong = run(built, PACKETS).flatMap(({ reports }, n) => {
      const [a, b] = PAIRS[n]!;
      return HOST.flatMap((right, r) =>
        NAMES.flatMap((name, c) => {
          const [x, y] = [BigInt.asUintN(BITS[left], a), BigInt.asUintN(BITS[right], b)];
          const wanted = MEANING[name](x, y) ? 1n : 0n;
          const at = 2 * (r * NAMES.length + c);
          const same = reports[at] === wanted && reports[at + 1] === wanted;
          return same
            ? []
            : [`${left} ${x} ${name} ${right} ${y}: ${reports[at]} and not ${reports[at + 1]}`];
        }),
      );
    });
    t.deepEqual(wrong, []);
  });

  test(`${left} is compared with literals as the numbers compare`, (t) => {
    const literals = EDGES.filter((literal) => literal < 1n << BigInt(Math.max(32, BITS[left])));
    const built = reporting('literals', (p, report) => {
      const { a } = read(p);
      for (const literal of literals) {
        const bits = p.variable('u32', 0);
        NAMES.forEach((name, c) => {
          p.when(a.as(left)[name](literal), () => bits.set(bits.or(1 << c)));
        });
        report(bits);
      }
    });
    const wrong = run(
      built,
      EDGES.map((a) => packet(a, 0n)),
    ).flatMap(({ reports }, n) => {
      const x = BigInt.asUintN(BITS[left], EDGES[n]!);
      return literals.flatMap((literal, l) => {
        const wanted = NAMES.reduce((sum, name, c) => sum + (MEANING[name](x, literal) ? 1 << c : 0), 0);
        return reports[l] === BigInt(wanted)
          ? []
          : [`${left} ${x} and ${literal}: ${reports[l]}, not ${wanted}`];
      });
    });
    t.deepEqual(wrong, []);
  });
}

test('network kinds are equal when their numbers are, literals included', (t) => {
  const headers = struct('headers', { a: be16, b: be16, c: be32, d: be32, e: be64, f: be64 });
  const built = reporting('network', (p, report) => {
    const [h] = p.packet.read([headers], { orElse: () => p.drop() });
    const all: Condition[] = [
      h.a.eq(h.b),
      h.a.ne(h.b),
      h.c.eq(h.d),
      h.c.ne(h.d),
      h.e.eq(h.f),
      h.e.ne(h.f),
      h.a.eq(0x1234),
      h.c.eq(0xf234_5678),
      h.e.eq(0xf234_5678_9abc_def0n),
      h.a.and(0xff00).eq(0x1200),
      h.c.and(0xffff_0000).ne(0xf234_0000),
      h.e.and(0xffff_ffff_0000_0000n).eq(0xf234_5678_0000_0000n),
    ];
    for (const condition of all) {
      const holds = p.variable('u32', 0);
      p.when(condition, () => holds.set(1));
      report(holds);
    }
  });
  const bytes = (text: string): Uint8Array =>
    Uint8Array.from(Buffer.from(text.replaceAll(' ', '').padEnd(128, '0'), 'hex'));
  const [same, other] = run(built, [
    bytes('1234 1234 f2345678 f2345678 f23456789abcdef0 f23456789abcdef0'),
    bytes('3412 1234 785634f2 f2345678 f0debc9a785634f2 f23456789abcdef0'),
  ]);
  t.deepEqual(same?.reports.slice(0, 12), [1n, 0n, 1n, 0n, 1n, 0n, 1n, 1n, 1n, 1n, 0n, 1n]);
  t.deepEqual(other?.reports.slice(0, 12), [0n, 1n, 0n, 1n, 0n, 1n, 0n, 0n, 0n, 0n, 1n, 0n]);
});

test('what is below zero as a signed number is negative', (t) => {
  const built = reporting('negative', (p, report) => {
    const { a } = read(p);
    for (const condition of [a.isNegative(), a.as('u32').isNegative(), a.isNegative().not()]) {
      const holds = p.variable('u32', 0);
      p.when(condition, () => holds.set(1));
      report(holds);
    }
  });
  const values = [...EDGES, 0xffff_ffff_0000_0000n, 0x8000_0000_8000_0000n];
  const found = run(
    built,
    values.map((a) => packet(a, 0n)),
  ).map(({ reports }) => reports.slice(0, 3));
  const wanted = values.map((a) => [a >> 63n, (a >> 31n) & 1n, 1n - (a >> 63n)]);
  t.deepEqual(found, wanted);
});

/** Every way to join three conditions, with its truth. */
type Formula = {
  readonly build: (c: readonly Condition[]) => Condition;
  readonly is: (v: readonly boolean[]) => boolean;
};

function formulas(depth: number): Formula[] {
  const leaves: Formula[] = [0, 1, 2].map((n) => ({ build: (c) => c[n]!, is: (v) => v[n]! }));
  if (depth === 0) return leaves;
  const smaller = formulas(depth - 1);
  return [
    ...leaves,
    ...smaller.map((of): Formula => ({ build: (c) => of.build(c).not(), is: (v) => !of.is(v) })),
    ...smaller.flatMap((left, l) =>
      smaller
        .filter((_, r) => depth === 1 || (l * 7 + r) % 5 === 0)
        .flatMap((right): Formula[] => [
          { build: (c) => left.build(c).and(right.build(c)), is: (v) => left.is(v) && right.is(v) },
          { build: (c) => left.build(c).or(right.build(c)), is: (v) => left.is(v) || right.is(v) },
        ]),
    ),
  ];
}

test('and, or and not are what they are in logic, however deep', (t) => {
  const all = formulas(2);
  const groups = Array.from({ length: Math.ceil(all.length / 60) }, (_, g) => all.slice(60 * g, 60 * g + 60));
  const truths = Array.from({ length: 8 }, (_, n) => [n & 1, n & 2, n & 4].map((bit) => bit !== 0));
  const wrong = groups.flatMap((group, g) => {
    const built = reporting('logic', (p, report) => {
      const { a } = read(p);
      const conditions = [1, 2, 4].map((bit) => a.and(bit).ne(0));
      for (const formula of group) {
        const holds = p.variable('u32', 0);
        p.when(formula.build(conditions), () => holds.set(1));
        report(holds);
      }
    });
    return run(
      built,
      truths.map((_, n) => packet(BigInt(n), 0n)),
    ).flatMap(({ reports }, n) =>
      group.flatMap((formula, f) =>
        (reports[f] === 1n) === formula.is(truths[n]!) ? [] : [`formula ${60 * g + f} of ${truths[n]}`],
      ),
    );
  });
  t.true(all.length > 200, `${all.length} formulas`);
  t.deepEqual(wrong, []);
});
