// Instructions as flat immutable values, one constructor per form, each documented by the pseudo-code it emits.
// Every constructor checks its numbers: an immediate or offset that does not fit is refused, never truncated.

import { type AccessSize, ALU, CLASS, JMP, MODE, PSEUDO, type Register, SOURCE, sizeBits } from './isa.ts';
import type { MapSpec } from './program.ts';
import type { Site } from './source.ts';

/** A place in a program. Its identity is the object: a name is only for people. */
export interface Label {
  readonly name: string;
}

export const label = (name: string): Label => ({ name });

/** One instruction. `wide` is set on `ld_imm64` only, which then takes two 8-byte units. */
export interface Instruction {
  readonly opcode: number;
  readonly dst: number;
  readonly src: number;
  /** Signed 16 bits; for a jump with a `target` it is filled in when the program is assembled. */
  readonly offset: number;
  /** Signed 32 bits. */
  readonly imm: number;
  /** Unsigned 64-bit immediate of a `ld_imm64`. */
  readonly wide?: bigint;
  /** The map whose descriptor a `ld_imm64` stands for. */
  readonly map?: MapSpec;
  /** Where a jump goes. */
  readonly target?: Label;
  /** What in the TypeScript source emitted it. */
  readonly site?: Site;
}

/** A program before its jumps are resolved: instructions, with labels standing before what they name. */
export type Item = Instruction | { readonly place: Label };

/** `src` of a call of a function of the same program. */
const BPF_PSEUDO_CALL = 1;
const MIN_S16 = -0x8000;
const MAX_S16 = 0x7fff;
const MIN_S32 = -0x8000_0000;
const MAX_S32 = 0x7fff_ffff;
const MAX_U32 = 0xffff_ffff;

function build(opcode: number, dst: number, src: number, offset: number, imm: number): Instruction {
  if (!Number.isInteger(offset) || offset < MIN_S16 || offset > MAX_S16) {
    throw new RangeError(`offset ${offset} does not fit into 16 signed bits`);
  }
  if (!Number.isInteger(imm) || imm < MIN_S32 || imm > MAX_S32) {
    throw new RangeError(`immediate ${imm} does not fit into 32 signed bits`);
  }
  return { opcode, dst, src, offset, imm };
}

/** 32-bit operations take an immediate as bits: 0xffffffff and -1 are the same. */
const asBits32 = (imm: number): number => (imm > MAX_S32 && imm <= MAX_U32 ? imm | 0 : imm);

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

