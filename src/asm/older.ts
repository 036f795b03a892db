// Instructions in the forms of an older instruction set, for kernels that do not know the newer ones. Only forms that need
// no register besides the instruction's own: what needs one is done before registers are given out (compile/wide.ts).

import {
  arsh,
  be,
  type Instruction,
  type Item,
  type Jump,
  ja,
  jge,
  jgt,
  jsge,
  jsgt,
  type Label,
  label,
  le,
  load,
  lsh,
  mov,
} from './instruction.ts';
import {
  ALU,
  accessSize,
  CLASS,
  CLASS_MASK,
  JMP,
  OPERATION_MASK,
  type Register,
  SOURCE_MASK,
} from './isa.ts';
import { type IsaLevel, levelOf, NEWEST_ISA } from './isa-level.ts';
import { LITTLE_ENDIAN } from './layout.ts';
import { BuildError } from './source.ts';

/**
 * The same items with nothing newer than `isa` in them.
 *
 * @throws BuildError with code `ISA` for what has no older form, at the line that said it.
 */
export function olderForms(items: readonly Item[], isa: IsaLevel): readonly Item[] {
  if (isa === NEWEST_ISA || items.every((item) => 'place' in item || levelOf(item) <= isa)) return items;
  return items.flatMap((item) => {
    if ('place' in item || levelOf(item) <= isa) return [item];
    const { site } = item;
    return olderForm(item, isa).map((one) => ('place' in one || !site ? one : { ...one, site }));
  });
}

function olderForm(instruction: Instruction, isa: IsaLevel): readonly Item[] {
  const operation = instruction.opcode & OPERATION_MASK;
  switch (instruction.opcode & CLASS_MASK) {
    case CLASS.JMP: {
      const opposite = OPPOSITE[operation];
      if (opposite !== undefined && instruction.target) {
        return around(instruction, opposite, instruction.target);
      }
      break;
    }
    case CLASS.JMP32:
      // Assembling makes it long again where it must be, or says that it cannot.
      if (operation === JMP.JA && instruction.target) return [ja(instruction.target)];
      break;
    case CLASS.ALU64:
      if (operation === ALU.END) return [swapped(instruction)];
      if (operation === ALU.MOV && isSignExtension(instruction)) return signExtended(instruction);
      break;
    case CLASS.ALU:
      if (operation === ALU.MOV) {
        // The lower half of the 64-bit form, with zeros above.
        return [...signExtended(instruction), mov.reg32(dstOf(instruction), dstOf(instruction))];
      }
      break;
    case CLASS.LDX:
      return signedLoad(instruction);
  }
  const needs = levelOf(instruction);
  throw new BuildError(
    'ISA',
    `instruction 0x${instruction.opcode.toString(16)} came with level ${needs} of the instruction set, and has no form in level ${isa}`,
    instruction.site,
  );
}

const dstOf = ({ dst }: Instruction): Register => dst as Register;

/** What is jumped on where a comparison of level 2 does not hold. */
const OPPOSITE: { readonly [operation: number]: Jump } = {
  [JMP.JLT]: jge,
  [JMP.JLE]: jgt,
  [JMP.JSLT]: jsge,
  [JMP.JSLE]: jsgt,
};

/** `if !(...) goto over; goto target; over:` */
function around({ opcode, dst, src, imm }: Instruction, opposite: Jump, target: Label): Item[] {
  const over = label('over');
  const skip =
    (opcode & SOURCE_MASK) === 0
      ? opposite.imm(dst as Register, imm, over)
      : opposite.reg(dst as Register, src as Register, over);
  return [skip, ja(target), { place: over }];
}

/** `bswap` is one of the two older swaps: the one to the other byte order. */
function swapped(instruction: Instruction): Instruction {
  const swap = LITTLE_ENDIAN ? be : le;
  return swap(dstOf(instruction), instruction.imm as 16 | 32 | 64);
}

/** `offset` of a move: how many bits are kept; an address space cast has 1. */
const isSignExtension = ({ offset }: Instruction): boolean => offset >= 8;

const BITS = 64;

function signExtended(instruction: Instruction): Instruction[] {
  const dst = dstOf(instruction);
  const shift = BITS - instruction.offset;
  return [mov.reg(dst, instruction.src as Register), lsh.imm(dst, shift), arsh.imm(dst, shift)];
}

function signedLoad({ opcode, dst, src, offset }: Instruction): Instruction[] {
  const size = accessSize(opcode);
  const shift = BITS - 8 * size;
  const to = dst as Register;
  return [load(size, to, src as Register, offset), lsh.imm(to, shift), arsh.imm(to, shift)];
}
