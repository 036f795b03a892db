// Which operation of the interpreter stands for which opcode of the kernel: one table for each family.

import { ALU, CALL, JMP } from '../../asm/index.ts';
import { BINARY, COMPARE, CONTROL, FAMILY, UNARY } from './operation.ts';

type Table = ReadonlyMap<number, number>;

export const BINARIES: Table = new Map([
  [ALU.ADD, BINARY.ADD],
  [ALU.SUB, BINARY.SUB],
  [ALU.AND, BINARY.AND],
  [ALU.OR, BINARY.OR],
  [ALU.XOR, BINARY.XOR],
  [ALU.LSH, BINARY.LSH],
  [ALU.RSH, BINARY.RSH],
  [ALU.ARSH, BINARY.ARSH],
  [ALU.MUL, BINARY.MUL],
  [ALU.DIV, BINARY.DIV],
  [ALU.MOD, BINARY.MOD],
]);
export const SIGNED: Table = new Map([
  [BINARY.DIV, BINARY.SDIV],
  [BINARY.MOD, BINARY.SMOD],
]);
export const COMPARES: Table = new Map([
  [JMP.JEQ, COMPARE.EQ],
  [JMP.JNE, COMPARE.NE],
  [JMP.JGT, COMPARE.GT],
  [JMP.JGE, COMPARE.GE],
  [JMP.JLT, COMPARE.LT],
  [JMP.JLE, COMPARE.LE],
  [JMP.JSGT, COMPARE.SGT],
  [JMP.JSGE, COMPARE.SGE],
  [JMP.JSLT, COMPARE.SLT],
  [JMP.JSLE, COMPARE.SLE],
  [JMP.JSET, COMPARE.SET],
]);
export const CALLS: Table = new Map([
  [CALL.HELPER, CONTROL.HELPER],
  [CALL.KFUNC, CONTROL.KFUNC],
]);
export const SWAPS: Table = new Map([
  [16, UNARY.SWAP16],
  [32, UNARY.SWAP32],
  [64, UNARY.SWAP64],
]);
export const KEEPS: Table = new Map([
  [16, UNARY.KEEP16],
  [32, UNARY.KEEP32],
  [64, UNARY.KEEP64],
]);
/** `offset` of a MOV: how many bits are extended. */
export const EXTENSIONS64: Table = new Map([
  [8, UNARY.SX8],
  [16, UNARY.SX16],
  [32, UNARY.SX32],
]);
export const EXTENSIONS32: Table = new Map([
  [8, UNARY.SX8W],
  [16, UNARY.SX16W],
]);
export const LOADS: Table = new Map([
  [1, FAMILY.LOAD1],
  [2, FAMILY.LOAD2],
  [4, FAMILY.LOAD4],
  [8, FAMILY.LOAD8],
]);
export const STORES: Table = new Map([
  [1, FAMILY.STORE1],
  [2, FAMILY.STORE2],
  [4, FAMILY.STORE4],
  [8, FAMILY.STORE8],
]);
