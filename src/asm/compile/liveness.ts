// Which registers hold something still needed, at the end of every block. Backward dataflow on bit sets.
// Machine registers take the first places: a register's index is its vreg + MACHINE_REGISTERS, or its own number.

import {
  type Block,
  definitionOf,
  isConstant,
  isMachine,
  machineNumber,
  type Operand,
  type Operation,
  operandsOf,
  operandsOfTerminator,
  type Procedure,
  successorsOf,
  type Vreg,
} from './ir.ts';

/** r0 to r10. */
export const MACHINE_REGISTERS = 11;
/** r0 to r5: a call leaves nothing of use in them but its result. */
export const CLOBBERED = 6;

export const indexOf = (vreg: Vreg): number =>
  isMachine(vreg) ? machineNumber(vreg) : vreg + MACHINE_REGISTERS;

/** A set of small numbers. */
export class BitSet {
  readonly words: Uint32Array;

  constructor(size: number) {
    this.words = new Uint32Array((size + 31) >>> 5);
  }

  get size(): number {
    let size = 0;
    for (let word of this.words) {
      for (; word !== 0; word &= word - 1) size++;
    }
    return size;
  }
  has(i: number): boolean {
    return (this.words[i >>> 5]! & (1 << (i & 31))) !== 0;
  }
  add(i: number): void {
    this.words[i >>> 5]! |= 1 << (i & 31);
  }
  delete(i: number): void {
    this.words[i >>> 5]! &= ~(1 << (i & 31));
  }
  /** Takes over the members of `other`; true when there were new ones. */
  addAll(other: BitSet): boolean {
    let changed = false;
    for (let w = 0; w < this.words.length; w++) {
      const joined = (this.words[w]! | other.words[w]!) >>> 0;
      changed ||= joined !== this.words[w];
      this.words[w] = joined;
    }
    return changed;
  }
  /** Takes over those members of `other` that are in `mask` as well; true when there were new ones. */
  addMasked(other: BitSet, mask: BitSet): boolean {
    let changed = false;
    for (let w = 0; w < this.words.length; w++) {
      const joined = (this.words[w]! | (other.words[w]! & mask.words[w]!)) >>> 0;
      changed ||= joined !== this.words[w];
      this.words[w] = joined;
    }
    return changed;
  }
  clone(): BitSet {
    const copy = new BitSet(this.words.length * 32);
    copy.words.set(this.words);
    return copy;
  }
  forEach(visit: (i: number) => void): void {
    for (let w = 0; w < this.words.length; w++) {
      for (let rest = this.words[w]!; rest !== 0; rest &= rest - 1)
        visit(w * 32 + (31 - Math.clz32(rest & -rest)));
    }
  }
}

/** Indices of the registers an operation sets, those a call clobbers included. */
export function definedBy(operation: Operation): readonly number[] {
  const defined = definitionOf(operation);
  if (operation.op === 'call') return [...CALLER_SAVED, indexOf(operation.dst)];
  return defined === undefined ? [] : [indexOf(defined)];
}

const CALLER_SAVED: readonly number[] = Array.from({ length: CLOBBERED }, (_, i) => i);

const use = (operands: readonly Operand[], live: BitSet): void => {
  for (const operand of operands) if (!isConstant(operand)) live.add(indexOf(operand));
};

/** Steps backwards over one operation. */
export function stepBack(operation: Operation, live: BitSet): void {
  for (const i of definedBy(operation)) live.delete(i);
  use(operandsOf(operation), live);
}

/** The registers live before the first operation of a block. */
export function liveAtStart(block: Block, atEnd: BitSet): BitSet {
  const live = atEnd.clone();
  for (let i = block.operations.length - 1; i >= 0; i--) stepBack(block.operations[i]!, live);
  return live;
}

/** The registers live at the end of each block, before its terminator has read its operands. */
export function liveAtEnd(procedure: Procedure): Map<Block, BitSet> {
  const size = MACHINE_REGISTERS + procedure.kinds.length;
  const blocks = procedure.blocks.map((block) => ({
    block,
    ...summary(block, size),
    atEnd: new BitSet(size),
  }));
  const byBlock = new Map(blocks.map((entry) => [entry.block, entry]));
  for (const entry of blocks) use(operandsOfTerminator(entry.block.terminator!), entry.atEnd);
  blocks.reverse();
  for (let changed = true; changed; ) {
    changed = false;
    for (const { block, atStart, kept, atEnd } of blocks) {
      for (const successor of successorsOf(block.terminator!)) atEnd.addAll(byBlock.get(successor)!.atStart);
      if (atStart.addMasked(atEnd, kept)) changed = true;
    }
  }
  return new Map(blocks.map(({ block, atEnd }) => [block, atEnd]));
}

/** What a block reads before it sets it, and what it does not set at all. */
function summary(block: Block, size: number): { atStart: BitSet; kept: BitSet } {
  const kept = new BitSet(size);
  kept.words.fill(0xffff_ffff);
  for (const operation of block.operations) for (const i of definedBy(operation)) kept.delete(i);
  return { atStart: liveAtStart(block, new BitSet(size)), kept };
}
