// What may be wrong at a point of a program, for check.ts: registers and bytes of the stack that not every path has set,
// pointers that may be null or out of date, and how far the packet was seen to reach behind each pointer.

import type { Facts } from './facts.ts';
import type { Vreg } from './ir.ts';
import { indexOf } from './table.ts';

/**
 * One state: bits for what is unset, first the registers by index (table.ts), then the bytes of the stack; bits for the
 * unsettled pointers by number (facts.ts); then for each pointer how many bytes from there are known to be in the packet.
 */
export class State {
  readonly words: Int32Array;
  readonly #bytes: number;
  readonly #pointers: number;
  readonly #extents: number;

  constructor(registers: number, facts: Facts) {
    this.#bytes = registers;
    this.#pointers = (registers + facts.stackSize + 31) & ~31;
    this.#extents = (this.#pointers + facts.pointerKinds.length + 31) >>> 5;
    this.words = new Int32Array(this.#extents + facts.pointerKinds.length);
  }

  /** How many words are bits. */
  get bits(): number {
    return this.#extents;
  }

  /** What may be unset is. */
  unsetAll(): void {
    this.words.fill(-1, 0, this.#pointers >>> 5);
  }
  isUnset(register: number): boolean {
    return this.#has(register);
  }
  set(register: number): void {
    this.#clear(register);
  }
  setBytes(from: number, to: number): void {
    for (let i = from; i < to; i++) this.#clear(this.#bytes + i);
  }
  isAnyUnset(from: number, to: number): boolean {
    for (let i = from; i < to; i++) if (this.#has(this.#bytes + i)) return true;
    return false;
  }
  isUnsettled(pointer: number): boolean {
    return this.#has(this.#pointers + pointer);
  }
  settle(pointer: number): void {
    this.#clear(this.#pointers + pointer);
  }
  unsettle(pointer: number): void {
    const i = this.#pointers + pointer;
    this.words[i >>> 5]! |= 1 << (i & 31);
  }
  extent(pointer: number): number {
    return this.words[this.#extents + pointer]!;
  }
  extend(pointer: number, extent: number): void {
    this.words[this.#extents + pointer] = extent;
  }

  #has(i: number): boolean {
    return (this.words[i >>> 5]! & (1 << (i & 31))) !== 0;
  }
  #clear(i: number): void {
    this.words[i >>> 5]! &= ~(1 << (i & 31));
  }
}

/** The states in which blocks are entered. */
export class States {
  readonly #rows: Int32Array;
  readonly #bits: number;
  readonly #width: number;
  readonly #known: Uint8Array;
  readonly #pending: Uint8Array;

  /** The first block is entered in the state `start`. */
  constructor(blocks: number, start: State) {
    this.#bits = start.bits;
    this.#width = start.words.length;
    this.#rows = new Int32Array(blocks * this.#width);
    this.#known = new Uint8Array(blocks);
    this.#pending = new Uint8Array(blocks);
    this.join(0, start);
  }

  /** Puts into `state` how block b is entered; false where that was looked at before. */
  enter(b: number, { words }: State): boolean {
    if (this.#pending[b] === 0) return false;
    this.#pending[b] = 0;
    const row = b * this.#width;
    words.set(this.#rows.subarray(row, row + this.#width));
    return true;
  }

  /** Block b is entered in `state` as well: makes what is known of it as bad as the worse of both. */
  join(b: number, { words }: State): void {
    const row = b * this.#width;
    const rows = this.#rows;
    if (this.#known[b] === 0) {
      rows.set(words, row);
      this.#known[b] = 1;
      this.#pending[b] = 1;
      return;
    }
    let changed = 0;
    for (let w = 0; w < this.#width; w++) {
      const known = rows[row + w]!;
      const word = words[w]!;
      if (known === word) continue;
      const worse = w < this.#bits ? known | word : Math.min(known, word);
      changed |= known ^ worse;
      rows[row + w] = worse;
    }
    if (changed !== 0) this.#pending[b] = 1;
  }
}

/** The state in which a procedure starts: nothing is set but its parameters. */
export function startOf(registers: number, facts: Facts, parameters: readonly Vreg[]): State {
  const state = new State(registers, facts);
  state.unsetAll();
  for (const parameter of parameters) state.set(indexOf(parameter));
  return state;
}
