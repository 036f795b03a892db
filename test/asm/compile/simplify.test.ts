// Simplification, case by case: what each rule may do, and where it must keep its hands off. The meaning of every program is
// checked in the kernel with the pass and without it.

import test from 'ava';
import { simplify } from '../../../src/asm/compile/simplify.ts';
import { struct, type TcBuilder, u8, u16, u32, u64, type Variable } from '../../../src/asm/index.ts';
import { loadProgram } from '../../../src/loader/index.ts';
import { compileBy, recorded } from '../support/stages.ts';

const PACKET = new Uint8Array(77);
const cells = struct('cells', { a: u64, b: u32, c: u16, d: u8, e: u8 });
const HEAVY = 0x1_2345_6789;

/** Each body and what the program returns, whatever passes it went through. */
const CASES: { readonly [what: string]: readonly [(p: TcBuilder) => void, number] } = {
  'a variable set to itself': [
    (p) => {
      const v = p.variable('u32', 1);
      p.when(p.skb.len.eq(77), () => v.set(7));
      v.set(v);
      p.exit(v);
    },
    7,
  ],
  'two variables that change places': [
    (p) => {
      const [a, b] = [p.variable('u32', 3), p.variable('u32', 5)];
      p.when(p.skb.len.eq(77), () => {
        const t = a.get();
        a.set(b);
        b.set(t);
      });
      p.exit(a.shl(8).add(b));
    },
    0x503,
  ],
  'a copy outlives what it was copied from': [
    (p) => {
      const v = p.variable('u32', 3);
      const before = v.get();
      v.set(9);
      p.exit(before.shl(8).add(v));
    },
    0x309,
  ],
  'a copy outlives what it was copied from, round by round': [
    (p) => {
      const [last, now] = [p.variable('u32', 0), p.variable('u32', 1)];
      p.loop(5, (i) => {
        const before = now.get();
        now.set(now.add(last));
        last.set(before);
        p.when(i.eq(4), () => p.exit(now.shl(8).add(last)));
      });
      p.exit(0);
    },
    0x805,
  ],
  'a masked constant in a narrow store': [
    (p) => {
      const { view } = p.stack(cells);
      view.c.set(p.constant('u32', 0x1234_5678).as('u16'));
      view.d.set(p.constant('u64', HEAVY).as('u8'));
      view.e.set(p.constant('u32', 0xffff_ff80).as('u8'));
      p.exit(view.c.shl(16).add(view.d.shl(8)).add(view.e));
    },
    0x5678_8980,
  ],
  'a mask that a store needs': [
    (p) => {
      const { view } = p.stack(cells);
      view.c.set(p.skb.len.add(0xff00).as('u16').and(0xf0f0).as('u16'));
      p.exit(view.c);
    },
    (77 + 0xff00) & 0xf0f0,
  ],
  'a mask that a store makes needless, on a value used elsewhere as well': [
    (p) => {
      const { view } = p.stack(cells);
      const wide = p.skb.len.add(0xfff0);
      const narrow = wide.as('u16');
      view.c.set(narrow);
      p.exit(narrow.shl(8).add(view.c).add(wide));
    },
    (((77 + 0xfff0) & 0xffff) << 8) + ((77 + 0xfff0) & 0xffff) + 77 + 0xfff0,
  ],
  'a mask wider than 32 bits is no bit test of 32': [
    (p) => {
      const wide = p.skb.len.as('u64').shl(32).add(1);
      p.when(wide.and(0xff_0000_0000n).ne(0), () => p.exit(3));
      p.exit(4);
    },
    3,
  ],
  'a bit test of the sign': [
    (p) => {
      const v = p.skb.len.sub(78);
      p.when(v.and(0x8000_0000).eq(0), () => p.exit(3));
      p.when(v.as('u64').and(0xffff_ffff_8000_0000n).ne(0x8000_0000n), () => p.exit(4));
      p.exit(5);
    },
    5,
  ],
  'a masked value compared with another constant': [
    (p) => {
      p.when(p.skb.len.and(0x4c).eq(0x4c), () => p.exit(3));
      p.exit(4);
    },
    3,
  ],
  'a masked variable that changes before the branch': [
    (p) => {
      const v = p.variable('u32', 4);
      const masked = v.and(4);
      v.set(p.skb.len.sub(77));
      p.when(masked.ne(0), () => p.exit(v.add(3)));
      p.exit(4);
    },
    3,
  ],
  'a masked variable that changes before the branch, its zero found late': [
    (p) => {
      const v = p.variable('u32', 4);
      const masked = v.and(4);
      v.set(p.skb.len.sub(77));
      p.when(masked.ne(p.constant('u32', 5).sub(5)), () => p.exit(v.add(3)));
      p.exit(4);
    },
    3,
  ],
  'a masked variable that changes before a narrow store, its mask found late': [
    (p) => {
      const { view } = p.stack(cells);
      const v = p.variable('u32', p.skb.len.add(0xf_0000));
      p.when(p.skb.len.eq(1), () => v.set(9));
      const masked = v.and(p.constant('u32', 0xff00).or(0xff));
      v.set(5);
      view.c.set(masked.as('u16'));
      p.exit(view.c.shl(8).add(v));
    },
    (77 << 8) + 5,
  ],
  'sums that wrap at 32 bits': [
    (p) => p.exit(p.constant('u32', 0xffff_ffff).add(2).add(p.skb.len.sub(77))),
    1,
  ],
  'zero added at 32 bits clears what is above': [
    (p) => {
      const v = p.skb.len.sub(78);
      p.exit(v.add(0).as('u64').shr(32).as('u32').add(v.or(0).as('u64').shr(32).as('u32')));
    },
    0,
  ],
  'a difference from a constant': [(p) => p.exit(p.constant('u32', 100).sub(p.skb.len)), 23],
  'a constant on the left of a comparison': [
    (p) => {
      p.when(p.constant('u32', 76).lt(p.skb.len), () => p.exit(1));
      p.exit(2);
    },
    1,
  ],
  'a constant on both sides': [
    (p) => {
      p.when(
        p.constant('u32', 5).gt(4),
        () => p.exit(1),
        () => p.exit(2),
      );
    },
    1,
  ],
  'branches of the same end': [
    (p) => {
      p.when(
        p.skb.len.gt(76),
        () => p.exit(9),
        () => p.exit(9),
      );
    },
    9,
  ],
  'branches that differ in one constant only': [
    (p) => {
      p.when(
        p.skb.len.gt(77),
        () => p.exit(8),
        () => p.exit(9),
      );
    },
    9,
  ],
  'an empty branch and an empty otherwise': [
    (p) => {
      p.when(
        p.skb.len.gt(76),
        () => {},
        () => {},
      );
      p.exit(6);
    },
    6,
  ],
  'stores are kept though nobody reads them here': [
    (p) => {
      p.skb.mark.set(5);
      p.skb.mark.set(p.skb.mark.add(1));
      p.exit(p.skb.mark);
    },
    6,
  ],
  'a place that changes between two readings': [
    (p) => {
      const first = p.skb.mark.get();
      p.skb.mark.set(21);
      p.exit(first.add(p.skb.mark));
    },
    21,
  ],
  'overlapping places': [
    (p) => {
      const [bytes] = p.packet.read([struct('four', { a: u8, b: u8, c: u8, d: u8 })], {
        orElse: () => p.drop(),
      });
      const [word] = p.packet.read([struct('one', { w: u32 })], { orElse: () => p.drop() });
      word.w.set(0x0403_0201);
      const before = word.w.get();
      bytes.b.set(9);
      p.exit(word.w.xor(before));
    },
    (9 ^ 2) << 8,
  ],
  'shifts by nothing and by all but one': [
    (p) => p.exit(p.skb.len.shl(0).shl(31).shr(31).add(p.skb.len.as('u64').shl(63).shr(63).as('u32'))),
    2,
  ],
  'nothing left but a constant': [
    (p) => p.exit(p.constant('u64', 0xffff_ffff_ffff_ffffn).add(6).xor(1).as('u32')),
    4,
  ],
};

