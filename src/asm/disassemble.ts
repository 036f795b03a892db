// Instructions as text, in the syntax of the kernel's own listing (kernel/bpf/disasm.c), offsets spaced for reading:
// `r0 = *(u32 *)(r1 + 76)`, `if w2 != 0x8 goto pc+5`, `call bpf_map_lookup_elem#1`.

import { helperName } from './helper.ts';
import type { Instruction } from './instruction.ts';
import { ALU, accessSize, CLASS, JMP, MODE, PSEUDO, SOURCE } from './isa.ts';

const ALU_SIGNS: ReadonlyMap<number, string> = new Map([
  [ALU.ADD, '+='],
  [ALU.SUB, '-='],
  [ALU.MUL, '*='],
  [ALU.DIV, '/='],
  [ALU.OR, '|='],
  [ALU.AND, '&='],
  [ALU.LSH, '<<='],
  [ALU.RSH, '>>='],
  [ALU.MOD, '%='],
  [ALU.XOR, '^='],
  [ALU.MOV, '='],
  [ALU.ARSH, 's>>='],
]);

const JMP_SIGNS: ReadonlyMap<number, string> = new Map([
  [JMP.JEQ, '=='],
  [JMP.JGT, '>'],
  [JMP.JGE, '>='],
  [JMP.JSET, '&'],
  [JMP.JNE, '!='],
  [JMP.JSGT, 's>'],
  [JMP.JSGE, 's>='],
  [JMP.JLT, '<'],
  [JMP.JLE, '<='],
  [JMP.JSLT, 's<'],
  [JMP.JSLE, 's<='],
]);

const CLASS_MASK = 0x07;
const OPERATION_MASK = 0xf0;
const MODE_MASK = 0xe0;

/** One instruction as the kernel would list it. What is unknown is shown as `(opcode)`, never guessed. */
export function disassemble(instruction: Instruction): string {
  const { opcode } = instruction;
  switch (opcode & CLASS_MASK) {
    case CLASS.ALU:
    case CLASS.ALU64:
      return alu(instruction) ?? unknown(instruction);
    case CLASS.JMP:
    case CLASS.JMP32:
      return jump(instruction) ?? unknown(instruction);
    case CLASS.LDX:
      if ((opcode & MODE_MASK) !== MODE.MEM) return unknown(instruction);
      return `r${instruction.dst} = ${memory(instruction, instruction.src)}`;
    case CLASS.STX:
      return storeRegister(instruction) ?? unknown(instruction);
    case CLASS.ST:
      if ((opcode & MODE_MASK) !== MODE.MEM) return unknown(instruction);
      return `${memory(instruction, instruction.dst)} = ${instruction.imm}`;
    default:
      return instruction.wide === undefined ? unknown(instruction) : wide(instruction);
  }
}

function alu(instruction: Instruction): string | undefined {
  const { opcode, dst, src, offset, imm } = instruction;
  const is64 = (opcode & CLASS_MASK) === CLASS.ALU64;
  const name = is64 ? 'r' : 'w';
  const operation = opcode & OPERATION_MASK;
  const fromRegister = (opcode & SOURCE.X) !== 0;
  if (offset !== 0) return undefined;
  if (operation === ALU.NEG) return `${name}${dst} = -${name}${dst}`;
  if (operation === ALU.END) {
    const order = is64 ? 'bswap' : fromRegister ? 'be' : 'le';
    return `r${dst} = ${order}${imm} r${dst}`;
  }
  const sign = ALU_SIGNS.get(operation);
  return sign && `${name}${dst} ${sign} ${fromRegister ? `${name}${src}` : imm}`;
}

function jump(instruction: Instruction): string | undefined {
  const { opcode, dst, src, offset, imm } = instruction;
  const operation = opcode & OPERATION_MASK;
  const is64 = (opcode & CLASS_MASK) === CLASS.JMP;
  const to = instruction.target ? instruction.target.name : `pc${offset < 0 ? '' : '+'}${offset}`;
  if (operation === JMP.JA) return is64 ? `goto ${to}` : undefined;
  if (operation === JMP.EXIT) return is64 ? 'exit' : undefined;
  if (operation === JMP.CALL)
    return is64 && src === 0 ? `call bpf_${helperName(imm) ?? 'unknown'}#${imm}` : undefined;
  const name = is64 ? 'r' : 'w';
  const sign = JMP_SIGNS.get(operation);
  const operand = opcode & SOURCE.X ? `${name}${src}` : `0x${(imm >>> 0).toString(16)}`;
  return sign && `if ${name}${dst} ${sign} ${operand} goto ${to}`;
}

function storeRegister(instruction: Instruction): string | undefined {
  const { opcode, dst, src, imm } = instruction;
  const mode = opcode & MODE_MASK;
  if (mode === MODE.MEM) return `${memory(instruction, dst)} = r${src}`;
  if (mode !== MODE.ATOMIC || imm !== ALU.ADD) return undefined;
  return `lock ${memory(instruction, dst)} += r${src}`;
}

function wide({ dst, src, map, wide: value = 0n }: Instruction): string {
  const named = (at: string): string =>
    map ? `${at}[${map.name}]` : `${at}[fd:${BigInt.asUintN(32, value)}]`;
  if (src === PSEUDO.MAP_FD) return `r${dst} = ${named('map')}`;
  if (src === PSEUDO.MAP_VALUE) return `r${dst} = ${named('map')}[0]+${value >> 32n}`;
  return `r${dst} = 0x${value.toString(16)}`;
}

function memory({ opcode, offset }: Instruction, base: number): string {
  return `*(u${8 * accessSize(opcode)} *)(r${base} ${offset < 0 ? '-' : '+'} ${Math.abs(offset)})`;
}

const unknown = ({ opcode }: Instruction): string => `(${opcode.toString(16).padStart(2, '0')})`;
