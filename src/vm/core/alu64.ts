// 64-bit arithmetic on two 32-bit halves (RFC 9669, section 4.1), written into the destination register. Much faster
// than BigInt, which only the division of large numbers falls back to.

import { divide } from './divide.ts';

/** `d = d op s`. */
export function alu64(lo: Int32Array, hi: Int32Array, operation: number, d: number, s: number): void {
  switch (operation) {
    // BINARY.ADD
    case 0: {
      const a = lo[d]!;
      const sum = (a + lo[s]!) | 0;
      hi[d] = hi[d]! + hi[s]! + (sum >>> 0 < a >>> 0 ? 1 : 0);
      lo[d] = sum;
      return;
    }
    // BINARY.SUB
    case 1: {
      const a = lo[d]!;
      const b = lo[s]!;
      hi[d] = hi[d]! - hi[s]! - (a >>> 0 < b >>> 0 ? 1 : 0);
      lo[d] = a - b;
      return;
    }
    // BINARY.AND
    case 2:
      lo[d] = lo[d]! & lo[s]!;
      hi[d] = hi[d]! & hi[s]!;
      return;
    // BINARY.OR
    case 3:
      lo[d] = lo[d]! | lo[s]!;
      hi[d] = hi[d]! | hi[s]!;
      return;
    // BINARY.XOR
    case 4:
      lo[d] = lo[d]! ^ lo[s]!;
      hi[d] = hi[d]! ^ hi[s]!;
      return;
    // BINARY.LSH
    case 5:
      shiftLeft(lo, hi, d, lo[s]! & 63);
      return;
    // BINARY.RSH
    case 6:
      shiftRight(lo, hi, d, lo[s]! & 63);
      return;
    // BINARY.ARSH
    case 7:
      shiftRightSigned(lo, hi, d, lo[s]! & 63);
      return;
    // BINARY.MUL
    case 8:
      multiply(lo, hi, d, s);
      return;
    default:
      divide(lo, hi, operation, d, s);
  }
}

function shiftLeft(lo: Int32Array, hi: Int32Array, d: number, by: number): void {
  const low = lo[d]!;
  if (by >= 32) {
    hi[d] = low << (by - 32);
    lo[d] = 0;
  } else if (by > 0) {
    hi[d] = (hi[d]! << by) | (low >>> (32 - by));
    lo[d] = low << by;
  }
}

function shiftRight(lo: Int32Array, hi: Int32Array, d: number, by: number): void {
  const high = hi[d]!;
  if (by >= 32) {
    lo[d] = high >>> (by - 32);
    hi[d] = 0;
  } else if (by > 0) {
    lo[d] = (lo[d]! >>> by) | (high << (32 - by));
    hi[d] = high >>> by;
  }
}

function shiftRightSigned(lo: Int32Array, hi: Int32Array, d: number, by: number): void {
  const high = hi[d]!;
  if (by >= 32) {
    lo[d] = high >> (by - 32);
    hi[d] = high >> 31;
  } else if (by > 0) {
    lo[d] = (lo[d]! >>> by) | (high << (32 - by));
    hi[d] = high >> by;
  }
}

/** The low 64 bits of the product: of low x low all of it, by 16-bit parts; of the crosswise products the low half. */
function multiply(lo: Int32Array, hi: Int32Array, d: number, s: number): void {
  const a = lo[d]!;
  const b = lo[s]!;
  const crosswise = Math.imul(a, hi[s]!) + Math.imul(hi[d]!, b);
  const [a0, a1, b0, b1] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const carry = (middle & 0xffff) + a0 * b1;
  hi[d] = a1 * b1 + (middle >>> 16) + (carry >>> 16) + crosswise;
  lo[d] = Math.imul(a, b);
}