for (const [what, [body, returned]] of Object.entries(CASES)) {
  test(`${what}: simplified or not, it means the same`, (t) => {
    for (const passes of [[], ['simplify'], ['simplify', 'split']] as const) {
      using loaded = loadProgram(compileBy('case', body, passes), {});
      t.is(
        loaded.testRun({ data: PACKET }).returnValue,
        returned >>> 0,
        `with ${passes.join(', ') || 'no pass'}`,
      );
    }
  });
}

test('a simplified program is simplified: there is nothing left to do', (t) => {
  for (const [what, [body]] of Object.entries(CASES)) {
    const once = simplify(recorded('case', body));
    const twice = simplify(once);
    const shape = ({ blocks }: typeof once) =>
      blocks.map(({ operations, terminator }) => [operations.map(({ op }) => op), terminator?.end]);
    t.deepEqual(shape(twice), shape(once), what);
  }
});

test('simplifying leaves the program it was given as it was', (t) => {
  for (const [what, [body]] of Object.entries(CASES)) {
    const procedure = recorded('case', body);
    const copy = procedure.blocks.map(({ operations, terminator }) => ({
      operations: [...operations],
      terminator,
    }));
    simplify(procedure);
    procedure.blocks.forEach(({ operations, terminator }, i) => {
      t.deepEqual(
        [operations.length, terminator?.end],
        [copy[i]!.operations.length, copy[i]!.terminator?.end],
        what,
      );
      t.true(
        operations.every((operation, n) => operation === copy[i]!.operations[n]),
        what,
      );
    });
  }
});

test('dead calculation goes, effects stay', (t) => {
  const body = (p: TcBuilder): void => {
    const unused: Variable<'u32'> = p.variable('u32', p.skb.len.add(5).xor(9));
    unused.set(p.skb.mark);
    p.skb.mark.set(1);
    p.exit(0);
  };
  const operations = simplify(recorded('dead', body)).blocks.flatMap(({ operations }) =>
    operations.map(({ op }) => op),
  );
  t.deepEqual(operations, ['store']);
});
