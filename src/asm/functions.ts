// Where the functions of a program begin, which its own calls say: the kernel finds them in the same way
// (kernel/bpf/verifier.c, add_subprog_and_kfunc). Names are added where they are known.

import { CLASS, INSTRUCTION_SIZE, JMP, SOURCE } from './isa.ts';
import { LITTLE_ENDIAN } from './layout.ts';
import type { Program, ProgramFunction } from './program.ts';

const CALL_OPCODE = CLASS.JMP | SOURCE.K | JMP.CALL;
const LD_IMM64 = 0x18;
/** `src` of a call of a function of the same program, and of a `ld_imm64` of its address. */
export const BPF_PSEUDO_CALL = 1;
export const BPF_PSEUDO_FUNC = 4;
const IMMEDIATE = 4;

/** A reference of code to another function: a call, or a `ld_imm64` of its address. */
export interface FunctionReference {
  /** Index of the instruction, in 8-byte units. */
  readonly index: number;
  /** Index of the function's first instruction; it may lie outside the code. */
  readonly target: number;
}

/** The references of `code` to functions inside it. */
export function functionReferences(code: Uint8Array): FunctionReference[] {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const units = Math.floor(code.length / INSTRUCTION_SIZE);
  const references: FunctionReference[] = [];
  for (let index = 0; index < units; index++) {
    const at = index * INSTRUCTION_SIZE;
    const opcode = view.getUint8(at);
    const registers = view.getUint8(at + 1);
    const src = LITTLE_ENDIAN ? registers >> 4 : registers & 0xf;
    const wide = opcode === LD_IMM64;
    if ((opcode === CALL_OPCODE && src === BPF_PSEUDO_CALL) || (wide && src === BPF_PSEUDO_FUNC)) {
      references.push({ index, target: index + 1 + view.getInt32(at + IMMEDIATE, LITTLE_ENDIAN) });
    }
    if (wide) index++;
  }
  return references;
}

/** The functions of `program`, in the order of its code; the first is the program itself. */
export function functionsOf(program: Program): ProgramFunction[] {
  const units = program.code.length / INSTRUCTION_SIZE;
  const names = new Map(program.functions?.map(({ index, name }) => [index, name]));
  const starts = new Set([0]);
  for (const { target } of functionReferences(program.code)) {
    if (target >= 0 && target < units) starts.add(target);
  }
  return [...starts]
    .sort((a, b) => a - b)
    .map((index, i) => ({
      index,
      name: names.get(index) ?? (index === 0 ? program.name : `${program.name}_${i}`),
    }));
}
