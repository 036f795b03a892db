// JMP and JMP32 as text.

import { helperName } from '../helper-names.ts';
import type { Instruction } from '../instruction.ts';
import { CALL, CLASS, CLASS_MASK, JCOND, JMP, OPERATION_MASK, SOURCE } from '../isa.ts';
import { JMP_SIGNS } from '../text/signs.ts';

export function disassembleJump(instruction: Instruction): string | undefined {
  const { opcode, dst, src, offset, imm } = instruction;
  switch (opcode & OPERATION_MASK) {
    case JMP.JA:
      return goto(instruction);
    case JMP.CALL:
      return call(instruction);
    case JMP.EXIT:
      return opcode === (CLASS.JMP | JMP.EXIT) && isZero(dst, src, offset, imm) ? 'exit' : undefined;
    case JMP.JCOND:
      return opcode === (CLASS.JMP | JMP.JCOND) && src === JCOND.MAY_GOTO && isZero(dst, imm)
        ? `may_goto ${to(instruction, offset)}`
        : undefined;
    default:
      return conditional(instruction);
  }
}

const isZero = (...fields: number[]): boolean => fields.every((field) => field === 0);

const signed = (distance: number): string => `${distance < 0 ? '' : '+'}${distance}`;

/** Where it goes: the label's name, or how far. */
const to = ({ target }: Instruction, distance: number): string => target?.name ?? `pc${signed(distance)}`;

function goto(instruction: Instruction): string | undefined {
  const { opcode, dst, src, offset, imm } = instruction;
  if (opcode === (CLASS.JMP | JMP.JA) && isZero(dst, src, imm)) return `goto ${to(instruction, offset)}`;
  if (opcode === (CLASS.JMP32 | JMP.JA) && isZero(dst, src, offset)) return `gotol ${to(instruction, imm)}`;
  if (opcode === (CLASS.JMP | JMP.JA | SOURCE.X) && isZero(src, offset, imm)) return `gotox r${dst}`;
  return undefined;
}

function call(instruction: Instruction): string | undefined {
  const { opcode, dst, src, offset, imm } = instruction;
  if (opcode === (CLASS.JMP | JMP.CALL | SOURCE.X)) {
    return isZero(src, offset, imm) ? `callx r${dst}` : undefined;
  }
  if (opcode !== (CLASS.JMP | JMP.CALL) || dst !== 0) return undefined;
  if (src === CALL.KFUNC) {
    return `call kernel-function#${imm}${offset === 0 ? '' : ` fd_array[${offset}]`}`;
  }
  if (offset !== 0) return undefined;
  if (src === CALL.LOCAL) return `call ${to(instruction, imm)}`;
  if (src !== CALL.HELPER) return undefined;
  const name = helperName(imm);
  return `call ${name ? `bpf_${name}` : 'unknown'}#${imm}`;
}

function conditional(instruction: Instruction): string | undefined {
  const { opcode, dst, src, offset, imm } = instruction;
  const name = (opcode & CLASS_MASK) === CLASS.JMP ? 'r' : 'w';
  const fromRegister = (opcode & SOURCE.X) !== 0;
  const sign = JMP_SIGNS.of.get(opcode & OPERATION_MASK);
  if (sign === undefined || (fromRegister ? imm : src) !== 0) return undefined;
  const operand = fromRegister ? `${name}${src}` : `0x${(imm >>> 0).toString(16)}`;
  return `if ${name}${dst} ${sign} ${operand} goto ${to(instruction, offset)}`;
}
