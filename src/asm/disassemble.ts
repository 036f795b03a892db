// Instructions as text, in the syntax of the kernel's own listing (kernel/bpf/disasm.c), offsets spaced for reading:
// `r0 = *(u32 *)(r1 + 76)`, `if w2 != 0x8 goto pc+5`, `call bpf_map_lookup_elem#1`. Every text means one encoding and
// no other: what has bits that its text would not show is given as a number, and `assembleText` reads everything back.

import { disassembleAlu } from './disassemble/alu.ts';
import { disassembleJump } from './disassemble/jump.ts';
import {
  disassembleLegacy,
  disassembleLoad,
  disassembleStore,
  disassembleStoreImm,
} from './disassemble/memory.ts';
import { disassembleWide } from './disassemble/wide.ts';
import { encodeInstruction } from './encoding.ts';
import type { Instruction } from './instruction.ts';
import { CLASS, CLASS_MASK, FRAME_POINTER, INSTRUCTION_SIZE } from './isa.ts';
import { LITTLE_ENDIAN } from './layout.ts';

/** The text of an instruction, or undefined for an encoding that means nothing. One for each instruction class. */
const CLASSES: { readonly [instructionClass: number]: (instruction: Instruction) => string | undefined } = {
  [CLASS.LD]: (instruction) =>
    instruction.wide === undefined ? disassembleLegacy(instruction) : disassembleWide(instruction),
  [CLASS.LDX]: disassembleLoad,
  [CLASS.ST]: disassembleStoreImm,
  [CLASS.STX]: disassembleStore,
  [CLASS.ALU]: disassembleAlu,
  [CLASS.ALU64]: disassembleAlu,
  [CLASS.JMP]: disassembleJump,
  [CLASS.JMP32]: disassembleJump,
};

/**
 * One instruction as the kernel would list it. An opcode that is unknown, or known with reserved bits set, is never
 * guessed at: it is `.quad` and its 8 bytes as a number, with the opcode in a comment.
 */
export function disassemble(instruction: Instruction): string {
  const known = instruction.dst <= FRAME_POINTER && instruction.src <= FRAME_POINTER;
  return (known && CLASSES[instruction.opcode & CLASS_MASK]!(instruction)) || raw(instruction);
}

function raw(instruction: Instruction): string {
  const units = instruction.wide === undefined ? 1 : 2;
  const view = new DataView(new ArrayBuffer(units * INSTRUCTION_SIZE));
  encodeInstruction(view, 0, instruction);
  const numbers = Array.from(
    { length: units },
    (_, i) =>
      `0x${view
        .getBigUint64(i * INSTRUCTION_SIZE, LITTLE_ENDIAN)
        .toString(16)
        .padStart(16, '0')}`,
  );
  return `.quad ${numbers.join(', ')} ; (${instruction.opcode.toString(16).padStart(2, '0')})`;
}
