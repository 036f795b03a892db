// Instructions in older forms: none is newer than asked for, and the interpreter finds the same results.

import test from 'ava';
import {
  assemble,
  BuildError,
  type IsaLevel,
  type Item,
  instruction as i,
  isaLevelOf,
} from '../../src/asm/index.ts';
import { Vm } from '../../src/vm/index.ts';

const [A, B] = [0, 1] as const;
const FRAME = 10;

const built = (items: readonly Item[], isa?: IsaLevel) =>
  assemble({ name: 'older', type: 'xdp', ...(isa && { isa }) }, items);
const r0 = (items: readonly Item[], isa?: IsaLevel): bigint => new Vm(built(items, isa)).runMemory().r0;

/** r0 = 1 where the jump is taken. */
function jumped(make: (to: ReturnType<typeof i.label>) => Item): Item[] {
  const [taken, end] = [i.label('taken'), i.label('end')];
  const move = [i.mov.imm(A, 0), i.ja(end), { place: taken }, i.mov.imm(A, 1), { place: end }, i.exit()];
  return [make(taken), ...move];
}

const VALUES = [0n, 1n, 0x7fn, 0x80n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 1n << 63n, -1n, -128n];
const FORMS: readonly (readonly [string, IsaLevel, Item[]])[] = [
  ...(['jlt', 'jle', 'jslt', 'jsle'] as const).flatMap((name) => [
    [`${name} register`, 2, jumped((to) => i[name].reg(A, B, to))] as const,
    [`${name} immediate`, 2, jumped((to) => i[name].imm(A, -3, to))] as const,
  ]),
  ...([8, 16, 32] as const).map((bits) => [`movsx ${bits}`, 4, [i.movsx.reg(A, B, bits), i.exit()]] as const),
  ...([8, 16] as const).map((bits) => [`movsx32 ${bits}`, 4, [i.movsx.reg32(A, B, bits), i.exit()]] as const),
  ...([16, 32, 64] as const).map((bits) => [`bswap ${bits}`, 4, [i.bswap(A, bits), i.exit()]] as const),
  ...([1, 2, 4] as const).map(
    (size) =>
      [
        `signed load ${size}`,
        4,
        [i.store(8, FRAME, -8, B), i.loadSigned(size, A, FRAME, -8), i.exit()],
      ] as const,
  ),
  ['gotol', 4, jumped((to) => i.ja32(to))],
].map(([name, level, items]) => [name, level, items] as [string, IsaLevel, Item[]]);

for (const [name, level, items] of FORMS) {
  test(name, (t) => {
    t.is(isaLevelOf(built(items).code), level);
    for (let older = level - 1; older >= 1; older--) {
      const isa = older as IsaLevel;
      t.true(isaLevelOf(built(items, isa).code) <= isa);
      for (const a of VALUES) {
        for (const b of VALUES) {
          const all = [
            i.loadImm64(A, BigInt.asUintN(64, a)),
            i.loadImm64(B, BigInt.asUintN(64, b)),
            ...items,
          ];
          t.is(r0(all, isa), r0(all), `${a} ${b}`);
        }
      }
    }
  });
}

test('what has no older form is refused, at its level and no lower', (t) => {
  const refused: readonly (readonly [Item, IsaLevel])[] = [
    [i.sdiv.reg(A, B), 4],
    [i.smod.imm32(A, 3), 4],
    [i.jeq.imm32(A, 1, 0), 3],
    [i.atomicFetchAdd(8, FRAME, -8, A), 3],
    [i.mayGoto(0), 4],
    [i.loadAcquire(8, A, FRAME, -8), 4],
  ];
  for (const [item, level] of refused) {
    const items = [i.mov.imm(A, 1), i.mov.imm(B, 1), item, i.exit()];
    t.is(isaLevelOf(built(items, level).code), level);
    const error = t.throws(() => built(items, (level - 1) as IsaLevel), { instanceOf: BuildError });
    t.is(error?.code, 'ISA');
  }
});

test('a jump that is too far stays an error where there is no gotol', (t) => {
  const far = i.label('far');
  const items = [
    i.ja(far),
    ...Array.from({ length: 40_000 }, () => i.mov.imm(A, 0)),
    { place: far },
    i.exit(),
  ];
  t.is(isaLevelOf(built(items).code), 4);
  t.throws(() => built(items, 3), { instanceOf: BuildError, message: /without gotol/ });
});
