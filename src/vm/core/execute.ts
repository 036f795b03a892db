// The main loop. Plain instructions on numbers and on memory in bounds are done here; everything else (pointers,
// contexts, calls) is handed on. Registers are two 32-bit halves and a tag: see alu64.ts for why, region.ts for how.

import { LITTLE_ENDIAN } from '../../asm/index.ts';
import { loadElsewhere, loadSignedElsewhere, storeElsewhere } from './access.ts';
import { alu32 } from './alu32.ts';
import { alu64 } from './alu64.ts';
import { atomic } from './atomic.ts';
import { compare32, compare64 } from './compare.ts';
import { control } from './control.ts';
import { refuse } from './invalid.ts';
import type { Machine } from './machine.ts';
import { FAMILY_MASK, OPERATION_SHIFT, STRIDE } from './operation.ts';
import { alu32OnPointers, alu64OnPointers, requireNumber, requireValue } from './pointer.ts';
import { forgetPointers, SCALAR, storedTag, storeTag } from './region.ts';
import { unary } from './unary.ts';

/**
 * Executes at most `steps` instructions.
 *
 * @returns whether the program has come to its end
 * @throws Trap, with `machine.pc` at the instruction that caused it
 */
export function execute(machine: Machine, steps: number): boolean {
  let { lo, hi, tag } = machine;
  let { words } = machine.code;
  const { regions } = machine;
  let pc = machine.pc;
  let left = steps;
  try {
    while (left > 0) {
      left -= 1;
      const word = words[pc]!;
      const d = words[pc + 1]!;
      const s = words[pc + 2]!;
      const operation = word >>> OPERATION_SHIFT;
      switch (word & FAMILY_MASK) {
        // FAMILY.ALU64
        case 0:
          if ((tag[d]! | tag[s]!) === SCALAR) alu64(lo, hi, operation, d, s);
          else alu64OnPointers(machine, operation, d, s);
          break;
        // FAMILY.ALU32
        case 1:
          if ((tag[d]! | tag[s]!) !== SCALAR) alu32OnPointers(machine, operation, d, s);
          lo[d] = alu32(operation, lo[d]!, lo[s]!);
          hi[d] = 0;
          break;
        // FAMILY.MOV64
        case 2: {
          const kind = tag[s]!;
          if (kind < SCALAR) requireValue(machine, s);
          lo[d] = lo[s]!;
          hi[d] = hi[s]!;
          tag[d] = kind;
          // A `ld_imm64` is two units long.
          pc += operation * STRIDE;
          break;
        }
        // FAMILY.MOV32
        case 3:
          if (tag[s]! < SCALAR) requireValue(machine, s);
          lo[d] = lo[s]!;
          hi[d] = 0;
          tag[d] = SCALAR;
          break;
        // FAMILY.UNARY
        case 4:
          if (tag[s]! !== SCALAR) requireNumber(machine, s);
          unary(lo, hi, operation, d, s);
          tag[d] = SCALAR;
          break;
        // FAMILY.LOAD1
        case 5: {
          const region = regions[tag[s]!];
          const at = lo[s]! + words[pc + 3]!;
          if (region !== undefined && hi[s] === region.hi && at >= region.start && at < region.end) {
            lo[d] = region.bytes[at]!;
            hi[d] = 0;
            tag[d] = SCALAR;
          } else loadElsewhere(machine, 1, d, s, words[pc + 3]!);
          break;
        }
        // FAMILY.LOAD2
        case 6: {
          const region = regions[tag[s]!];
          const at = lo[s]! + words[pc + 3]!;
          if (region !== undefined && hi[s] === region.hi && at >= region.start && at + 2 <= region.end) {
            lo[d] = region.view.getUint16(at, LITTLE_ENDIAN);
            hi[d] = 0;
            tag[d] = SCALAR;
          } else loadElsewhere(machine, 2, d, s, words[pc + 3]!);
          break;
        }
        // FAMILY.LOAD4
        case 7: {
          const region = regions[tag[s]!];
          const at = lo[s]! + words[pc + 3]!;
          if (region !== undefined && hi[s] === region.hi && at >= region.start && at + 4 <= region.end) {
            lo[d] = region.view.getInt32(at, LITTLE_ENDIAN);
            hi[d] = 0;
            tag[d] = SCALAR;
          } else loadElsewhere(machine, 4, d, s, words[pc + 3]!);
          break;
        }
        // FAMILY.LOAD8
        case 8: {
          const region = regions[tag[s]!];
          const at = lo[s]! + words[pc + 3]!;
          if (region !== undefined && hi[s] === region.hi && at >= region.start && at + 8 <= region.end) {
            lo[d] = region.view.getInt32(at + LOW_HALF, LITTLE_ENDIAN);
            hi[d] = region.view.getInt32(at + HIGH_HALF, LITTLE_ENDIAN);
            tag[d] = storedTag(region, at);
          } else loadElsewhere(machine, 8, d, s, words[pc + 3]!);
          break;
        }
        // FAMILY.LOAD_SIGNED
        case 9:
          loadSignedElsewhere(machine, operation, d, s, words[pc + 3]!);
          break;
        // FAMILY.STORE1
        case 10: {
          const region = regions[tag[d]!];
          const at = lo[d]! + words[pc + 3]!;
          if (region !== undefined && hi[d] === region.hi && at >= region.start && at < region.writeEnd) {
            if (tag[s]! < SCALAR) requireValue(machine, s);
            region.bytes[at] = lo[s]!;
            forgetPointers(region, at, 1);
          } else storeElsewhere(machine, 1, d, s, words[pc + 3]!);
          break;
        }
        // FAMILY.STORE2
        case 11: {
          const region = regions[tag[d]!];
          const at = lo[d]! + words[pc + 3]!;
          if (
            region !== undefined &&
            hi[d] === region.hi &&
            at >= region.start &&
            at + 2 <= region.writeEnd
          ) {
            if (tag[s]! < SCALAR) requireValue(machine, s);
            region.view.setInt16(at, lo[s]!, LITTLE_ENDIAN);
            forgetPointers(region, at, 2);
          } else storeElsewhere(machine, 2, d, s, words[pc + 3]!);
          break;
        }
        // FAMILY.STORE4
        case 12: {
          const region = regions[tag[d]!];
          const at = lo[d]! + words[pc + 3]!;
          if (
            region !== undefined &&
            hi[d] === region.hi &&
            at >= region.start &&
            at + 4 <= region.writeEnd
          ) {
            if (tag[s]! < SCALAR) requireValue(machine, s);
            region.view.setInt32(at, lo[s]!, LITTLE_ENDIAN);
            forgetPointers(region, at, 4);
          } else storeElsewhere(machine, 4, d, s, words[pc + 3]!);
          break;
        }
        // FAMILY.STORE8
        case 13: {
          const region = regions[tag[d]!];
          const at = lo[d]! + words[pc + 3]!;
          if (
            region !== undefined &&
            hi[d] === region.hi &&
            at >= region.start &&
            at + 8 <= region.writeEnd
          ) {
            if (tag[s]! < SCALAR) requireValue(machine, s);
            region.view.setInt32(at + LOW_HALF, lo[s]!, LITTLE_ENDIAN);
            region.view.setInt32(at + HIGH_HALF, hi[s]!, LITTLE_ENDIAN);
            storeTag(region, at, tag[s]!);
          } else storeElsewhere(machine, 8, d, s, words[pc + 3]!);
          break;
        }
        // FAMILY.ATOMIC
        case 14:
          atomic(machine, operation, d, s, words[pc + 3]!);
          break;
        // FAMILY.JUMP64
        case 15:
          if ((tag[d]! | tag[s]!) < SCALAR) requireValue(machine, d, s);
          if (compare64(operation, lo[d]!, hi[d]!, lo[s]!, hi[s]!)) {
            pc = words[pc + 3]!;
            continue;
          }
          break;
        // FAMILY.JUMP32
        case 16:
          if ((tag[d]! | tag[s]!) < SCALAR) requireValue(machine, d, s);
          if (compare32(operation, lo[d]!, lo[s]!)) {
            pc = words[pc + 3]!;
            continue;
          }
          break;
        // FAMILY.JUMP
        case 17:
          pc = words[pc + 3]!;
          continue;
        // FAMILY.CONTROL
        case 18: {
          // What is not finished by now is finished by whoever it calls: the next instruction is known in advance.
          machine.pc = pc + STRIDE;
          const done = control(machine, operation, d, s, words[pc + 3]!);
          pc = machine.pc;
          if (done) return true;
          ({ lo, hi, tag } = machine);
          ({ words } = machine.code);
          continue;
        }
        default:
          refuse(operation, word);
      }
      pc += STRIDE;
    }
    return false;
  } finally {
    machine.pc = pc;
    machine.executed += steps - left;
  }
}

/** Where the halves of 8 bytes lie. */
const LOW_HALF = LITTLE_ENDIAN ? 0 : 4;
const HIGH_HALF = LITTLE_ENDIAN ? 4 : 0;
