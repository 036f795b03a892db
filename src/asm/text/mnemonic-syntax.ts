// The statements of the conformance suite's syntax: a mnemonic and its operands (`add32 %r0, 1`, `ldxw %r0, [%r1+4]`).
// An immediate is taken as 32 bits here, signed or not: the suite writes 0x80000000 for what is sign-extended.

import type { Instruction } from '../instruction.ts';
import * as make from '../instruction.ts';
import type { AccessSize, Register } from '../isa.ts';
import type { Cursor } from './cursor.ts';
import { atomicNamed } from './memory.ts';
import { bits32, bits32Or64, bits64, distance32, numeral } from './number.ts';
import { type Address, address, atRegister, registerOf, target } from './operand.ts';
import type { Scope } from './scope.ts';

type Operands = (cursor: Cursor, scope: Scope) => Instruction;

/** `%r1`; the sign may be left out. */
function reg(cursor: Cursor): Register {
  cursor.take('%');
  return registerOf(cursor, 'r');
}

const atReg = (cursor: Cursor): boolean => cursor.at('%') || atRegister(cursor);

/** `[%r1+2]` */
function memory(cursor: Cursor): Address {
  cursor.expect('[');
  cursor.take('%');
  const at = address(cursor);
  cursor.expect(']');
  return at;
}

const then = <T>(cursor: Cursor, read: (cursor: Cursor) => T): T => {
  cursor.expect(',');
  return read(cursor);
};

function immediate(cursor: Cursor, bits: 32 | 64): number {
  const value = numeral(cursor, 'a register or a number');
  return bits === 64 ? bits32Or64(value) : bits32(value);
}

const binary =
  (forms: make.Binary, bits: 32 | 64): Operands =>
  (cursor) => {
    const dst = reg(cursor);
    cursor.expect(',');
    if (atReg(cursor)) return bits === 64 ? forms.reg(dst, reg(cursor)) : forms.reg32(dst, reg(cursor));
    const imm = immediate(cursor, bits);
    return bits === 64 ? forms.imm(dst, imm) : forms.imm32(dst, imm);
  };

const jump =
  (forms: make.Jump, bits: 32 | 64): Operands =>
  (cursor, scope) => {
    const dst = reg(cursor);
    cursor.expect(',');
    const src = atReg(cursor) ? reg(cursor) : undefined;
    const imm = src === undefined ? immediate(cursor, bits) : 0;
    cursor.expect(',');
    const to = target(cursor, scope, 16);
    if (src !== undefined) return bits === 64 ? forms.reg(dst, src, to) : forms.reg32(dst, src, to);
    return bits === 64 ? forms.imm(dst, imm, to) : forms.imm32(dst, imm, to);
  };

const BINARY = {
  ...{ add: make.add, sub: make.sub, mul: make.mul, div: make.div, mod: make.mod },
  ...{ sdiv: make.sdiv, smod: make.smod, or: make.or, and: make.and, xor: make.xor },
  ...{ lsh: make.lsh, rsh: make.rsh, arsh: make.arsh, mov: make.mov },
};
const JUMPS = {
  ...{ jeq: make.jeq, jne: make.jne, jgt: make.jgt, jge: make.jge, jlt: make.jlt, jle: make.jle },
  ...{ jsgt: make.jsgt, jsge: make.jsge, jslt: make.jslt, jsle: make.jsle, jset: make.jset },
};
const SWAPS = { be: make.be, le: make.le, bswap: make.bswap, swap: make.bswap };
const SIZES: readonly (readonly [string, AccessSize])[] = [
  ['b', 1],
  ['h', 2],
  ['w', 4],
  ['dw', 8],
];
const NARROW = SIZES.slice(0, 3) as readonly (readonly [string, 1 | 2 | 4])[];

