// Arithmetic: ALU and ALU64 (RFC 9669, section 4.1), byte swaps (4.2), and the kernel's address space cast.
// A 32-bit form works on the lower half of its registers and leaves zeros in the upper half of rD.

import { ADDR_SPACE_CAST, ALU, CLASS, DIVISION, type Register, SOURCE } from '../isa.ts';
import { asBits32, build, type Instruction } from './base.ts';

/** The four forms of an operation with two operands. */
export interface Binary {
  /** `rD op= imm`, the immediate sign-extended to 64 bits. */
  imm(dst: Register, imm: number): Instruction;
  /** `rD op= rS` */
  reg(dst: Register, src: Register): Instruction;
  /** `wD op= imm`: 32 bits, the upper half of rD becomes zero. */
  imm32(dst: Register, imm: number): Instruction;
  /** `wD op= wS` */
  reg32(dst: Register, src: Register): Instruction;
}

const binary = (operation: number, offset = 0): Binary => ({
  imm: (dst, imm) => build(CLASS.ALU64 | SOURCE.K | operation, dst, 0, offset, imm),
  reg: (dst, src) => build(CLASS.ALU64 | SOURCE.X | operation, dst, src, offset, 0),
  imm32: (dst, imm) => build(CLASS.ALU | SOURCE.K | operation, dst, 0, offset, asBits32(imm)),
  reg32: (dst, src) => build(CLASS.ALU | SOURCE.X | operation, dst, src, offset, 0),
});

/** `rD = ...` */
export const mov: Binary = binary(ALU.MOV);
/** `rD += ...` */
export const add: Binary = binary(ALU.ADD);
/** `rD -= ...` */
export const sub: Binary = binary(ALU.SUB);
/** `rD *= ...` */
export const mul: Binary = binary(ALU.MUL);
/** `rD /= ...`, unsigned; by zero gives zero. */
export const div: Binary = binary(ALU.DIV);
/** `rD %= ...`, unsigned; by zero leaves rD. */
export const mod: Binary = binary(ALU.MOD);
/** `rD s/= ...`, signed, towards zero; by zero gives zero, the least number by -1 gives itself. Since Linux 6.6. */
export const sdiv: Binary = binary(ALU.DIV, DIVISION.SIGNED);
/** `rD s%= ...`, the sign of rD; by zero leaves rD, the least number by -1 gives zero. Since Linux 6.6. */
export const smod: Binary = binary(ALU.MOD, DIVISION.SIGNED);
/** `rD |= ...` */
export const or: Binary = binary(ALU.OR);
/** `rD &= ...` */
export const and: Binary = binary(ALU.AND);
/** `rD ^= ...` */
export const xor: Binary = binary(ALU.XOR);
/** `rD <<= ...` */
export const lsh: Binary = binary(ALU.LSH);
/** `rD >>= ...`, zeros come in from above. */
export const rsh: Binary = binary(ALU.RSH);
/** `rD s>>= ...`, the sign comes in from above. */
export const arsh: Binary = binary(ALU.ARSH);

/** Moves that extend the sign of the low `bits` bits. Since Linux 6.6. */
export interface SignExtend {
  /** `rD = (sN)rS` */
  reg(dst: Register, src: Register, bits: 8 | 16 | 32): Instruction;
  /** `wD = (sN)wS` */
  reg32(dst: Register, src: Register, bits: 8 | 16): Instruction;
}

export const movsx: SignExtend = {
  reg: (dst, src, bits) => build(CLASS.ALU64 | SOURCE.X | ALU.MOV, dst, src, oneOf(bits, 8, 16, 32), 0),
  reg32: (dst, src, bits) => build(CLASS.ALU | SOURCE.X | ALU.MOV, dst, src, oneOf(bits, 8, 16), 0),
};

/** `rD = -rD` */
export const neg = (dst: Register): Instruction => build(CLASS.ALU64 | ALU.NEG, dst, 0, 0, 0);
/** `wD = -wD` */
export const neg32 = (dst: Register): Instruction => build(CLASS.ALU | ALU.NEG, dst, 0, 0, 0);

const swap =
  (opcode: number) =>
  (dst: Register, bits: 16 | 32 | 64): Instruction =>
    build(opcode | ALU.END, dst, 0, 0, oneOf(bits, 16, 32, 64));

/** `rD = beN rD`: to or from network byte order, keeping the low `bits` bits. */
export const be: (dst: Register, bits: 16 | 32 | 64) => Instruction = swap(CLASS.ALU | SOURCE.X);
/** `rD = leN rD`: to or from little-endian byte order. */
export const le: (dst: Register, bits: 16 | 32 | 64) => Instruction = swap(CLASS.ALU | SOURCE.K);
/** `rD = bswapN rD`: bytes reversed whatever the machine. Since Linux 6.6. */
export const bswap: (dst: Register, bits: 16 | 32 | 64) => Instruction = swap(CLASS.ALU64 | SOURCE.K);

const MAX_ADDRESS_SPACE = 0xffff;

/**
 * `rD = addr_space_cast(rS, to, from)`: a pointer into another address space; the kernel knows 0 (its own) and
 * 1 (an arena's). Since Linux 6.9.
 */
export function addrSpaceCast(dst: Register, src: Register, to: number, from: number): Instruction {
  for (const space of [to, from]) {
    if (!Number.isInteger(space) || space < 0 || space > MAX_ADDRESS_SPACE)
      throw new RangeError(`address space ${space} does not fit into 16 unsigned bits`);
  }
  return build(CLASS.ALU64 | SOURCE.X | ALU.MOV, dst, src, ADDR_SPACE_CAST, (to << 16) | from);
}

/** The constants above are also reached from JavaScript and from text. */
function oneOf(bits: number, ...allowed: number[]): number {
  if (!allowed.includes(bits)) throw new RangeError(`width ${bits}: one of ${allowed.join(', ')}`);
  return bits;
}