const binary = (operation: number): Binary => ({
  imm: (dst, imm) => build(CLASS.ALU64 | SOURCE.K | operation, dst, 0, 0, imm),
  reg: (dst, src) => build(CLASS.ALU64 | SOURCE.X | operation, dst, src, 0, 0),
  imm32: (dst, imm) => build(CLASS.ALU | SOURCE.K | operation, dst, 0, 0, asBits32(imm)),
  reg32: (dst, src) => build(CLASS.ALU | SOURCE.X | operation, dst, src, 0, 0),
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

/** `rD = -rD` */
export const neg = (dst: Register): Instruction => build(CLASS.ALU64 | ALU.NEG, dst, 0, 0, 0);
/** `wD = -wD` */
export const neg32 = (dst: Register): Instruction => build(CLASS.ALU | ALU.NEG, dst, 0, 0, 0);

/** `rD = beN rD`: to or from network byte order, keeping the low `bits` bits. */
export const be = (dst: Register, bits: 16 | 32 | 64): Instruction =>
  build(CLASS.ALU | SOURCE.X | ALU.END, dst, 0, 0, bits);
/** `rD = leN rD`: to or from little-endian byte order. */
export const le = (dst: Register, bits: 16 | 32 | 64): Instruction =>
  build(CLASS.ALU | SOURCE.K | ALU.END, dst, 0, 0, bits);
/** `rD = bswapN rD`: bytes reversed whatever the machine. Since Linux 6.6. */
export const bswap = (dst: Register, bits: 16 | 32 | 64): Instruction =>
  build(CLASS.ALU64 | SOURCE.K | ALU.END, dst, 0, 0, bits);

/** The four forms of a conditional jump. */
export interface Jump {
  /** `if rD op imm goto target` */
  imm(dst: Register, imm: number, target: Label): Instruction;
  /** `if rD op rS goto target` */
  reg(dst: Register, src: Register, target: Label): Instruction;
  /** `if wD op imm goto target` */
  imm32(dst: Register, imm: number, target: Label): Instruction;
  /** `if wD op wS goto target` */
  reg32(dst: Register, src: Register, target: Label): Instruction;
}

const jump = (operation: number): Jump => ({
  imm: (dst, imm, target) => ({ ...build(CLASS.JMP | SOURCE.K | operation, dst, 0, 0, imm), target }),
  reg: (dst, src, target) => ({ ...build(CLASS.JMP | SOURCE.X | operation, dst, src, 0, 0), target }),
  imm32: (dst, imm, target) => ({
    ...build(CLASS.JMP32 | SOURCE.K | operation, dst, 0, 0, asBits32(imm)),
    target,
  }),
  reg32: (dst, src, target) => ({ ...build(CLASS.JMP32 | SOURCE.X | operation, dst, src, 0, 0), target }),
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

/** `goto target` */
export const ja = (target: Label): Instruction => ({ ...build(CLASS.JMP | JMP.JA, 0, 0, 0, 0), target });
/** `call helper#id` */
export const call = (helper: number): Instruction => build(CLASS.JMP | JMP.CALL, 0, 0, 0, helper);
/** `call pc+N`: a function of the same program. */
export const callLocal = (target: Label): Instruction => ({
  ...build(CLASS.JMP | JMP.CALL, 0, BPF_PSEUDO_CALL, 0, 0),
  target,
});
/** `exit`: returns r0. */
export const exit = (): Instruction => build(CLASS.JMP | JMP.EXIT, 0, 0, 0, 0);

/** `rD = *(uN *)(rS + offset)`, zero-extended. */
export const load = (size: AccessSize, dst: Register, src: Register, offset: number): Instruction =>
  build(CLASS.LDX | MODE.MEM | sizeBits(size), dst, src, offset, 0);
/** `*(uN *)(rD + offset) = rS` */
export const store = (size: AccessSize, dst: Register, offset: number, src: Register): Instruction =>
  build(CLASS.STX | MODE.MEM | sizeBits(size), dst, src, offset, 0);
/** `*(uN *)(rD + offset) = imm`, sign-extended for 8 bytes. */
export const storeImm = (size: AccessSize, dst: Register, offset: number, imm: number): Instruction =>
  build(CLASS.ST | MODE.MEM | sizeBits(size), dst, 0, offset, imm);
/** `lock *(uN *)(rD + offset) += rS` */
export const atomicAdd = (size: 4 | 8, dst: Register, offset: number, src: Register): Instruction =>
  build(CLASS.STX | MODE.ATOMIC | sizeBits(size), dst, src, offset, ALU.ADD);

const LD_IMM64 = CLASS.LD | MODE.IMM | sizeBits(8);

/** `rD = imm ll`: any 64-bit value, two units long. */
export function loadImm64(dst: Register, value: bigint): Instruction {
  if (value < -(1n << 63n) || value >= 1n << 64n)
    throw new RangeError(`immediate ${value} does not fit into 64 bits`);
  return { ...build(LD_IMM64, dst, PSEUDO.IMM, 0, 0), wide: BigInt.asUintN(64, value) };
}
/** `rD = map[...]`: the map, as helpers take it. */
export const loadMap = (dst: Register, map: MapSpec): Instruction => ({
  ...build(LD_IMM64, dst, PSEUDO.MAP_FD, 0, 0),
  wide: 0n,
  map,
});
/** `rD = map[...] + offset`: an address inside the value of a single-entry array. */
export const loadMapValue = (dst: Register, map: MapSpec, offset: number): Instruction => ({
  ...build(LD_IMM64, dst, PSEUDO.MAP_VALUE, 0, 0),
  wide: BigInt(offset) << 32n,
  map,
});
