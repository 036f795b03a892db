// Rows of bits: many sets of small numbers in one piece of memory, joined 32 members at a time.

/** `rows` sets of numbers below `columns`. */
export class BitRows {
  /** Words of a row. */
  readonly width: number;
  /** Row by row. Signed, so that a word is a small integer to JavaScript. */
  readonly words: Int32Array;

  constructor(rows: number, columns: number) {
    this.width = (columns + 31) >>> 5;
    this.words = new Int32Array(rows * this.width);
  }

  has(row: number, i: number): boolean {
    return (this.words[row * this.width + (i >>> 5)]! & (1 << (i & 31))) !== 0;
  }
  add(row: number, i: number): void {
    this.words[row * this.width + (i >>> 5)]! |= 1 << (i & 31);
  }
  delete(row: number, i: number): void {
    this.words[row * this.width + (i >>> 5)]! &= ~(1 << (i & 31));
  }
  /** How many members a row has. */
  count(row: number): number {
    const { words, width } = this;
    let count = 0;
    for (let w = row * width, end = w + width; w < end; w++) if (words[w] !== 0) count += bitCount(words[w]!);
    return count;
  }
  /** Makes a row equal to one of `other`, which must be as wide. */
  copy(row: number, other: BitRows, otherRow: number): void {
    const { words, width } = this;
    for (let w = 0; w < width; w++) words[row * width + w] = other.words[otherRow * width + w]!;
  }
  /** Takes over the members of a row of `other`, which must be as wide. */
  addAll(row: number, other: BitRows, otherRow: number): void {
    const { words, width } = this;
    const from = otherRow * width;
    for (let w = 0, into = row * width; w < width; w++, into++) {
      const more = other.words[from + w]!;
      if (more !== 0) words[into]! |= more;
    }
  }
}

/** How many bits of a word are set. */
export function bitCount(word: number): number {
  let n = word - ((word >>> 1) & 0x5555_5555);
  n = (n & 0x3333_3333) + ((n >>> 2) & 0x3333_3333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

/** Place of the lowest bit of a word that is not zero. */
export const lowestBit = (word: number): number => 31 - Math.clz32(word & -word);
