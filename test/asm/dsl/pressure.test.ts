// More values than registers: dozens alive at once, across calls, branches and loops; and the end of the stack.

import test from 'ava';
import {
  type BuildError,
  be32,
  defineMap,
  HELPERS,
  program,
  struct,
  type TcBuilder,
  u32,
  u64,
  type Value,
} from '../../../src/asm/index.ts';
import { reporting, run } from '../support/run.ts';

const words = struct('words', { pad: u64, w: u64, x: u64 });
const [W, X] = [0x1122_3344_5566_7788n, 0xfedc_ba98_7654_3210n];
const PACKET = new Uint8Array(64);
new DataView(PACKET.buffer).setBigUint64(words.offsets.w, W, true);
new DataView(PACKET.buffer).setBigUint64(words.offsets.x, X, true);

const mask = (value: bigint): bigint => BigInt.asUintN(64, value);
const read = (p: TcBuilder) => p.packet.read([words], { orElse: () => p.drop() })[0];
const sum = (values: readonly Value<'u64'>[]): Value<'u64'> => values.reduce((a, b) => a.add(b));

for (const count of [12, 30, 48]) {
  test(`${count} values are alive at once`, (t) => {
    const built = reporting('alive', (p, report) => {
      const { w, x } = read(p);
      const values = Array.from({ length: count }, (_, n) => w.xor(x.get().shr(n % 64)).add(n));
      // In another order than they were made.
      for (const value of [...values].reverse()) report(value);
      report(sum(values));
    });
    const made = Array.from({ length: count }, (_, n) => mask((W ^ (X >> BigInt(n % 64))) + BigInt(n)));
    const [result] = run(built, [PACKET]);
    t.deepEqual(result?.reports.slice(0, count + 1), [
      ...made.toReversed(),
      mask(made.reduce((a, b) => a + b)),
    ]);
  });

  test(`${count} values live across calls, branches and loops`, (t) => {
    const built = reporting('across', (p, report) => {
      const { w } = read(p);
      const values = Array.from({ length: count }, (_, n) => w.add(n * n));
      const total = p.variable('u64', 0);
      for (let call = 0; call < 5; call++) {
        p.call(HELPERS.ktime_get_ns, []);
        p.when(
          p.skb.len.gt(30 + 10 * call),
          () => {
            p.call(HELPERS.ktime_get_ns, []);
            total.set(total.add(values[call]!));
          },
          () => total.set(total.xor(values[call + 1]!)),
        );
      }
      p.loop(3, (round) => {
        p.call(HELPERS.ktime_get_ns, []);
        total.set(total.add(values[7]!).add(round));
      });
      for (const value of values) report(value);
      report(total);
    });
    const values = Array.from({ length: count }, (_, n) => mask(W + BigInt(n * n)));
    let total = 0n;
    for (let call = 0; call < 5; call++) {
      total = mask(PACKET.length > 30 + 10 * call ? total + values[call]! : total ^ values[call + 1]!);
    }
    for (let round = 0n; round < 3n; round++) total = mask(total + values[7]! + round);
    const [result] = run(built, [PACKET]);
    t.deepEqual(result?.reports.slice(0, count + 1), [...values, total]);
  });
}

test('24 variables are set on different paths and read behind them', (t) => {
  const COUNT = 24;
  const built = reporting('paths', (p, report) => {
    const { w } = read(p);
    const variables = Array.from({ length: COUNT }, (_, n) => p.variable('u64', n));
    for (let bit = 0; bit < 8; bit++) {
      p.when(
        w.and(1n << BigInt(bit)).ne(0),
        () => {
          for (let n = bit; n < COUNT; n += 3)
            variables[n]!.set(variables[n]!.add(variables[(n + 5) % COUNT]!));
        },
        () => {
          p.call(HELPERS.ktime_get_ns, []);
          for (let n = bit; n < COUNT; n += 4) variables[n]!.set(variables[(n + 1) % COUNT]!);
        },
      );
    }
    for (const variable of variables) report(variable.get());
  });
  const packets = [0x00, 0xff, 0x55, 0xaa, 0x81, 0x7e, 0x0f].map((w) => {
    const packet = new Uint8Array(64);
    packet[words.offsets.w] = w;
    return packet;
  });
  const wanted = packets.map((packet) => {
    const v = Array.from({ length: COUNT }, (_, n) => BigInt(n));
    for (let bit = 0; bit < 8; bit++) {
      if (packet[words.offsets.w]! & (1 << bit)) {
        for (let n = bit; n < COUNT; n += 3) v[n] = v[n]! + v[(n + 5) % COUNT]!;
      } else {
        for (let n = bit; n < COUNT; n += 4) v[n] = v[(n + 1) % COUNT]!;
      }
    }
    return v;
  });
  t.deepEqual(
    run(built, packets).map(({ reports }) => reports.slice(0, COUNT)),
    wanted,
  );
});