const MNEMONICS: ReadonlyMap<string, Operands> = new Map<string, Operands>([
  ...Object.entries(BINARY).flatMap(([name, forms]): [string, Operands][] => [
    [name, binary(forms, 64)],
    [`${name}64`, binary(forms, 64)],
    [`${name}32`, binary(forms, 32)],
  ]),
  ...Object.entries(JUMPS).flatMap(([name, forms]): [string, Operands][] => [
    [name, jump(forms, 64)],
    [`${name}64`, jump(forms, 64)],
    [`${name}32`, jump(forms, 32)],
  ]),
  ...Object.entries(SWAPS).flatMap(([name, swap]) =>
    ([16, 32, 64] as const).map((bits): [string, Operands] => [
      `${name}${bits}`,
      (cursor) => swap(reg(cursor), bits),
    ]),
  ),
  ['neg', (cursor) => make.neg(reg(cursor))],
  ['neg64', (cursor) => make.neg(reg(cursor))],
  ['neg32', (cursor) => make.neg32(reg(cursor))],
  ...([8, 16, 32] as const).map((bits): [string, Operands] => [
    `movsx${bits}64`,
    (cursor) => make.movsx.reg(reg(cursor), then(cursor, reg), bits),
  ]),
  ...([8, 16] as const).map((bits): [string, Operands] => [
    `movsx${bits}32`,
    (cursor) => make.movsx.reg32(reg(cursor), then(cursor, reg), bits),
  ]),
  ['ja', (cursor, scope) => make.ja(target(cursor, scope, 16))],
  ['ja32', (cursor, scope) => make.ja32(target(cursor, scope, 32))],
  ['lddw', (cursor) => make.loadImm64(reg(cursor), bits64(then(cursor, numeral)))],
  ...SIZES.flatMap(([suffix, size]): [string, Operands][] => [
    [
      `ldx${suffix}`,
      (cursor) => {
        const dst = reg(cursor);
        const { base, offset } = then(cursor, memory);
        return make.load(size, dst, base, offset);
      },
    ],
    [
      `stx${suffix}`,
      (cursor) => {
        const { base, offset } = memory(cursor);
        return make.store(size, base, offset, then(cursor, reg));
      },
    ],
    [
      `st${suffix}`,
      (cursor) => {
        const { base, offset } = memory(cursor);
        const imm = bits32(then(cursor, numeral));
        // Any 32 bits: the machine stores the low ones.
        return { ...make.storeImm(size, base, offset, 0), imm };
      },
    ],
  ]),
  ...NARROW.flatMap(([suffix, size]): [string, Operands][] => [
    [
      `ldxs${suffix}`,
      (cursor) => {
        const dst = reg(cursor);
        const { base, offset } = then(cursor, memory);
        return make.loadSigned(size, dst, base, offset);
      },
    ],
    [`ldabs${suffix}`, (cursor) => make.loadAbsolute(size, distance32(numeral(cursor)))],
    [`ldind${suffix}`, (cursor) => make.loadIndirect(size, reg(cursor), distance32(then(cursor, numeral)))],
  ]),
  ['lock', locked],
]);

const EXCHANGES: ReadonlyMap<string, make.Atomic> = new Map([
  ['xchg', make.atomicExchange],
  ['cmpxchg', make.atomicCompareExchange],
]);

/** `[fetch] add32 [%r10-8], %r1` behind `lock`. */
function locked(cursor: Cursor): Instruction {
  const fetch = cursor.take('fetch');
  const [, name = '', bits] = /^([a-z]+)(32|64)?$/.exec(cursor.peek()?.text ?? '') ?? [];
  const atomic = EXCHANGES.get(name) ?? atomicNamed(name, fetch);
  if (!atomic) throw cursor.unexpected('one of add, or, and, xor, xchg, cmpxchg');
  cursor.skip(1);
  const { base, offset } = memory(cursor);
  return atomic(bits === '32' ? 4 : 8, base, offset, then(cursor, reg));
}

/** Reads a statement, if it is one of this syntax. */
export function mnemonicStatement(cursor: Cursor, scope: Scope): readonly Instruction[] | undefined {
  const operands = MNEMONICS.get(cursor.peek()?.text ?? '');
  if (!operands) return undefined;
  cursor.skip(1);
  return [operands(cursor, scope)];
}
