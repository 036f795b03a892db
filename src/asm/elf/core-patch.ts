// CO-RE: what was found out goes into the instruction that wants it (libbpf's relo_core.c, bpf_core_patch_insn).

import { CLASS, CLASS_MASK, INSTRUCTION_SIZE, SIZE, SOURCE } from '../isa.ts';
import { LITTLE_ENDIAN } from '../layout.ts';

/**
 * What an instruction is to have. `resized` marks a member of another size than it was compiled for: `size` is that in
 * bytes, or undefined where a load of that size would not be right. `poison`: it must never be reached.
 */
export type Outcome =
  | 'poison'
  | { readonly value: bigint; readonly resized?: true; readonly size?: number | undefined };

const REGISTERS = 1;
const OFFSET = 2;
const IMMEDIATE = 4;
const CALL = 0x85;
const LD_IMM64 = 0x18;
const SIZE_MASK = 0x18;
const MAX_OFFSET = 0x7fff;
const SIZES: { readonly [bytes: number]: number } = { 1: SIZE.B, 2: SIZE.H, 4: SIZE.W, 8: SIZE.DW };
/** A helper there is none of: 0xbad2310, which reads as "bad relo" in a verifier's log, as with libbpf. */
const NO_HELPER = 195896080;

/** Changes instruction `index`. @returns false where it has no room for that, or is of no form that takes it */
export function patch(code: Uint8Array, index: number, outcome: Outcome): boolean {
  const at = index * INSTRUCTION_SIZE;
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const opcode = code[at];
  if (opcode === undefined) return false;
  if (outcome === 'poison') return poison(view, at, opcode);
  const { value, resized, size } = outcome;
  switch (opcode & CLASS_MASK) {
    case CLASS.ALU:
    case CLASS.ALU64:
      if ((opcode & SOURCE.X) !== 0) return false;
      view.setInt32(at + IMMEDIATE, Number(BigInt.asIntN(32, value)), LITTLE_ENDIAN);
      return true;
    case CLASS.LDX:
    case CLASS.ST:
    case CLASS.STX: {
      if (value > MAX_OFFSET) return false;
      const sized = size === undefined ? undefined : SIZES[size];
      if (resized && sized === undefined) return poison(view, at, opcode);
      view.setInt16(at + OFFSET, Number(value), LITTLE_ENDIAN);
      if (sized !== undefined) code[at] = (opcode & ~SIZE_MASK) | sized;
      return true;
    }
    default:
      if (opcode !== LD_IMM64 || at + 2 * INSTRUCTION_SIZE > code.length) return false;
      view.setInt32(at + IMMEDIATE, Number(BigInt.asIntN(32, value)), LITTLE_ENDIAN);
      view.setInt32(
        at + INSTRUCTION_SIZE + IMMEDIATE,
        Number(BigInt.asIntN(32, value >> 32n)),
        LITTLE_ENDIAN,
      );
      return true;
  }
}

function poison(view: DataView, at: number, opcode: number): true {
  const units = opcode === LD_IMM64 && at + 2 * INSTRUCTION_SIZE <= view.byteLength ? 2 : 1;
  for (let unit = 0; unit < units; unit++) {
    const place = at + unit * INSTRUCTION_SIZE;
    view.setUint8(place, CALL);
    view.setUint8(place + REGISTERS, 0);
    view.setInt16(place + OFFSET, 0, LITTLE_ENDIAN);
    view.setInt32(place + IMMEDIATE, NO_HELPER, LITTLE_ENDIAN);
  }
  return true;
}

/** Sets the source register, which says what an immediate means. */
export function setSource(code: Uint8Array, index: number, source: number): void {
  const at = index * INSTRUCTION_SIZE + REGISTERS;
  const registers = code[at]!;
  code[at] = LITTLE_ENDIAN ? (registers & 0x0f) | (source << 4) : (registers & 0xf0) | source;
}
