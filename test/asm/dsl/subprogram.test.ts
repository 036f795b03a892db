// Functions of a program's own: arguments in every register, results of every width, calls in calls.

import test from 'ava';
import { HELPERS, program, struct, subprogram, u64 } from '../../../src/asm/index.ts';
import { loadProgram } from '../../../src/loader/index.ts';
import { reporting, run } from '../support/run.ts';

test('five arguments arrive in their order, whatever they were made of', (t) => {
  const kinds = { a: 'u64', b: 'u32', c: 'u16', d: 'u8', e: 'be32' } as const;
  const mixed = subprogram('mixed', kinds, 'u64', (p, { a, b, c, d, e }) => {
    p.call(HELPERS.ktime_get_ns, []);
    p.exit(a.shl(1).add(b.as('u64').shl(20)).add(c.as('u64').shl(8)).add(d).xor(e.toHost()));
  });
  const built = reporting('five', (p, report) => {
    const x = p.skb.len.get();
    report(p.invoke(mixed, { a: 5, b: x, c: x.as('u16'), d: x.as('u8'), e: 0x0a00_0001 }));
    report(p.invoke(mixed, { a: p.constant('u64', 1n << 62n), b: 0, c: 0xffff, d: 255, e: x.toNetwork() }));
    report(x);
  });
  const [result] = run(built, [new Uint8Array(70)]);
  const mixedOf = (a: bigint, b: bigint, c: bigint, d: bigint, e: bigint): bigint =>
    BigInt.asUintN(64, ((a << 1n) + (b << 20n) + (c << 8n) + d) ^ e);
  t.deepEqual(result?.reports.slice(0, 3), [
    mixedOf(5n, 70n, 70n, 70n, 0x0a00_0001n),
    mixedOf(1n << 62n, 0n, 0xffffn, 255n, 70n),
    70n,
  ]);
});

test('values of the caller survive calls, and calls in calls', (t) => {
  const inner = subprogram('inner', { x: 'u64' }, 'u64', (p, { x }) => {
    const values = Array.from({ length: 12 }, (_, n) => x.add(n));
    p.call(HELPERS.ktime_get_ns, []);
    p.exit(values.reduce((a, b) => a.add(b)));
  });
  const outer = subprogram('outer', { x: 'u64', y: 'u64' }, 'u64', (p, { x, y }) => {
    const first = p.invoke(inner, { x });
    const second = p.invoke(inner, { x: y });
    p.exit(first.sub(second).xor(x).xor(y));
  });
  const built = reporting('nested', (p, report) => {
    const values = Array.from({ length: 14 }, (_, n) => p.skb.len.add(n).as('u64'));
    report(p.invoke(outer, { x: values[3]!, y: values[9]! }));
    for (const value of values) report(value);
  });
  const innerOf = (x: bigint): bigint => 12n * x + 66n;
  const [x, y] = [67n, 73n];
  const [result] = run(built);
  t.is(result?.reports[0], BigInt.asUintN(64, innerOf(x) - innerOf(y)) ^ x ^ y);
  t.deepEqual(
    result?.reports.slice(1, 15),
    Array.from({ length: 14 }, (_, n) => BigInt(64 + n)),
  );
});

test('a result is no wider than it says', (t) => {
  for (const kind of ['u8', 'u16', 'u32'] as const) {
    const literal = { u8: 256, u16: 65_536, u32: 2 ** 32 }[kind];
    t.throws(() => subprogram('wide', {}, kind, (p) => p.exit(literal)), { instanceOf: RangeError }, kind);
    const narrow = subprogram('narrow', {}, kind, (p) => p.exit(literal - 1));
    const built = reporting('result', (p, report) => {
      report(p.invoke(narrow, {}));
    });
    t.is(run(built)[0]?.reports[0], BigInt(literal) - 1n);
  }
});

test('two functions of one name stay two functions, or are refused', (t) => {
  const one = subprogram('same', { x: 'u32' }, 'u32', (p, { x }) => p.exit(x.add(1)));
  const two = subprogram('same', { x: 'u32' }, 'u32', (p, { x }) => p.exit(x.add(2)));
  const build = () =>
    reporting('same', (p, report) => {
      const result = p.variable('u32', 0);
      p.when(
        p.skb.len.gt(64),
        () => result.set(p.invoke(one, { x: 10 })),
        () => result.set(p.invoke(two, { x: 10 })),
      );
      report(result);
    });
  let built: ReturnType<typeof build>;
  try {
    built = build();
  } catch (error) {
    t.regex(`${error}`, /same/);
    return;
  }
  const [shorter, longer] = run(built, [new Uint8Array(60), new Uint8Array(70)]);
  t.deepEqual([shorter?.reports[0], longer?.reports[0]], [12n, 11n]);
});

test('more stack than all functions together have is refused when the program is built', (t) => {
  const large = struct('large', { words: u64, rest: u64 });
  const deep = subprogram('deep', { x: 'u64' }, 'u64', (p, { x }) => {
    const slots = Array.from({ length: 20 }, () => p.stack(large).view);
    for (const slot of slots) {
      slot.words.set(x);
      slot.rest.set(x);
    }
    p.exit(slots.map(({ words }) => words.get()).reduce((a, b) => a.add(b)));
  });
  const build = () =>
    program('sched_cls', 'together', (p) => {
      const slots = Array.from({ length: 20 }, () => p.stack(large).view);
      for (const slot of slots) slot.words.set(p.skb.len);
      const result = p.invoke(deep, { x: 1 });
      p.exit(
        slots
          .map(({ words }) => words.get())
          .reduce((a, b) => a.add(b))
          .add(result),
      );
    });
  let built: ReturnType<typeof build>;
  try {
    built = build();
  } catch (error) {
    t.is((error as { code?: string }).code, 'STACK');
    return;
  }
  using loaded = loadProgram(built, {});
  t.is(loaded.testRun({ data: new Uint8Array(64) }).returnValue, 20 * 64 + 20);
});

test('a missing argument is refused', (t) => {
  const two = subprogram('two', { a: 'u32', b: 'u32' }, 'u32', (p, { a, b }) => p.exit(a.add(b)));
  const call = () =>
    program('sched_cls', 'missing', (p) => {
      // @ts-expect-error one is missing
      p.exit(p.invoke(two, { a: 1 }));
    });
  t.throws(call, { code: 'ARGUMENTS', message: /two: argument b is missing/ });
});
