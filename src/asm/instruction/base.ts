// What an instruction is: one flat immutable value, and the checks every constructor puts its numbers through.
// An immediate, offset or register that does not fit is refused, never truncated.

import { FRAME_POINTER, type Register } from '../isa.ts';
import type { MapSpec } from '../program.ts';
import type { Site } from '../source.ts';

/** A place in a program. Its identity is the object: a name is only for people. */
export interface Label {
  readonly name: string;
}

export const label = (name: string): Label => ({ name });

/** Where a jump or call goes: a label, or the distance in 8-byte units from the instruction after it. */
export type Target = Label | number;

/** One instruction. `wide` is set on `ld_imm64` only, which then takes two 8-byte units. */
export interface Instruction {
  readonly opcode: number;
  readonly dst: number;
  readonly src: number;
  /** Signed 16 bits; for a jump with a `target` it is filled in when the program is assembled. */
  readonly offset: number;
  /** Signed 32 bits; for a `gotol` or local call with a `target` it is filled in when the program is assembled. */
  readonly imm: number;
  /** Unsigned 64-bit immediate of a `ld_imm64`. */
  readonly wide?: bigint;
  /** The map whose descriptor a `ld_imm64` stands for. */
  readonly map?: MapSpec;
  /** Where a jump or call goes, or the function whose address a `ld_imm64` stands for. */
  readonly target?: Label;
  /** What in the TypeScript source emitted it. */
  readonly site?: Site;
}

/** A program before its jumps are resolved: instructions, with labels standing before what they name. */
export type Item = Instruction | { readonly place: Label };

export const MIN_S16 = -0x8000;
export const MAX_S16 = 0x7fff;
export const MIN_S32 = -0x8000_0000;
export const MAX_S32 = 0x7fff_ffff;
export const MAX_U32 = 0xffff_ffff;

/** @throws RangeError for anything that does not fit its field. */
export function build(opcode: number, dst: number, src: number, offset: number, imm: number): Instruction {
  requireRegister(dst);
  requireRegister(src);
  if (!Number.isInteger(offset) || offset < MIN_S16 || offset > MAX_S16) {
    throw new RangeError(`offset ${offset} does not fit into 16 signed bits`);
  }
  if (!Number.isInteger(imm) || imm < MIN_S32 || imm > MAX_S32) {
    throw new RangeError(`immediate ${imm} does not fit into 32 signed bits`);
  }
  return { opcode, dst, src, offset, imm };
}

function requireRegister(register: number): void {
  if (!Number.isInteger(register) || register < 0 || register > FRAME_POINTER) {
    throw new RangeError(`register ${register}: there are r0 to r${FRAME_POINTER}`);
  }
}

/** A jump whose distance is the 16-bit offset. */
export function buildJump(
  opcode: number,
  dst: Register,
  src: Register,
  imm: number,
  target: Target,
): Instruction {
  if (typeof target === 'number') return build(opcode, dst, src, target, imm);
  return { ...build(opcode, dst, src, 0, imm), target };
}

/** A jump or call whose distance is the 32-bit immediate. */
export function buildFarJump(opcode: number, src: number, target: Target): Instruction {
  if (typeof target === 'number') return build(opcode, 0, src, 0, target);
  return { ...build(opcode, 0, src, 0, 0), target };
}

/** 32-bit operations take an immediate as bits: 0xffffffff and -1 are the same. */
export const asBits32 = (imm: number): number =>
  Number.isInteger(imm) && imm > MAX_S32 && imm <= MAX_U32 ? imm | 0 : imm;

/** @throws RangeError when `value` is no unsigned 32-bit integer. */
export function requireU32(what: string, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > MAX_U32) {
    throw new RangeError(`${what} ${value} does not fit into 32 unsigned bits`);
  }
}
