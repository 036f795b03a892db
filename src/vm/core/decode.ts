// From the kernel's instructions to the interpreter's. What is not in the instruction set (RFC 9669 and the kernel's
// additions up to Linux 6.18) becomes INVALID and faults only when it is reached.

import {
  ALU,
  accessSize,
  CALL,
  CLASS,
  CLASS_MASK,
  DIVISION,
  decodeInstructions,
  FRAME_POINTER,
  INSTRUCTION_SIZE,
  type Instruction,
  JCOND,
  JMP,
  LITTLE_ENDIAN,
  type MapRelocation,
  MODE,
  MODE_MASK,
  OPERATION_MASK,
  type Program,
  PSEUDO,
  SOURCE_MASK,
} from '../../asm/index.ts';
import { type Code, CodeWriter, INVALID } from './code.ts';
import { CONTROL, FAMILY, UNARY } from './operation.ts';
import {
  BINARIES,
  CALLS,
  COMPARES,
  EXTENSIONS32,
  EXTENSIONS64,
  KEEPS,
  LOADS,
  SIGNED,
  STORES,
  SWAPS,
} from './tables.ts';

/** The size of an atomic operation stands above its immediate. */
export const ATOMIC_SIZE_SHIFT = 12;

/**
 * Decodes a program.
 *
 * @throws RangeError when its length is no multiple of 8 or its last `ld_imm64` lacks the second half.
 */
export function decode(program: Program): Code {
  const units = program.code.length / INSTRUCTION_SIZE;
  const writer = new CodeWriter(Math.floor(units));
  const relocations = new Map(program.relocations.map((entry) => [entry.index, entry]));
  let unit = 0;
  for (const instruction of decodeInstructions(program.code)) {
    writer.at(unit);
    one(writer, instruction, relocations.get(unit));
    unit += 1;
    if (instruction.wide === undefined) continue;
    writer.at(unit).invalid(INVALID.SECOND_HALF);
    unit += 1;
  }
  return { program, words: writer.words, constants: writer.constants };
}

function one(writer: CodeWriter, instruction: Instruction, relocation: MapRelocation | undefined) {
  const { opcode, dst, src } = instruction;
  if (dst > FRAME_POINTER || src > FRAME_POINTER) return writer.invalid(INVALID.OPCODE);
  const kind = opcode & CLASS_MASK;
  const writes =
    kind === CLASS.ALU || kind === CLASS.ALU64 || kind === CLASS.LDX || instruction.wide !== undefined;
  if (writes && dst === FRAME_POINTER) return writer.invalid(INVALID.FRAME_POINTER);
  switch (kind) {
    case CLASS.ALU:
    case CLASS.ALU64:
      return arithmetic(writer, instruction);
    case CLASS.JMP:
    case CLASS.JMP32:
      return jump(writer, instruction);
    case CLASS.LD:
      return immediateOrLegacy(writer, instruction, relocation);
    default:
      return memory(writer, instruction);
  }
}

function arithmetic(writer: CodeWriter, { opcode, dst, src, offset, imm }: Instruction) {
  const is64 = (opcode & CLASS_MASK) === CLASS.ALU64;
  const fromRegister = (opcode & SOURCE_MASK) !== 0;
  const operation = opcode & OPERATION_MASK;
  const operand = fromRegister ? src : writer.immediate(imm);
  if (operation === ALU.MOV) {
    const family = is64 ? FAMILY.MOV64 : FAMILY.MOV32;
    if (offset === 0) return writer.write(family, 0, dst, operand, 0);
    return single(
      writer,
      fromRegister ? (is64 ? EXTENSIONS64 : EXTENSIONS32).get(offset) : undefined,
      dst,
      src,
    );
  }
  if (operation === ALU.NEG) return single(writer, is64 ? UNARY.NEG64 : UNARY.NEG32, dst, dst);
  if (operation === ALU.END) {
    if (is64 && fromRegister) return writer.invalid(INVALID.OPCODE);
    const swaps = is64 || fromRegister === LITTLE_ENDIAN;
    return single(writer, (swaps ? SWAPS : KEEPS).get(imm), dst, dst);
  }
  const plain = BINARIES.get(operation);
  const chosen = offset === DIVISION.SIGNED && plain !== undefined ? SIGNED.get(plain) : plain;
  if (chosen === undefined || offset < 0 || offset > DIVISION.SIGNED) return writer.invalid(INVALID.OPCODE);
  writer.write(is64 ? FAMILY.ALU64 : FAMILY.ALU32, chosen, dst, operand, 0);
}

function single(writer: CodeWriter, operation: number | undefined, dst: number, src: number): void {
  if (operation === undefined) writer.invalid(INVALID.OPCODE);
  else writer.write(FAMILY.UNARY, operation, dst, src, 0);
}

