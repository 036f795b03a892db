// Conditions of jumps (RFC 9669, section 4.3), on the halves of 64-bit numbers and on 32-bit numbers.

import { COMPARE } from './operation.ts';

export function compare64(operation: number, aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  switch (operation) {
    case COMPARE.EQ:
      return aLo === bLo && aHi === bHi;
    case COMPARE.NE:
      return aLo !== bLo || aHi !== bHi;
    case COMPARE.GT:
      return aHi === bHi ? aLo >>> 0 > bLo >>> 0 : aHi >>> 0 > bHi >>> 0;
    case COMPARE.GE:
      return aHi === bHi ? aLo >>> 0 >= bLo >>> 0 : aHi >>> 0 > bHi >>> 0;
    case COMPARE.LT:
      return aHi === bHi ? aLo >>> 0 < bLo >>> 0 : aHi >>> 0 < bHi >>> 0;
    case COMPARE.LE:
      return aHi === bHi ? aLo >>> 0 <= bLo >>> 0 : aHi >>> 0 < bHi >>> 0;
    case COMPARE.SGT:
      return aHi === bHi ? aLo >>> 0 > bLo >>> 0 : aHi > bHi;
    case COMPARE.SGE:
      return aHi === bHi ? aLo >>> 0 >= bLo >>> 0 : aHi > bHi;
    case COMPARE.SLT:
      return aHi === bHi ? aLo >>> 0 < bLo >>> 0 : aHi < bHi;
    case COMPARE.SLE:
      return aHi === bHi ? aLo >>> 0 <= bLo >>> 0 : aHi < bHi;
    default:
      return (aLo & bLo) !== 0 || (aHi & bHi) !== 0;
  }
}

export function compare32(operation: number, a: number, b: number): boolean {
  switch (operation) {
    case COMPARE.EQ:
      return a === b;
    case COMPARE.NE:
      return a !== b;
    case COMPARE.GT:
      return a >>> 0 > b >>> 0;
    case COMPARE.GE:
      return a >>> 0 >= b >>> 0;
    case COMPARE.LT:
      return a >>> 0 < b >>> 0;
    case COMPARE.LE:
      return a >>> 0 <= b >>> 0;
    case COMPARE.SGT:
      return a > b;
    case COMPARE.SGE:
      return a >= b;
    case COMPARE.SLT:
      return a < b;
    case COMPARE.SLE:
      return a <= b;
    default:
      return (a & b) !== 0;
  }
}
