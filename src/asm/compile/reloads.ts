// Machine registers for what spilling made: registers that live from a load to its use, or from a calculation to its
// store. Nearly always one is free there, with all others staying where they are; then nothing has to be coloured again.

import { FRAME_POINTER } from '../isa.ts';
import { ALL_COLOURS, PREFERENCE } from './colour.ts';
import {
  type Block,
  definitionOf,
  forEachOperand,
  forEachTerminatorOperand,
  isConstant,
  isMachine,
  machineNumber,
  type Operand,
  type Operation,
  type Procedure,
  type Vreg,
} from './ir.ts';
import { LiveSet } from './live-set.ts';
import { forEachAtEnd, type Liveness } from './liveness.ts';
import { CLOBBERED, NONE } from './table.ts';

/**
 * The machine registers of all virtual ones, or undefined where there is none for some.
 *
 * @param colours machine registers of those virtual ones that were there before spilling
 * @param spilled which of them were
 * @param live what was live between the blocks before spilling
 */
export function fitReloads(
  { blocks, kinds }: Procedure,
  touched: Uint8Array,
  colours: Int32Array,
  spilled: ReadonlySet<Vreg>,
  live: Liveness,
): Int32Array | undefined {
  const fitted = new Int32Array(kinds.length).fill(NONE);
  fitted.set(colours);
  const fitting = new Fitting(fitted, colours.length);
  for (let b = 0; b < blocks.length; b++) {
    if (touched[b] === 0) continue;
    fitting.begin();
    forEachAtEnd(live, b, (vreg) => {
      if (!spilled.has(vreg)) fitting.live(vreg);
    });
    if (!fitting.fit(blocks[b]!)) return undefined;
  }
  return fitted;
}

/** Steps back through a block, knowing which machine registers are taken. */
class Fitting {
  readonly #colours: Int32Array;
  /** Virtual registers from here on were made by spilling. */
  readonly #firstMade: Vreg;
  readonly #live: LiveSet;
  /** The machine registers that are live as such. */
  #machine = 0;
  /** Registers made by spilling that the operation reads and that have no machine register yet. */
  #open: Vreg[] = [];

  constructor(colours: Int32Array, firstMade: Vreg) {
    this.#colours = colours;
    this.#firstMade = firstMade;
    this.#live = new LiveSet(colours.length);
  }

  begin(): void {
    this.#live.clear();
    this.#machine = 0;
  }

  live(vreg: Vreg): void {
    this.#live.add(vreg);
  }

  /** Whether there was a machine register for everything. */
  fit({ operations, terminator }: Block): boolean {
    forEachTerminatorOperand(terminator!, this.#read);
    if (!this.#close(undefined, operations.at(-1))) return false;
    for (let o = operations.length - 1; o >= 0; o--) {
      const operation = operations[o]!;
      const set = definitionOf(operation);
      if (operation.op === 'call') this.#machine &= ~CLOBBERED;
      if (set !== undefined && isMachine(set)) this.#machine &= ~(1 << machineNumber(set));
      else if (set !== undefined) this.#live.delete(set);
      forEachOperand(operation, this.#read);
      if (!this.#close(operation, operations[o - 1])) return false;
    }
    return true;
  }

  readonly #read = (operand: Operand): void => {
    if (isConstant(operand)) return;
    if (isMachine(operand)) {
      if (machineNumber(operand) !== FRAME_POINTER) this.#machine |= 1 << machineNumber(operand);
    } else if (operand >= this.#firstMade && this.#colours[operand] === NONE) this.#open.push(operand);
    else this.#live.add(operand);
  };

  /** Gives those read by `reader` their machine registers; `before` is the operation before it. */
  #close(reader: Operation | undefined, before: Operation | undefined): boolean {
    for (let vreg = this.#open.pop(); vreg !== undefined; vreg = this.#open.pop()) {
      if (this.#colours[vreg] !== NONE) continue;
      const free = ALL_COLOURS & ~this.#taken(vreg, before);
      if (free === 0) return false;
      const wished = free & (this.#wish(vreg, reader) | this.#wish(vreg, before));
      const good = wished === 0 ? free : wished;
      this.#colours[vreg] = PREFERENCE.find((candidate) => (good & (1 << candidate)) !== 0)!;
      this.#live.add(vreg);
    }
    return true;
  }

  /** The machine registers that hold something else while `vreg` is live. */
  #taken(vreg: Vreg, before: Operation | undefined): number {
    const { members, size } = this.#live;
    let taken = this.#machine;
    for (let m = 0; m < size; m++) taken |= 1 << this.#colours[members[m]!]!;
    // Calculated in place: what else goes into it is needed until then.
    if (before?.op === 'binary' && before.dst === vreg) {
      const { b } = before;
      if (!isConstant(b) && b !== vreg && !(b >= this.#firstMade)) taken |= this.#bit(b);
    }
    return taken;
  }

  /** The machine register that a move into or out of `vreg` would like it to be in. */
  #wish(vreg: Vreg, operation: Operation | undefined): number {
    if (operation?.op !== 'move') return 0;
    const { dst, from } = operation;
    if (from === vreg) return this.#bit(dst);
    return dst === vreg && !isConstant(from) ? this.#bit(from) : 0;
  }

  #bit(vreg: Vreg): number {
    const colour = isMachine(vreg) ? machineNumber(vreg) : this.#colours[vreg]!;
    return colour === NONE || colour === FRAME_POINTER ? 0 : 1 << colour;
  }
}
