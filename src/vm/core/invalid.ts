// What cannot be executed, in words.

import { Trap } from '../fault.ts';
import { INVALID } from './code.ts';

/** @throws Trap saying why an INVALID instruction is one. */
export function refuse(reason: number, word: number): never {
  switch (reason) {
    case INVALID.OPCODE:
      throw new Trap('OPCODE', 'not in the instruction set, or a reserved form');
    case INVALID.FRAME_POINTER:
      throw new Trap('OPCODE', 'r10 is read-only');
    case INVALID.SECOND_HALF:
      throw new Trap('JUMP', 'the second half of a ld_imm64 cannot be executed');
    case INVALID.END:
      throw new Trap('JUMP', 'execution left the program');
    default:
      throw new Trap('OPCODE', `unknown operation ${word}`);
  }
}
