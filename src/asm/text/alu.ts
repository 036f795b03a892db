// What stands behind `rD op`: arithmetic, moves, byte swaps and wide immediates in the kernel's and LLVM's syntax.

import type { Instruction } from '../instruction.ts';
import * as make from '../instruction.ts';
import { ALU, type Register } from '../isa.ts';
import type { Cursor } from './cursor.ts';
import { TextError } from './error.ts';
import { atNumeral, bits32, bits64, type Numeral, numeral, signed32, unsigned } from './number.ts';
import { atRegister, type RegisterOperand, registerOf } from './operand.ts';
import { ALU_SIGNS } from './signs.ts';

const BINARY: ReadonlyMap<number, make.Binary> = new Map([
  [ALU.ADD, make.add],
  [ALU.SUB, make.sub],
  [ALU.MUL, make.mul],
  [ALU.DIV, make.div],
  [ALU.OR, make.or],
  [ALU.AND, make.and],
  [ALU.LSH, make.lsh],
  [ALU.RSH, make.rsh],
  [ALU.MOD, make.mod],
  [ALU.XOR, make.xor],
  [ALU.MOV, make.mov],
  [ALU.ARSH, make.arsh],
]);

/** The operator that stands here, with the constructors it stands for. */
function operator(cursor: Cursor): make.Binary {
  if (cursor.take('s/=')) return make.sdiv;
  if (cursor.take('s%=')) return make.smod;
  const operation = ALU_SIGNS.meaning.get(cursor.peek()?.text ?? '');
  const forms = operation === undefined ? undefined : BINARY.get(operation);
  if (!forms) throw cursor.unexpected('an operator such as = or +=');
  cursor.skip(1);
  return forms;
}

/** `op rS` or `op imm` behind a register, `=` excepted. */
export function arithmetic(cursor: Cursor, dst: RegisterOperand): Instruction {
  const forms = operator(cursor);
  if (atRegister(cursor)) return withRegister(forms, dst, cursor);
  return withImmediate(forms, dst, numeral(cursor, 'a register or a number'));
}

function withRegister(forms: make.Binary, dst: RegisterOperand, cursor: Cursor): Instruction {
  const src = registerOf(cursor, dst.width);
  return dst.width === 'r' ? forms.reg(dst.number, src) : forms.reg32(dst.number, src);
}

function withImmediate(forms: make.Binary, dst: RegisterOperand, value: Numeral): Instruction {
  if (dst.width === 'w') return forms.imm32(dst.number, bits32(value));
  return forms.imm(dst.number, signed32(value));
}

/** `rD = imm`, `rD = rS`, `rD = -rD`, `rD = (s8)rS`; undefined where something else stands behind the `=`. */
export function move(cursor: Cursor, dst: RegisterOperand, listedOpcode?: number): Instruction | undefined {
  if (cursor.at('-') && atRegister(cursor, 1)) {
    cursor.skip(1);
    registerOf(cursor, dst.width, dst.number);
    return dst.width === 'r' ? make.neg(dst.number) : make.neg32(dst.number);
  }
  if (atRegister(cursor)) return withRegister(make.mov, dst, cursor);
  if (atNumeral(cursor)) return immediate(cursor, dst, listedOpcode);
  if (cursor.at('(')) return signExtension(cursor, dst);
  return swap(cursor, dst);
}

const LD_IMM64 = 0x18;

/**
 * A number with LLVM's `ll`, or one that the kernel lists with the opcode of `ld_imm64`, takes two units; so does one
 * that a 32-bit immediate cannot say. Any other is a `mov`.
 */
function immediate(cursor: Cursor, dst: RegisterOperand, listedOpcode: number | undefined): Instruction {
  const value = numeral(cursor);
  const long = cursor.take('ll') || listedOpcode === LD_IMM64;
  if (dst.width === 'w') {
    if (long)
      throw new TextError('SYNTAX', `expected r${dst.number}: a 64-bit immediate fills all of it`, value);
    return make.mov.imm32(dst.number, bits32(value));
  }
  if (long || (value.value > 0xffff_ffffn && value.value < 0xffff_ffff_8000_0000n)) {
    return make.loadImm64(dst.number, bits64(value));
  }
  return withImmediate(make.mov, dst, value);
}

function signExtension(cursor: Cursor, dst: RegisterOperand): Instruction {
  cursor.expect('(');
  const bits = ([8, 16, 32] as const).find((bits) => cursor.take(`s${bits}`));
  if (!bits || (bits === 32 && dst.width === 'w')) {
    throw cursor.unexpected(dst.width === 'r' ? 's8, s16 or s32' : 's8 or s16');
  }
  cursor.expect(')');
  const src = registerOf(cursor, dst.width);
  return dst.width === 'r' || bits === 32
    ? make.movsx.reg(dst.number, src, bits)
    : make.movsx.reg32(dst.number, src, bits);
}

export type Swap = (dst: Register, bits: 16 | 32 | 64) => Instruction;

const SWAPS: ReadonlyMap<string, readonly [Swap, 16 | 32 | 64]> = new Map(
  Object.entries({ be: make.be, le: make.le, bswap: make.bswap }).flatMap(([name, swap]) =>
    ([16, 32, 64] as const).map((bits) => [`${name}${bits}`, [swap, bits]] as const),
  ),
);

function swap(cursor: Cursor, dst: RegisterOperand): Instruction | undefined {
  const [make, bits] = SWAPS.get(cursor.peek()?.text ?? '') ?? [];
  if (!make || !bits) return undefined;
  if (dst.width === 'w') throw cursor.unexpected('a number or a register w0 to w10');
  cursor.skip(1);
  registerOf(cursor, 'r', dst.number);
  return make(dst.number, bits);
}

/** `addr_space_cast(rS, 0, 1)`, the name taken already. */
export function addressSpaceCast(cursor: Cursor, dst: Register): Instruction {
  cursor.expect('(');
  const src = registerOf(cursor, 'r');
  cursor.expect(',');
  const to = unsigned(numeral(cursor), 16);
  cursor.expect(',');
  const from = unsigned(numeral(cursor), 16);
  cursor.expect(')');
  return make.addrSpaceCast(dst, src, Number(to), Number(from));
}
