// Which kernels know which instructions, in the levels that compilers call `-mcpu=v1` to `v4`: each instruction belongs to
// the level that brought it. What the kernel added one by one (atomics that fetch, 5.12; may_goto, 6.9; load-acquire,
// 6.15) has no older form and counts as the level that compilers give it.

import { decodeInstructions } from './encoding.ts';
import type { Instruction } from './instruction.ts';
import { ALU, ATOMIC, CLASS, CLASS_MASK, JMP, MODE, MODE_MASK, OPERATION_MASK, SOURCE_MASK } from './isa.ts';

/**
 * 1: the instructions of Linux 3.18. 2: `<`, `<=` and their signed forms (4.14). 3: comparisons of 32 bits (5.1), atomics
 * that fetch (5.12). 4: sign-extending moves and loads, signed division, `bswap`, `gotol` (all 6.6), and all that is newer.
 */
export type IsaLevel = 1 | 2 | 3 | 4;

/** What programs are made for where nothing else is said; a program without newer instructions runs everywhere. */
export const NEWEST_ISA: IsaLevel = 4;

const LESS: ReadonlySet<number> = new Set([JMP.JLT, JMP.JLE, JMP.JSLT, JMP.JSLE]);

/** The first level that has an instruction. */
export function levelOf({ opcode, offset, imm }: Instruction): IsaLevel {
  const operation = opcode & OPERATION_MASK;
  switch (opcode & CLASS_MASK) {
    case CLASS.ALU64:
      // bswap; sign-extending move, signed division.
      return operation === ALU.END || offset !== 0 ? 4 : 1;
    case CLASS.ALU:
      return offset !== 0 ? 4 : 1;
    case CLASS.JMP32:
      return operation === JMP.JA ? 4 : 3;
    case CLASS.JMP:
      if (LESS.has(operation)) return 2;
      return operation === JMP.JCOND || (operation === JMP.JA && (opcode & SOURCE_MASK) !== 0) ? 4 : 1;
    case CLASS.LDX:
      return (opcode & MODE_MASK) === MODE.MEMSX ? 4 : 1;
    case CLASS.STX:
      if ((opcode & MODE_MASK) !== MODE.ATOMIC || imm === ATOMIC.ADD) return 1;
      return imm === ATOMIC.LOAD_ACQ || imm === ATOMIC.STORE_REL ? 4 : 3;
    default:
      return 1;
  }
}

/** The level that a kernel must have for `code`: the highest of its instructions'. */
export function isaLevelOf(code: Uint8Array): IsaLevel {
  let highest: IsaLevel = 1;
  for (const instruction of decodeInstructions(code)) {
    const level = levelOf(instruction);
    if (level > highest) highest = level;
  }
  return highest;
}