function jump(writer: CodeWriter, { opcode, dst, src, offset, imm }: Instruction) {
  const is64 = (opcode & CLASS_MASK) === CLASS.JMP;
  const fromRegister = (opcode & SOURCE_MASK) !== 0;
  const operation = opcode & OPERATION_MASK;
  const compare = COMPARES.get(operation);
  if (compare !== undefined) {
    const family = is64 ? FAMILY.JUMP64 : FAMILY.JUMP32;
    return writer.write(
      family,
      compare,
      dst,
      fromRegister ? src : writer.immediate(imm),
      writer.target(offset),
    );
  }
  if (operation === JMP.JA && !fromRegister) {
    return writer.write(FAMILY.JUMP, 0, 0, 0, writer.target(is64 ? offset : imm));
  }
  if (!is64) return writer.invalid(INVALID.OPCODE);
  if (operation === JMP.EXIT) return writer.write(FAMILY.CONTROL, CONTROL.EXIT, 0, 0, 0);
  if (operation === JMP.JCOND && src === JCOND.MAY_GOTO && !fromRegister) {
    return writer.write(FAMILY.CONTROL, CONTROL.MAY_GOTO, 0, 0, writer.target(offset));
  }
  if (operation !== JMP.CALL) return writer.invalid(INVALID.OPCODE);
  // The register of an indirect call stands in `dst`; older compilers put it into the immediate.
  if (fromRegister) return writer.write(FAMILY.CONTROL, CONTROL.REGISTER, 0, indirect(dst, imm), 0);
  if (src === CALL.LOCAL) return writer.write(FAMILY.CONTROL, CONTROL.LOCAL, 0, 0, writer.target(imm));
  const control = CALLS.get(src);
  if (control === undefined) writer.invalid(INVALID.OPCODE);
  else writer.write(FAMILY.CONTROL, control, 0, 0, imm);
}

const indirect = (dst: number, imm: number): number => (imm > 0 && imm < FRAME_POINTER ? imm : dst);

function memory(writer: CodeWriter, { opcode, dst, src, offset, imm }: Instruction) {
  const kind = opcode & CLASS_MASK;
  const size = accessSize(opcode);
  const mode = opcode & MODE_MASK;
  if (mode === MODE.MEM) {
    if (kind === CLASS.LDX) return writer.write(LOADS.get(size)!, 0, dst, src, offset);
    return writer.write(STORES.get(size)!, 0, dst, kind === CLASS.ST ? writer.immediate(imm) : src, offset);
  }
  if (mode === MODE.MEMSX && kind === CLASS.LDX && size < 8) {
    return writer.write(FAMILY.LOAD_SIGNED, size, dst, src, offset);
  }
  if (mode === MODE.ATOMIC && kind === CLASS.STX && imm >= 0 && imm < 1 << ATOMIC_SIZE_SHIFT) {
    return writer.write(FAMILY.ATOMIC, imm | (size << ATOMIC_SIZE_SHIFT), dst, src, offset);
  }
  writer.invalid(INVALID.OPCODE);
}

function immediateOrLegacy(
  writer: CodeWriter,
  { opcode, dst, src, imm, wide }: Instruction,
  relocation: MapRelocation | undefined,
) {
  if (wide !== undefined) {
    const constant = wideConstant(writer, src, wide, relocation);
    if (constant === undefined) writer.invalid(INVALID.OPCODE);
    else writer.write(FAMILY.MOV64, 1, dst, constant, 0);
    return;
  }
  const mode = opcode & MODE_MASK;
  const size = accessSize(opcode);
  if ((mode === MODE.ABS || mode === MODE.IND) && size < 8) {
    return writer.write(FAMILY.CONTROL, CONTROL.LEGACY, size, mode === MODE.IND ? src : -1, imm);
  }
  writer.invalid(INVALID.OPCODE);
}

/** The register with the value of a `ld_imm64`; undefined for what only a kernel has. */
function wideConstant(
  writer: CodeWriter,
  pseudo: number,
  wide: bigint,
  relocation: MapRelocation | undefined,
): number | undefined {
  const lo = Number(BigInt.asIntN(32, wide));
  const hi = Number(BigInt.asIntN(32, wide >> 32n));
  if (relocation) {
    const { map, valueOffset } = relocation;
    if (valueOffset === undefined) return writer.constant({ kind: 'map', map });
    return writer.constant({ kind: 'value', map, offset: valueOffset });
  }
  switch (pseudo) {
    case PSEUDO.IMM:
      return writer.constant({ kind: 'number', lo, hi });
    case PSEUDO.MAP_FD:
    case PSEUDO.MAP_IDX:
      return writer.constant({ kind: 'map', map: lo });
    case PSEUDO.MAP_VALUE:
    case PSEUDO.MAP_IDX_VALUE:
      return writer.constant({ kind: 'value', map: lo, offset: hi });
    case PSEUDO.FUNC:
      return writer.constant({ kind: 'function', target: writer.target(lo) });
    default:
      return undefined;
  }
}
