// Every instruction constructor against LLVM's assembler, at the edges of its immediates and offsets, and what the
// constructors refuse. The text on the right of each table is written by hand: nothing of src/asm goes into it.

import test, { type ExecutionContext } from 'ava';
import {
  type AccessSize,
  assemble,
  defineMap,
  type Instruction,
  type Item,
  instruction as i,
  type Register,
  u32,
  u64,
} from '../../src/asm/index.ts';
import { llvmAssemble } from './support/llvm.ts';

type Case = readonly [Instruction, string];

const REGISTERS: readonly Register[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const S32 = [-0x8000_0000, -0x7fff_ffff, -1, 0, 1, 255, 0x7fff_fffe, 0x7fff_ffff];
/** What only 32-bit forms take: the upper half of the unsigned range. */
const U32 = [0x8000_0000, 0xffff_fffe, 0xffff_ffff];
const S16 = [-0x8000, -0x7fff, -8, -1, 0, 1, 8, 0x7ffe, 0x7fff];
const SIZES: readonly AccessSize[] = [1, 2, 4, 8];

const hex = (bytes: Uint8Array): string[] =>
  Array.from({ length: bytes.length / 8 }, (_, n) =>
    Buffer.from(bytes.subarray(8 * n, 8 * n + 8)).toString('hex'),
  );

function agree(t: ExecutionContext, cases: readonly Case[]): void {
  const ours = hex(
    assemble(
      { name: 'cases', type: 'sched_cls' },
      cases.map(([ours]) => ours),
    ).code,
  );
  const theirs = hex(llvmAssemble(cases.map(([, text]) => text)));
  const units = cases.flatMap(([instruction, text]) =>
    instruction.wide === undefined ? [text] : [text, `${text} (2nd)`],
  );
  t.is(theirs.length, units.length, 'LLVM makes as many units of the text as we say there are');
  t.deepEqual(
    ours.map((bytes, n) => `${bytes}  ${units[n]}`),
    theirs.map((bytes, n) => `${bytes}  ${units[n]}`),
  );
}

const BINARY: readonly [i.Binary, string][] = [
  [i.mov, '='],
  [i.add, '+='],
  [i.sub, '-='],
  [i.mul, '*='],
  [i.div, '/='],
  [i.mod, '%='],
  [i.or, '|='],
  [i.and, '&='],
  [i.xor, '^='],
  [i.lsh, '<<='],
  [i.rsh, '>>='],
  [i.arsh, 's>>='],
];

for (const [forms, sign] of BINARY) {
  test(`rD ${sign} ...: four forms, every register, every edge`, (t) => {
    agree(t, [
      ...REGISTERS.flatMap((d): Case[] => [
        [forms.imm(d, 7), `r${d} ${sign} 7`],
        [forms.imm32(d, 7), `w${d} ${sign} 7`],
        ...REGISTERS.flatMap((s): Case[] => [
          [forms.reg(d, s), `r${d} ${sign} r${s}`],
          [forms.reg32(d, s), `w${d} ${sign} w${s}`],
        ]),
      ]),
      ...S32.flatMap((imm): Case[] => [
        [forms.imm(3, imm), `r3 ${sign} ${imm}`],
        [forms.imm32(3, imm), `w3 ${sign} ${imm}`],
      ]),
      ...U32.map((imm): Case => [forms.imm32(3, imm), `w3 ${sign} ${imm - 2 ** 32}`]),
    ]);
  });

  test(`rD ${sign} ...: what does not fit 32 bits is refused`, (t) => {
    for (const imm of [
      0x8000_0000,
      0xffff_ffff,
      -0x8000_0001,
      2 ** 53,
      0.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
    ]) {
      t.throws(
        () => forms.imm(1, imm),
        { instanceOf: RangeError, message: /immediate .* 32 signed bits/ },
        `${imm}`,
      );
    }
    for (const imm of [0x1_0000_0000, -0x8000_0001, 2 ** 53, 1.5, 0xffff_fffe + 0.5, Number.NaN]) {
      t.throws(() => forms.imm32(1, imm), { instanceOf: RangeError }, `${imm}`);
    }
  });
}

test('rD = -rD and byte orders', (t) => {
  agree(
    t,
    REGISTERS.flatMap((d): Case[] => [
      [i.neg(d), `r${d} = -r${d}`],
      [i.neg32(d), `w${d} = -w${d}`],
      ...([16, 32, 64] as const).flatMap((bits): Case[] => [
        [i.be(d, bits), `r${d} = be${bits} r${d}`],
        [i.le(d, bits), `r${d} = le${bits} r${d}`],
        [i.bswap(d, bits), `r${d} = bswap${bits} r${d}`],
      ]),
    ]),
  );
});

const JUMPS: readonly [i.Jump, string][] = [
  [i.jeq, '=='],
  [i.jne, '!='],
  [i.jgt, '>'],
  [i.jge, '>='],
  [i.jlt, '<'],
  [i.jle, '<='],
  [i.jsgt, 's>'],
  [i.jsge, 's>='],
  [i.jslt, 's<'],
  [i.jsle, 's<='],
  [i.jset, '&'],
];

for (const [forms, sign] of JUMPS) {
  test(`if rD ${sign} ... goto: four forms, forwards and backwards`, (t) => {
    const [behind, ahead] = [i.label('behind'), i.label('ahead')];
    const make = (d: Register, s: Register, to: i.Label): Instruction[] => [
      ...S32.flatMap((imm) => [forms.imm(d, imm, to), forms.imm32(d, imm, to)]),
      ...U32.map((imm) => forms.imm32(d, imm, to)),
      forms.reg(d, s, to),
      forms.reg32(d, s, to),
    ];
    const text = (d: Register, s: Register): string[] => [
      ...S32.flatMap((imm) => [`if r${d} ${sign} ${imm}`, `if w${d} ${sign} ${imm}`]),
      ...U32.map((imm) => `if w${d} ${sign} ${imm - 2 ** 32}`),
      `if r${d} ${sign} r${s}`,
      `if w${d} ${sign} w${s}`,
    ];
    const back = REGISTERS.flatMap((d) => make(d, 9, behind));
    const forth = REGISTERS.flatMap((d) => make(d, 4, ahead));
    const items: Item[] = [{ place: behind }, i.exit(), ...back, ...forth, { place: ahead }, i.exit()];
    const ours = assemble({ name: 'jumps', type: 'xdp' }, items).code;
    const conditions = [...REGISTERS.flatMap((d) => text(d, 9)), ...REGISTERS.flatMap((d) => text(d, 4))];
    const lines = conditions.map((condition, n) => {
      const offset = n < back.length ? -(n + 2) : conditions.length - n - 1;
      return `${condition} goto ${offset < 0 ? offset : `+${offset}`}`;
    });
    t.deepEqual(hex(ours), hex(llvmAssemble(['exit', ...lines, 'exit'])));
  });

  test(`if rD ${sign} ... goto: what does not fit 32 bits is refused`, (t) => {
    const to = i.label('to');
    for (const imm of [0x8000_0000, 0xffff_ffff, -0x8000_0001, 0.5])
      t.throws(() => forms.imm(1, imm, to), { instanceOf: RangeError });
    for (const imm of [0x1_0000_0000, -0x8000_0001, 0.5])
      t.throws(() => forms.imm32(1, imm, to), { instanceOf: RangeError });
  });
}

test('loads, stores, store immediates, atomic additions', (t) => {
  const at = (size: AccessSize, base: number, offset: number): string =>
    `*(u${8 * size} *)(r${base} ${offset < 0 ? '-' : '+'} ${Math.abs(offset)})`;
  agree(t, [
    ...SIZES.flatMap((size) => [
      ...REGISTERS.flatMap((d) =>
        REGISTERS.flatMap((s): Case[] => [
          [i.load(size, d, s, -4), `${size === 8 ? 'r' : 'w'}${d} = ${at(size, s, -4)}`],
          [i.store(size, d, 12, s), `${at(size, d, 12)} = ${size === 8 ? 'r' : 'w'}${s}`],
        ]),
      ),
      ...S16.flatMap((offset): Case[] => [
        [i.load(size, 2, 3, offset), `${size === 8 ? 'r' : 'w'}2 = ${at(size, 3, offset)}`],
        [i.store(size, 10, offset, 6), `${at(size, 10, offset)} = ${size === 8 ? 'r' : 'w'}6`],
        [i.storeImm(size, 10, offset, 5), `${at(size, 10, offset)} = 5`],
      ]),
    ]),
    ...S32.flatMap((imm): Case[] => [
      [i.storeImm(4, 7, 0, imm), `${at(4, 7, 0)} = ${imm}`],
      [i.storeImm(8, 7, 0, imm), `${at(8, 7, 0)} = ${imm}`],
    ]),
    ...([4, 8] as const).flatMap((size) =>
      S16.map((offset): Case => {
        return [i.atomicAdd(size, 1, offset, 9), `lock ${at(size, 1, offset)} += ${size === 8 ? 'r' : 'w'}9`];
      }),
    ),
  ]);
});

test('offsets beyond 16 bits are refused', (t) => {
  for (const offset of [0x8000, -0x8001, 2 ** 40, 0.5, Number.NaN]) {
    const refused = { instanceOf: RangeError, message: /offset .* 16 signed bits/ };
    t.throws(() => i.load(4, 1, 2, offset), refused);
    t.throws(() => i.store(4, 1, offset, 2), refused);
    t.throws(() => i.storeImm(4, 1, offset, 2), refused);
    t.throws(() => i.atomicAdd(8, 1, offset, 2), refused);
  }
});

test('a stored immediate that does not fit the access is refused', (t) => {
  for (const imm of [0x8000_0000, 0xffff_ffff, -0x8000_0001, 0.5]) {
    for (const size of SIZES) t.throws(() => i.storeImm(size, 10, -8, imm), { instanceOf: RangeError });
  }
  t.throws(() => i.storeImm(1, 10, -8, 256), { instanceOf: RangeError }, '256 in a byte');
  t.throws(() => i.storeImm(1, 10, -8, -129), { instanceOf: RangeError }, '-129 in a byte');
  t.throws(() => i.storeImm(2, 10, -8, 0x1_0000), { instanceOf: RangeError }, '65536 in two bytes');
});

test('calls, exit and 64-bit immediates', (t) => {
  const wide = [
    0n,
    1n,
    0x7fff_ffffn,
    0x8000_0000n,
    0xffff_ffffn,
    1n << 32n,
    (1n << 63n) - 1n,
    1n << 63n,
    (1n << 64n) - 1n,
  ];
  agree(t, [
    ...[0, 1, 39, 211, 0x7fff_ffff].map((id): Case => [i.call(id), `call ${id}`]),
    [i.exit(), 'exit'],
    ...REGISTERS.map((d): Case => [i.loadImm64(d, 0x1122_3344_5566_7788n), `r${d} = 0x1122334455667788 ll`]),
    ...wide.map((value): Case => [i.loadImm64(4, value), `r4 = 0x${value.toString(16)} ll`]),
    ...[-1n, -2n, -(1n << 31n), -(1n << 63n)].map(
      (value): Case => [i.loadImm64(4, value), `r4 = ${value} ll`],
    ),
  ]);
  for (const value of [1n << 64n, -(1n << 63n) - 1n])
    t.throws(() => i.loadImm64(1, value), { instanceOf: RangeError, message: /64 bits/ });
  for (const id of [0x8000_0000, 1.5]) t.throws(() => i.call(id), { instanceOf: RangeError });
});

test('maps: the pseudo source of RFC 9669, section 5.4, and the relocation beside it', (t) => {
  const map = defineMap({ name: 'm', type: 'array', key: u32, value: u64, maxEntries: 1 });
  const { code, relocations } = assemble({ name: 'maps', type: 'xdp' }, [
    i.loadMap(3, map),
    i.loadMapValue(4, map, 0),
    i.loadMapValue(5, map, 0xffff_ffff),
    i.exit(),
  ]);
  const [first, second] = ['1813000000000000', '1824000000000000'];
  const zero = '0000000000000000';
  t.deepEqual(hex(code), [
    first,
    zero,
    second,
    zero,
    '1825000000000000',
    '00000000ffffffff',
    '9500000000000000',
  ]);
  t.deepEqual(relocations, [
    { index: 0, map },
    { index: 2, map, valueOffset: 0 },
    { index: 4, map, valueOffset: 0xffff_ffff },
  ]);
});

test('an offset into a map value that is no unsigned 32-bit integer is refused', (t) => {
  const map = defineMap({ name: 'm', type: 'array', key: u32, value: u64, maxEntries: 1 });
  for (const offset of [-1, 2 ** 32, 1.5]) {
    t.throws(() => i.loadMapValue(1, map, offset), { instanceOf: RangeError }, `${offset}`);
  }
});
