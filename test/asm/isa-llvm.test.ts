// The newer instructions against LLVM 19's assembler (what is older: instruction.test.ts), and LLVM's own wording of
// random programs read back. The text in the table is written by hand.

import test from 'ava';
import fc from 'fast-check';
import { encodeInstructions } from '../../src/asm/encoding.ts';
import {
  type AccessSize,
  assembleText,
  disassemble,
  type Instruction,
  instruction as i,
  type Register,
} from '../../src/asm/index.ts';
import { llvmAssemble, llvmDisassemble } from './support/llvm.ts';
import { arithmetic, jumps, memory, wide } from './text/support/arbitrary.ts';

type Case = readonly [Instruction, string];

const REGISTERS: readonly Register[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
const S16 = [-0x8000, -8, -1, 0, 1, 8, 0x7fff];
const S32 = [-0x8000_0000, -1, 0, 1, 0x7fff_ffff];

const hex = (bytes: Uint8Array): string[] =>
  Array.from({ length: bytes.length / 8 }, (_, n) =>
    Buffer.from(bytes.subarray(8 * n, 8 * n + 8)).toString('hex'),
  );

const at = (size: AccessSize, base: number, offset: number, kind = 'u'): string =>
  `(${kind}${8 * size} *)(r${base} ${offset < 0 ? '-' : '+'} ${Math.abs(offset)})`;

const signed: readonly Case[] = [
  ...REGISTERS.flatMap((d): Case[] => [
    [i.sdiv.reg(d, 4), `r${d} s/= r4`],
    [i.smod.reg(d, 4), `r${d} s%= r4`],
    [i.sdiv.reg32(d, 4), `w${d} s/= w4`],
    [i.smod.reg32(d, 4), `w${d} s%= w4`],
    [i.movsx.reg(d, 4, 8), `r${d} = (s8)r4`],
    [i.movsx.reg(d, 4, 16), `r${d} = (s16)r4`],
    [i.movsx.reg(d, 4, 32), `r${d} = (s32)r4`],
    [i.movsx.reg32(d, 4, 8), `w${d} = (s8)w4`],
    [i.movsx.reg32(d, 4, 16), `w${d} = (s16)w4`],
  ]),
  ...S32.flatMap((imm): Case[] => [
    [i.sdiv.imm(3, imm), `r3 s/= ${imm}`],
    [i.smod.imm(3, imm), `r3 s%= ${imm}`],
    [i.sdiv.imm32(3, imm), `w3 s/= ${imm}`],
    [i.smod.imm32(3, imm), `w3 s%= ${imm}`],
  ]),
  [i.addrSpaceCast(1, 2, 0, 1), 'r1 = addr_space_cast(r2, 0x0, 0x1)'],
  [i.addrSpaceCast(1, 2, 1, 0), 'r1 = addr_space_cast(r2, 0x1, 0x0)'],
];

const loads: readonly Case[] = S16.flatMap((offset): Case[] => [
  ...([1, 2, 4] as const).map(
    (size): Case => [i.loadSigned(size, 2, 3, offset), `r2 = *${at(size, 3, offset, 's')}`],
  ),
]);

const ATOMICS = [
  [i.atomicAdd, i.atomicFetchAdd, '+=', 'add'],
  [i.atomicOr, i.atomicFetchOr, '|=', 'or'],
  [i.atomicAnd, i.atomicFetchAnd, '&=', 'and'],
  [i.atomicXor, i.atomicFetchXor, '^=', 'xor'],
] as const;

const atomics: readonly Case[] = S16.flatMap((offset): Case[] => [
  ...([4, 8] as const).flatMap((size) => {
    const r = size === 8 ? 'r' : 'w';
    return [
      ...ATOMICS.flatMap(([make, fetch, sign, name]): Case[] => [
        [make(size, 1, offset, 9), `lock *${at(size, 1, offset)} ${sign} ${r}9`],
        [fetch(size, 1, offset, 9), `${r}9 = atomic_fetch_${name}(${at(size, 1, offset)}, ${r}9)`],
      ]),
    ];
  }),
  [i.atomicExchange(8, 1, offset, 9), `r9 = xchg_64(${bracket(1, offset)}, r9)`],
  [i.atomicExchange(4, 1, offset, 9), `w9 = xchg32_32(${bracket(1, offset)}, w9)`],
  [i.atomicCompareExchange(8, 1, offset, 9), `r0 = cmpxchg_64(${bracket(1, offset)}, r0, r9)`],
  [i.atomicCompareExchange(4, 1, offset, 9), `w0 = cmpxchg32_32(${bracket(1, offset)}, w0, w9)`],
]);

function bracket(base: number, offset: number): string {
  return `r${base} ${offset < 0 ? '-' : '+'} ${Math.abs(offset)}`;
}

const far: readonly Case[] = [
  ...S16.flatMap((distance): Case[] => {
    const to = distance < 0 ? `${distance}` : `+${distance}`;
    return [
      [i.ja(distance), `goto ${to}`],
      // LLVM 19 reads no more than 16 bits here, whatever the instruction holds.
      [i.ja32(distance), `gotol ${to}`],
      [i.mayGoto(distance), `may_goto ${to}`],
      [i.jset.imm(1, 2, distance), `if r1 & 2 goto ${to}`],
      [i.jset.reg32(1, 2, distance), `if w1 & w2 goto ${to}`],
    ];
  }),
  ...REGISTERS.map((d): Case => [i.callIndirect(d), `callx r${d}`]),
];

const legacy: readonly Case[] = ([1, 2, 4] as const).flatMap((size): Case[] => [
  ...S32.filter((imm) => imm >= 0).map(
    (imm): Case => [i.loadAbsolute(size, imm), `r0 = *(u${8 * size} *)skb[${imm}]`],
  ),
  ...REGISTERS.map((s): Case => [i.loadIndirect(size, s, 0), `r0 = *(u${8 * size} *)skb[r${s}]`]),
]);

for (const [name, cases] of Object.entries({ signed, loads, atomics, far, legacy })) {
  test(`${name}: the bytes are LLVM's, and its text is read`, (t) => {
    const texts = cases.map(([, text]) => text);
    const theirs = hex(llvmAssemble(texts));
    const show = (units: readonly string[]): string[] => units.map((unit, n) => `${unit}  ${texts[n]}`);
    t.deepEqual(show(hex(encodeInstructions(cases.map(([instruction]) => instruction)))), show(theirs));
    t.deepEqual(show(hex(assembleText(texts.join('\n')).code)), show(theirs));
  });
}

/** What LLVM 19 has no word for, or one that says less than the bytes. */
const unsaid = (instruction: Instruction): boolean =>
  /acquire|release|gotox|\.quad|kernel-function|call pc|subprog|map\[|btf\[|skb\[r\d+ \+ (?!0\])/.test(
    disassemble(instruction),
  );

test("LLVM's listing of random programs, read back", (t) => {
  const any = fc.oneof(arithmetic, jumps, memory, wide).filter((instruction) => !unsaid(instruction));
  const instructions = fc.sample(any, { numRuns: 3000, seed: 9669 });
  const code = encodeInstructions(instructions);
  const listing = llvmDisassemble(code);
  t.is(listing.length, instructions.length);
  const wrong = listing.flatMap((text, n) => {
    const wanted = Buffer.from(encodeInstructions([instructions[n]!])).toString('hex');
    const found = Buffer.from(assembleText(text).code).toString('hex');
    return wanted === found ? [] : [`${text}: ${found}, not ${wanted} (${disassemble(instructions[n]!)})`];
  });
  t.deepEqual(wrong, []);
});
