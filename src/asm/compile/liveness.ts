// Which registers hold something still needed, at the end of every block. Backward dataflow on rows of bits.

import { BitRows } from './bits.ts';
import { CALL, CLOBBERED, NONE, type Table } from './table.ts';

export interface Liveness {
  /** A row for each block: the registers live before its first operation. */
  readonly starts: BitRows;
  /** The registers live behind its terminator; one row more is for whoever steps back from there. */
  readonly ends: BitRows;
}

export function liveness(table: Table): Liveness {
  const { blocks, registers, successors } = table;
  const ends = new BitRows(blocks.length + 1, registers);
  const starts = new BitRows(blocks.length, registers);
  const passed = new BitRows(blocks.length, registers);
  passed.words.fill(-1);
  for (let b = 0; b < blocks.length; b++) summarize(table, b, starts, passed);
  const { width } = ends;
  let changed = true;
  while (changed) {
    changed = false;
    for (let b = blocks.length - 1; b >= 0; b--) {
      for (let s = 2 * b; s < 2 * b + 2; s++)
        if (successors[s] !== NONE) ends.addAll(b, starts, successors[s]!);
      for (let w = b * width, end = w + width; w < end; w++) {
        const more = ends.words[w]! & passed.words[w]! & ~starts.words[w]!;
        if (more === 0) continue;
        starts.words[w]! |= more;
        changed = true;
      }
    }
    // Successors come later but in loops: then the first round has seen everything.
    if (!table.loops) break;
  }
  return { starts, ends };
}

/** What a block reads before it sets it, and what it does not set at all. */
function summarize(table: Table, block: number, starts: BitRows, passed: BitRows): void {
  for (let o = table.starts[block + 1]! - 1; o >= table.starts[block]!; o--) {
    const set = table.sets[o]!;
    if (set !== NONE) passed.delete(block, set);
    if (table.forms[o] === CALL) passed.words[block * passed.width]! &= ~CLOBBERED;
    stepBack(table, o, starts, block);
  }
}

/** Steps backwards over one operation: what is live behind it becomes what is live before it. */
export function stepBack(table: Table, operation: number, live: BitRows, row: number): void {
  const { sets, reads, readStarts, forms } = table;
  const set = sets[operation]!;
  if (set !== NONE) live.delete(row, set);
  if (forms[operation] === CALL) live.words[row * live.width]! &= ~CLOBBERED;
  for (let r = readStarts[operation]!, end = readStarts[operation + 1]!; r < end; r++)
    live.add(row, reads[r]!);
}
