// Where results go in two-address form. `dst = a op b` is done in the register of an operand that nobody needs any more:
// then the result goes by that operand's name, and there is nothing to copy. What is left is for the allocator to merge.

import {
  type Block,
  definitionOf,
  forEachOperand,
  forEachTerminatorOperand,
  isConstant,
  type Operand,
  type Procedure,
  type Vreg,
} from './ir.ts';
import { NONE } from './table.ts';

export class Places {
  /** How often each register is read and set. */
  readonly #reads: Int32Array;
  readonly #sets: Int32Array;
  /** For each register the number of the block that has set it, as far as was gone through. */
  readonly #homes: Int32Array;
  readonly #names: Int32Array;

  constructor({ blocks, kinds, parameters }: Procedure) {
    const reads = new Int32Array(kinds.length);
    const sets = new Int32Array(kinds.length);
    const read = (operand: Operand): void => {
      if (!isConstant(operand)) reads[operand]!++;
    };
    for (const parameter of parameters) sets[parameter] = 1;
    for (let b = 0; b < blocks.length; b++) {
      const { operations, terminator } = blocks[b]!;
      for (let o = 0; o < operations.length; o++) {
        const operation = operations[o]!;
        const set = definitionOf(operation);
        if (set !== undefined) sets[set]!++;
        forEachOperand(operation, read);
      }
      forEachTerminatorOperand(terminator!, read);
    }
    this.#reads = reads;
    this.#sets = sets;
    this.#homes = new Int32Array(kinds.length).fill(NONE);
    this.#names = new Int32Array(kinds.length);
    for (let vreg = 0; vreg < kinds.length; vreg++) this.#names[vreg] = vreg;
  }

  /** The register that a value is in. */
  of(vreg: Vreg): Vreg {
    return this.#names[vreg]!;
  }

  /** `block` sets `vreg`. */
  set(vreg: Vreg, block: Block): void {
    this.#homes[vreg] = block.number;
  }

  /** Whether a result of `block` for `dst` can be where its operand `a` was: only this block sets it, only this result reads it. */
  canTake(dst: Vreg, a: Operand, block: Block): a is Vreg {
    if (isConstant(a) || this.#sets[dst] !== 1) return false;
    return this.#reads[a] === 1 && this.#sets[a] === 1 && this.#homes[a] === block.number;
  }

  take(dst: Vreg, a: Vreg): void {
    this.#names[dst] = this.#names[a]!;
  }
}
