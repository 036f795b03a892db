// A set of small numbers that is gone through often and changed often: its members stand in a list, and each number knows
// its place there.

import { NONE } from './table.ts';

export class LiveSet {
  /** The members are the first `size`. */
  readonly members: Int32Array;
  size = 0;
  readonly #places: Int32Array;

  constructor(numbers: number) {
    this.members = new Int32Array(numbers);
    this.#places = new Int32Array(numbers).fill(NONE);
  }

  add(i: number): void {
    if (this.#places[i] !== NONE) return;
    this.#places[i] = this.size;
    this.members[this.size++] = i;
  }

  delete(i: number): void {
    const place = this.#places[i]!;
    if (place === NONE) return;
    const last = this.members[--this.size]!;
    this.members[place] = last;
    this.#places[last] = place;
    this.#places[i] = NONE;
  }

  clear(): void {
    for (let m = 0; m < this.size; m++) this.#places[this.members[m]!] = NONE;
    this.size = 0;
  }
}
