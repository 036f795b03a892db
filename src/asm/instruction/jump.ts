// Jumps, calls and exit: JMP and JMP32 (RFC 9669, section 4.3), and what the kernel added (`may_goto`, `gotox`).
// Distances count 8-byte units from the instruction after the jump.

import { CALL, CLASS, JCOND, JMP, type Register, SOURCE } from '../isa.ts';
import { asBits32, build, buildFarJump, buildJump, type Instruction, type Target } from './base.ts';

/** The four forms of a conditional jump. */
export interface Jump {
  /** `if rD op imm goto target`, the immediate sign-extended to 64 bits. */
  imm(dst: Register, imm: number, target: Target): Instruction;
  /** `if rD op rS goto target` */
  reg(dst: Register, src: Register, target: Target): Instruction;
  /** `if wD op imm goto target`. JMP32: since Linux 5.1. */
  imm32(dst: Register, imm: number, target: Target): Instruction;
  /** `if wD op wS goto target` */
  reg32(dst: Register, src: Register, target: Target): Instruction;
}

const jump = (operation: number): Jump => ({
  imm: (dst, imm, target) => buildJump(CLASS.JMP | SOURCE.K | operation, dst, 0, imm, target),
  reg: (dst, src, target) => buildJump(CLASS.JMP | SOURCE.X | operation, dst, src, 0, target),
  imm32: (dst, imm, target) => buildJump(CLASS.JMP32 | SOURCE.K | operation, dst, 0, asBits32(imm), target),
  reg32: (dst, src, target) => buildJump(CLASS.JMP32 | SOURCE.X | operation, dst, src, 0, target),
});

export const jeq: Jump = jump(JMP.JEQ);
export const jne: Jump = jump(JMP.JNE);
/** Unsigned, as are jge, jlt and jle. */
export const jgt: Jump = jump(JMP.JGT);
export const jge: Jump = jump(JMP.JGE);
export const jlt: Jump = jump(JMP.JLT);
export const jle: Jump = jump(JMP.JLE);
/** Signed, as are jsge, jslt and jsle. */
export const jsgt: Jump = jump(JMP.JSGT);
export const jsge: Jump = jump(JMP.JSGE);
export const jslt: Jump = jump(JMP.JSLT);
export const jsle: Jump = jump(JMP.JSLE);
/** `if rD & x goto target` */
export const jset: Jump = jump(JMP.JSET);

/** `goto target`: 16 bits; where a label is further away, assembling makes it a `gotol`. */
export const ja = (target: Target): Instruction => buildJump(CLASS.JMP | JMP.JA, 0, 0, 0, target);
/** `gotol target`: 32 bits. Since Linux 6.6. */
export const ja32 = (target: Target): Instruction => buildFarJump(CLASS.JMP32 | JMP.JA, 0, target);
/** `may_goto target`: jumps once the kernel thinks the program has looped enough. Since Linux 6.9. */
export const mayGoto = (target: Target): Instruction =>
  buildJump(CLASS.JMP | JMP.JCOND, 0, JCOND.MAY_GOTO, 0, target);
/** `gotox rD`: to the address in rD, taken from a map of instruction addresses. Newer than Linux 6.18. */
export const jaIndirect = (dst: Register): Instruction => build(CLASS.JMP | SOURCE.X | JMP.JA, dst, 0, 0, 0);

/** `call helper#id` */
export const call = (helper: number): Instruction => build(CLASS.JMP | JMP.CALL, 0, CALL.HELPER, 0, helper);
/** `call pc+N`: a function of the same program. */
export const callLocal = (target: Target): Instruction =>
  buildFarJump(CLASS.JMP | JMP.CALL, CALL.LOCAL, target);
/**
 * `call kernel-function#id`: a kernel function by its BTF id; `fdIndex` is the place of its module's BTF in the
 * `fd_array` of BPF_PROG_LOAD, 0 for the kernel itself. Since Linux 5.13 (5.16 for modules).
 */
export const callKernel = (btfId: number, fdIndex = 0): Instruction =>
  build(CLASS.JMP | JMP.CALL, 0, CALL.KFUNC, fdIndex, btfId);
/** `callx rD`: the helper whose number (or the function whose address) is in rD. Interpreters only: Linux refuses it. */
export const callIndirect = (dst: Register): Instruction =>
  build(CLASS.JMP | SOURCE.X | JMP.CALL, dst, 0, 0, 0);
/** `exit`: returns r0. */
export const exit = (): Instruction => build(CLASS.JMP | JMP.EXIT, 0, 0, 0, 0);
