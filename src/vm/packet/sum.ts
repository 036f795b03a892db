// One's complement arithmetic as the kernel does it (include/net/checksum.h): sums of 32 bits, words in the machine's
// byte order, folded to 16 bits at the end.

import { LITTLE_ENDIAN } from '../../asm/index.ts';

const HALF = 0x1_0000_0000;

/** `a + b` with the carry brought round; all unsigned 32 bits. */
export function add(a: number, b: number): number {
  const sum = (a >>> 0) + (b >>> 0);
  return sum >= HALF ? sum - HALF + 1 : sum;
}

export const subtract = (a: number, b: number): number => add(a, ~b >>> 0);

/** The 16-bit checksum that stands for a sum: its complement, folded. */
export function fold(sum: number): number {
  return ~from32to16(sum) & 0xffff;
}

/** A sum in 16 bits, not complemented. */
export function from32to16(sum: number): number {
  const once = (sum & 0xffff) + ((sum >>> 16) & 0xffff);
  return (once & 0xffff) + (once >>> 16);
}

/** The sum over `bytes`, added to `initial`: 32-bit words, the last filled up with zeros. 0 only where all are zero. */
export function sumOf(bytes: Uint8Array, initial = 0): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.length & ~3;
  let total = initial >>> 0;
  for (let at = 0; at < whole; at += 4) total += view.getUint32(at, LITTLE_ENDIAN);
  let rest = 0;
  for (let at = whole; at < bytes.length; at++) {
    const shift = LITTLE_ENDIAN ? at - whole : 3 - (at - whole);
    rest += bytes[at]! * 0x100 ** shift;
  }
  total += rest;
  while (total >= HALF) total = (total % HALF) + Math.floor(total / HALF);
  return total;
}

/** `sum` as it counts at `offset`: at an odd place every byte changes sides. */
export const shifted = (sum: number, offset: number): number =>
  (offset & 1) === 0 ? sum : ((sum >>> 8) | (sum << 24)) >>> 0;
