// Instructions to bytes and back (RFC 9669, section 3): opcode, registers, offset, immediate; 8 bytes, in the
// machine's byte order. The two register fields change places with the byte order, as in struct bpf_insn.

import { LD_IMM64 } from './instruction/wide.ts';
import type { Instruction } from './instruction.ts';
import { INSTRUCTION_SIZE } from './isa.ts';
import { LITTLE_ENDIAN } from './layout.ts';

/** How many 8-byte units an instruction takes. */
export const unitsOf = (instruction: Instruction): 1 | 2 => (instruction.opcode === LD_IMM64 ? 2 : 1);

/** The bytes of `instructions`, in the byte order of this machine. */
export function encodeInstructions(instructions: readonly Instruction[]): Uint8Array {
  let units = 0;
  for (let i = 0; i < instructions.length; i++) units += unitsOf(instructions[i]!);
  const code = new Uint8Array(units * INSTRUCTION_SIZE);
  const view = new DataView(code.buffer);
  let at = 0;
  for (let i = 0; i < instructions.length; i++) {
    const instruction = instructions[i]!;
    encodeInstruction(view, at, instruction);
    at += unitsOf(instruction) * INSTRUCTION_SIZE;
  }
  return code;
}

/** Writes `instruction` at `offset` bytes into `view`. */
export function encodeInstruction(view: DataView, offset: number, instruction: Instruction): void {
  const { opcode, dst, src, wide } = instruction;
  const low = wide === undefined ? instruction.imm : Number(BigInt.asIntN(32, wide));
  writeUnit(view, offset, opcode, dst, src, instruction.offset, low);
  if (wide !== undefined) {
    writeUnit(view, offset + INSTRUCTION_SIZE, 0, 0, 0, 0, Number(BigInt.asIntN(32, wide >> 32n)));
  }
}

function writeUnit(
  view: DataView,
  at: number,
  opcode: number,
  dst: number,
  src: number,
  offset: number,
  imm: number,
): void {
  view.setUint8(at, opcode);
  view.setUint8(at + 1, LITTLE_ENDIAN ? (src << 4) | dst : (dst << 4) | src);
  view.setInt16(at + 2, offset, LITTLE_ENDIAN);
  view.setInt32(at + 4, imm, LITTLE_ENDIAN);
}

/**
 * Reads the instructions of `code`. Jumps keep their numeric offset; a map stays a number (descriptor or index).
 *
 * @throws RangeError when the length is no multiple of 8, or a `ld_imm64` lacks its second half or has something other
 * than an immediate there.
 */
export function decodeInstructions(code: Uint8Array): Instruction[] {
  if (code.length % INSTRUCTION_SIZE !== 0) {
    throw new RangeError(`code of ${code.length} bytes: not a multiple of ${INSTRUCTION_SIZE}`);
  }
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const instructions: Instruction[] = [];
  for (let at = 0; at < code.length; at += INSTRUCTION_SIZE) {
    const opcode = view.getUint8(at);
    const registers = view.getUint8(at + 1);
    const [high, low] = [registers >> 4, registers & 0xf];
    const instruction = {
      opcode,
      dst: LITTLE_ENDIAN ? low : high,
      src: LITTLE_ENDIAN ? high : low,
      offset: view.getInt16(at + 2, LITTLE_ENDIAN),
      imm: view.getInt32(at + 4, LITTLE_ENDIAN),
    };
    if (opcode !== LD_IMM64) {
      instructions.push(instruction);
      continue;
    }
    const second = at + INSTRUCTION_SIZE;
    if (second >= code.length || view.getUint32(second) !== 0) {
      throw new RangeError(`instruction ${at / INSTRUCTION_SIZE}: ld_imm64 without its second half`);
    }
    const upper = BigInt(view.getUint32(second + 4, LITTLE_ENDIAN));
    instructions.push({ ...instruction, imm: 0, wide: (upper << 32n) | BigInt(instruction.imm >>> 0) });
    at = second;
  }
  return instructions;
}
