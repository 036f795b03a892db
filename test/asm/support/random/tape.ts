// Randomness that shrinks well: a list of numbers from fast-check, read one after the other. A shorter list, or smaller
// numbers in it, make a simpler program; where it has run out everything is the first, simplest choice.

export class Tape {
  readonly #numbers: readonly number[];
  #next = 0;

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers;
  }

  get left(): number {
    return Math.max(0, this.#numbers.length - this.#next);
  }

  /** An integer from 0 to `n - 1`. */
  below(n: number): number {
    return (this.#numbers[this.#next++] ?? 0) % n;
  }

  chance(outOf: number): boolean {
    return this.below(outOf) === outOf - 1;
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new Error('a choice from nothing');
    return choice;
  }

  /** An unsigned integer of `bits` bits, edges preferred. */
  integer(bits: number): bigint {
    const size = 1n << BigInt(bits);
    const edges = [
      0n,
      1n,
      size - 1n,
      size >> 1n,
      (size >> 1n) - 1n,
      0xffn,
      0xffffn,
      0xffff_ffffn,
      0x8000_0000n,
      0x7fff_ffffn,
    ];
    const choice = this.below(edges.length + 6);
    const edge = edges[choice];
    if (edge !== undefined) return edge % size;
    let value = 0n;
    for (let i = 0; i < bits; i += 8) value = (value << 8n) | BigInt(this.below(256));
    return value % size;
  }
}
