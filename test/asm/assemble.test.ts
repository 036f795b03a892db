// Labels, maps, names and places of an assembled program.

import test from 'ava';
import fc from 'fast-check';
import {
  assemble,
  BuildError,
  decodeInstructions,
  defineMap,
  formatHex,
  type Instruction,
  type Item,
  instruction as i,
  u32,
  u64,
} from '../../src/asm/index.ts';

const options = { name: 'labels', type: 'sched_cls' } as const;
const map = (name: string, maxEntries = 1) =>
  defineMap({ name, type: 'array', key: u32, value: u64, maxEntries });

test('jumps count 8-byte units, a 64-bit immediate being two', (t) => {
  const [top, end] = [i.label('top'), i.label('end')];
  const { code } = assemble(options, [
    { place: top },
    i.jeq.imm(1, 5, end),
    i.loadImm64(2, 1n << 40n),
    i.ja(top),
    { place: end },
    i.exit(),
  ]);
  const offsets = decodeInstructions(code).map(({ offset }) => offset);
  t.deepEqual(offsets, [3, 0, -4, 0]);
});

test('every jump of a random program goes to its label', (t) => {
  const piece = fc.oneof(
    { weight: 3, arbitrary: fc.record({ is: fc.constant('jump' as const), to: fc.nat(9), form: fc.nat(4) }) },
    { weight: 2, arbitrary: fc.constant({ is: 'narrow' as const }) },
    { weight: 2, arbitrary: fc.constant({ is: 'wide' as const }) },
  );
  const placing = fc.array(fc.nat(60), { minLength: 10, maxLength: 10 });
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), placing, (pieces, places) => {
        const labels = places.map((_, n) => i.label(`l${n}`));
        const items: Item[] = [];
        const units: number[] = [];
        const at: number[] = [];
        let unit = 0;
        for (let n = 0; n <= pieces.length; n++) {
          places.forEach((place, l) => {
            if (Math.min(place, pieces.length) !== n) return;
            items.push({ place: labels[l]! });
            at[l] = unit;
          });
          const one = pieces[n];
          if (!one) continue;
          items.push(instructionOf(one, labels));
          units.push(unit);
          unit += one.is === 'wide' ? 2 : 1;
        }
        const decoded = decodeInstructions(assemble(options, items).code);
        pieces.forEach((one, n) => {
          if (one.is !== 'jump') return;
          const reached = units[n]! + 1 + decoded[n]!.offset;
          if (reached !== at[one.to]) throw new Error(`jump ${n} goes to ${reached}, not ${at[one.to]}`);
        });
      }),
      { numRuns: 200 },
    ),
  );
});

function instructionOf(
  piece: { is: 'jump'; to: number; form: number } | { is: 'narrow' } | { is: 'wide' },
  labels: readonly i.Label[],
): Instruction {
  if (piece.is === 'wide') return i.loadImm64(1, 5n);
  if (piece.is === 'narrow') return i.mov.imm(1, 5);
  const to = labels[piece.to]!;
  return [i.ja(to), i.jeq.imm(1, 2, to), i.jne.reg(1, 2, to), i.jlt.imm32(3, 4, to), i.jset.reg32(5, 6, to)][
    piece.form
  ]!;
}

test('a label that is nowhere is an error that names it', (t) => {
  const error = t.throws(() => assemble(options, [i.ja(i.label('nowhere'))]), { instanceOf: BuildError });
  t.is(error?.code, 'LABEL');
  t.regex(error?.message ?? '', /nowhere/);
});

test('a label is its object: another of the same name does not do', (t) => {
  const items: Item[] = [{ place: i.label('same') }, i.ja(i.label('same'))];
  t.throws(() => assemble(options, items), { code: 'LABEL' });
});

test('a label that is in two places is an error that names it', (t) => {
  const twice = i.label('twice');
  const error = t.throws(() => assemble(options, [{ place: twice }, i.exit(), { place: twice }]), {
    instanceOf: BuildError,
  });
  t.is(error?.code, 'LABEL');
  t.regex(error?.message ?? '', /twice/);
});

const filler = (count: number): Instruction[] => Array.from({ length: count }, () => i.mov.imm(0, 0));

test('without gotol a jump reaches 32767 instructions forwards and 32768 backwards, and not one more', (t) => {
  const forwards = (distance: number): Item[] => {
    const to = i.label('far');
    return [i.jeq.imm(1, 0, to), ...filler(distance), { place: to }, i.exit()];
  };
  const backwards = (distance: number): Item[] => {
    const to = i.label('far');
    return [{ place: to }, ...filler(distance - 1), i.jeq.imm(1, 0, to), i.exit()];
  };
  t.is(decodeInstructions(assemble(options, forwards(32_767)).code)[0]?.offset, 32_767);
  t.is(decodeInstructions(assemble(options, backwards(32_768)).code)[32_767]?.offset, -32_768);
  for (const items of [forwards(32_768), backwards(32_769)]) {
    const error = t.throws(() => assemble({ ...options, gotol: false }, items), { instanceOf: BuildError });
    t.is(error?.code, 'JUMP_TOO_FAR');
  }
});

test('names the kernel would refuse are refused', (t) => {
  for (const name of ['a', 'tsnat_egress', 'A.b_9', 'fifteen_letters']) {
    t.is(assemble({ ...options, name }, [i.exit()]).name, name);
    t.is(map(name).name, name);
  }
  for (const name of ['', 'sixteen__letters', 'with space', 'hy-phen', 'dollar$', 'umlaut_ä', 'new\nline']) {
    t.throws(() => assemble({ ...options, name }, [i.exit()]), { instanceOf: RangeError }, name);
    t.throws(() => map(name), { instanceOf: RangeError }, name);
  }
});

test('maps are between 1 and 2^32-1 entries large', (t) => {
  t.is(map('most', 0xffff_ffff).maxEntries, 0xffff_ffff);
  for (const entries of [0, -1, 2 ** 32, 1.5, Number.NaN])
    t.throws(() => map('wrong', entries), { instanceOf: RangeError });
});

test('relocations name the unit of each map reference', (t) => {
  const [one, two] = [map('one'), map('two')];
  const { relocations } = assemble(options, [
    i.loadMap(1, one),
    i.mov.imm(0, 0),
    i.loadMap(2, two),
    i.loadMap(3, one),
    i.exit(),
  ]);
  t.deepEqual(
    relocations.map(({ index, map: { name } }) => [index, name]),
    [
      [0, 'one'],
      [3, 'two'],
      [5, 'one'],
    ],
  );
});

test('two maps of one name cannot be told apart, and are refused', (t) => {
  const items = [i.loadMap(1, map('same', 1)), i.loadMap(2, map('same', 2)), i.exit()];
  t.throws(() => assemble(options, items), { message: /same/ });
  const shape = map('same');
  t.notThrows(() => assemble(options, [i.loadMap(1, shape), i.loadMap(2, shape), i.exit()]));
});

test('there is a place for every 8-byte unit', (t) => {
  const program = assemble(options, [i.mov.imm(0, 0), i.loadImm64(1, 1n), i.exit()]);
  t.is(program.code.length, 32);
  t.is(program.locations.length, 4);
  t.is(formatHex(program).split('\n').length - 1, 4);
});

test('programs declare a GPL-compatible licence unless they are told otherwise', (t) => {
  t.is(assemble(options, [i.exit()]).license, 'Dual MIT/GPL');
  t.is(assemble({ ...options, license: 'Proprietary' }, [i.exit()]).license, 'Proprietary');
});
