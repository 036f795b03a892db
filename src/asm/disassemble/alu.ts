// ALU and ALU64 as text.

import type { Instruction } from '../instruction.ts';
import { ADDR_SPACE_CAST, ALU, CLASS, CLASS_MASK, DIVISION, OPERATION_MASK, SOURCE } from '../isa.ts';
import { ALU_SIGNS } from '../text/signs.ts';

export function disassembleAlu(instruction: Instruction): string | undefined {
  const { opcode, src, offset, imm } = instruction;
  const is64 = (opcode & CLASS_MASK) === CLASS.ALU64;
  const fromRegister = (opcode & SOURCE.X) !== 0;
  const operation = opcode & OPERATION_MASK;
  const name = is64 ? 'r' : 'w';
  const dst = `${name}${instruction.dst}`;
  if (operation === ALU.END) return swap(instruction, is64, fromRegister);
  if (operation === ALU.NEG) {
    return fromRegister || src !== 0 || offset !== 0 || imm !== 0 ? undefined : `${dst} = -${dst}`;
  }
  if (fromRegister && operation === ALU.MOV && offset !== 0) return special(instruction, is64, name);
  const sign = signOf(operation, offset);
  if (sign === undefined || (fromRegister ? imm : src) !== 0) return undefined;
  return `${dst} ${sign} ${fromRegister ? `${name}${src}` : imm}`;
}

function signOf(operation: number, offset: number): string | undefined {
  const sign = ALU_SIGNS.of.get(operation);
  if (offset === 0) return sign;
  const divides = operation === ALU.DIV || operation === ALU.MOD;
  return divides && offset === DIVISION.SIGNED ? `s${sign}` : undefined;
}

/** A register move with an offset: it extends the sign, or changes the address space. */
function special({ dst, src, offset, imm }: Instruction, is64: boolean, name: 'r' | 'w'): string | undefined {
  if (is64 && offset === ADDR_SPACE_CAST) {
    return `r${dst} = addr_space_cast(r${src}, ${imm >>> 16}, ${imm & 0xffff})`;
  }
  const extends_ = offset === 8 || offset === 16 || (is64 && offset === 32);
  return extends_ && imm === 0 ? `${name}${dst} = (s${offset})${name}${src}` : undefined;
}

function swap(
  { dst, src, offset, imm }: Instruction,
  is64: boolean,
  toBigEndian: boolean,
): string | undefined {
  if ((is64 && toBigEndian) || src !== 0 || offset !== 0) return undefined;
  if (imm !== 16 && imm !== 32 && imm !== 64) return undefined;
  return `r${dst} = ${is64 ? 'bswap' : toBigEndian ? 'be' : 'le'}${imm} r${dst}`;
}
