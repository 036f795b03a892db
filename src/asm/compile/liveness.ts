// Which registers hold something still needed, at the borders of every block. Backward dataflow on rows of bits. Only
// registers that some block reads before it sets them can be live there: these get numbers, the others do not count.

import { FRAME_POINTER } from '../isa.ts';
import { BitRows, lowestBit } from './bits.ts';
import type { Vreg } from './ir.ts';
import { MACHINE_REGISTERS, NONE, type Table } from './table.ts';

export interface Liveness {
  /** For each register its number in the rows, or NONE for one that is never live between blocks. By index. */
  readonly numbers: Int32Array;
  /** The registers by their numbers. */
  readonly registers: readonly number[];
  /** A row for each block: the registers live before its first operation. */
  readonly starts: BitRows;
  /** The registers live behind its terminator. */
  readonly ends: BitRows;
}

export function liveness(table: Table): Liveness {
  const { blocks, successors } = table;
  const { numbers, registers, exposed } = numberRegisters(table);
  const starts = new BitRows(blocks.length, registers.length);
  const ends = new BitRows(blocks.length, registers.length);
  const passed = new BitRows(blocks.length, registers.length);
  const { width } = ends;
  for (let i = 0; i < exposed.length; i += 2) starts.add(exposed[i]!, numbers[exposed[i + 1]!]!);
  passed.words.fill(-1);
  for (let b = 0; b < blocks.length; b++) {
    for (let o = table.starts[b]!; o < table.starts[b + 1]!; o++) {
      const set = table.sets[o]!;
      if (set !== NONE && numbers[set] !== NONE) passed.delete(b, numbers[set]!);
    }
  }
  // Successors come later but in loops: without loops, the first round sees everything.
  for (let changed = true; changed; changed = changed && table.loops) {
    changed = false;
    for (let b = blocks.length - 1; b >= 0; b--) {
      const [first, second] = [successors[2 * b]!, successors[2 * b + 1]!];
      if (first !== NONE) ends.addAll(b, starts, first);
      if (second !== NONE) ends.addAll(b, starts, second);
      for (let w = b * width, end = w + width; w < end; w++) {
        const more = ends.words[w]! & passed.words[w]! & ~starts.words[w]!;
        if (more === 0) continue;
        starts.words[w]! |= more;
        changed = true;
      }
    }
  }
  return { numbers, registers, starts, ends };
}

/** Goes through the virtual registers that are live behind block `b`. */
export function forEachAtEnd({ ends, registers }: Liveness, b: number, visit: (vreg: Vreg) => void): void {
  for (let w = 0; w < ends.width; w++) {
    for (let rest = ends.words[b * ends.width + w]!; rest !== 0; rest &= rest - 1)
      visit(registers[w * 32 + lowestBit(rest)]! - MACHINE_REGISTERS);
  }
}

interface Numbering {
  readonly numbers: Int32Array;
  readonly registers: readonly number[];
  /** Pairs: a block, and a register that it reads before it sets it. */
  readonly exposed: readonly number[];
}

function numberRegisters(table: Table): Numbering {
  const { blocks, starts, sets, reads, readStarts } = table;
  const numbers = new Int32Array(table.registers).fill(NONE);
  const registers: number[] = [];
  const exposed: number[] = [];
  /** For each register the last block that has set it, or was seen to read it before. */
  const seenIn = new Int32Array(table.registers).fill(NONE);
  for (let b = 0; b < blocks.length; b++) {
    for (let o = starts[b]!; o < starts[b + 1]!; o++) {
      for (let r = readStarts[o]!; r < readStarts[o + 1]!; r++) {
        const read = reads[r]!;
        if (seenIn[read] === b || read === FRAME_POINTER) continue;
        seenIn[read] = b;
        exposed.push(b, read);
        if (numbers[read] === NONE) numbers[read] = registers.push(read) - 1;
      }
      const set = sets[o]!;
      if (set !== NONE) seenIn[set] = b;
    }
  }
  return { numbers, registers, exposed };
}