test('pointers are kept as well: packet, map values and stack across one another', (t) => {
  const table = defineMap({ name: 'cells', type: 'array', key: u32, value: u64, maxEntries: 8 });
  const built = reporting('pointers', (p, report) => {
    const { w, x } = read(p);
    const cells = Array.from({ length: 8 }, (_, n) => p.lookup(table, n, { orElse: () => p.drop() }));
    const slots = Array.from({ length: 6 }, () => p.stack(u64));
    cells.forEach((cell, n) => {
      cell.set(w.add(n));
    });
    slots.forEach(({ view }, n) => {
      view.set(x.add(n));
    });
    p.call(HELPERS.ktime_get_ns, []);
    for (const cell of cells) report(cell.get());
    for (const { view } of slots) report(view.get());
    w.set(cells[3]!.xor(slots[2]!.view));
    report(w.get());
  });
  const [result] = run(built, [PACKET], [table]);
  const cells = Array.from({ length: 8 }, (_, n) => mask(W + BigInt(n)));
  const slots = Array.from({ length: 6 }, (_, n) => mask(X + BigInt(n)));
  t.deepEqual(result?.reports.slice(0, 15), [...cells, ...slots, cells[3]! ^ slots[2]!]);
});

test('arguments of a call may be made of one another', (t) => {
  const built = reporting('arguments', (p, report) => {
    const { w } = read(p);
    const [a, b] = [w.as('u32'), w.shr(32).as('u32')];
    const folded = (x: Value<'u32'>, y: Value<'u32'>): void => {
      const [before, after] = [p.stack(be32), p.stack(be32)];
      before.view.set(x.bits());
      after.view.set(y.bits());
      // The difference of two words, as one's complement sums go.
      report(p.call(HELPERS.csum_diff, [before.address, 4, after.address, 4, 0]));
    };
    folded(a, b);
    folded(b, a);
    folded(a, a);
    report(a);
    report(b);
  });
  const [a, b] = [W & 0xffff_ffffn, W >> 32n];
  // csum_partial(to) - csum_partial(from), with carries brought round; the kernel gives it unfolded to 16 bits or not.
  const fold = (sum: bigint): bigint => {
    let folded = sum;
    while (folded >> 16n) folded = (folded & 0xffffn) + (folded >> 16n);
    return folded;
  };
  const difference = (from: bigint, to: bigint): bigint =>
    fold((to & 0xffffn) + (to >> 16n) + fold(~BigInt.asIntN(64, from) & 0xffff_ffffn));
  const [result] = run(built, [PACKET]);
  const found = result!.reports.slice(0, 3).map((sum) => fold(BigInt.asUintN(32, sum)) % 0xffffn);
  t.deepEqual(found, [difference(a, b) % 0xffffn, difference(b, a) % 0xffffn, 0n]);
  t.deepEqual(result?.reports.slice(3, 5), [a, b]);
});

test('what does not fit the stack any more is refused, not cut short', (t) => {
  const error = t.throws<BuildError>(() =>
    program('sched_cls', 'too_much', (p) => {
      const { w } = read(p);
      const values = Array.from({ length: 90 }, (_, n) => w.add(n));
      p.call(HELPERS.ktime_get_ns, []);
      p.exit(sum(values));
    }),
  );
  t.is(error?.code, 'STACK');
  t.regex(error?.message ?? '', /\d+ bytes of stack are needed, the kernel gives 512/);
});

test('hundreds of look-ups share the stack that their keys need', (t) => {
  const table = defineMap({ name: 'cells', type: 'array', key: u32, value: u64, maxEntries: 4 });
  const built = reporting('lookups', (p, report) => {
    const total = p.variable('u64', 0);
    for (let n = 0; n < 300; n++) {
      const cell = p.lookup(table, n % 4, { orElse: () => p.drop() });
      cell.set(cell.add(n));
      total.set(total.add(cell));
    }
    report(total.get());
  });
  const cells = [0, 0, 0, 0];
  let total = 0;
  for (let n = 0; n < 300; n++) {
    cells[n % 4]! += n;
    total += cells[n % 4]!;
  }
  t.is(run(built, [PACKET], [table])[0]?.reports[0], BigInt(total));
});
