// Conditions of jumps (RFC 9669, section 4.3), on the halves of 64-bit numbers and on 32-bit numbers.

export function compare64(operation: number, aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  switch (operation) {
    // COMPARE.EQ
    case 0:
      return aLo === bLo && aHi === bHi;
    // COMPARE.NE
    case 1:
      return aLo !== bLo || aHi !== bHi;
    // COMPARE.GT
    case 2:
      return aHi === bHi ? aLo >>> 0 > bLo >>> 0 : aHi >>> 0 > bHi >>> 0;
    // COMPARE.GE
    case 3:
      return aHi === bHi ? aLo >>> 0 >= bLo >>> 0 : aHi >>> 0 > bHi >>> 0;
    // COMPARE.LT
    case 4:
      return aHi === bHi ? aLo >>> 0 < bLo >>> 0 : aHi >>> 0 < bHi >>> 0;
    // COMPARE.LE
    case 5:
      return aHi === bHi ? aLo >>> 0 <= bLo >>> 0 : aHi >>> 0 < bHi >>> 0;
    // COMPARE.SGT
    case 6:
      return aHi === bHi ? aLo >>> 0 > bLo >>> 0 : aHi > bHi;
    // COMPARE.SGE
    case 7:
      return aHi === bHi ? aLo >>> 0 >= bLo >>> 0 : aHi > bHi;
    // COMPARE.SLT
    case 8:
      return aHi === bHi ? aLo >>> 0 < bLo >>> 0 : aHi < bHi;
    // COMPARE.SLE
    case 9:
      return aHi === bHi ? aLo >>> 0 <= bLo >>> 0 : aHi < bHi;
    default:
      return (aLo & bLo) !== 0 || (aHi & bHi) !== 0;
  }
}

export function compare32(operation: number, a: number, b: number): boolean {
  switch (operation) {
    // COMPARE.EQ
    case 0:
      return a === b;
    // COMPARE.NE
    case 1:
      return a !== b;
    // COMPARE.GT
    case 2:
      return a >>> 0 > b >>> 0;
    // COMPARE.GE
    case 3:
      return a >>> 0 >= b >>> 0;
    // COMPARE.LT
    case 4:
      return a >>> 0 < b >>> 0;
    // COMPARE.LE
    case 5:
      return a >>> 0 <= b >>> 0;
    // COMPARE.SGT
    case 6:
      return a > b;
    // COMPARE.SGE
    case 7:
      return a >= b;
    // COMPARE.SLT
    case 8:
      return a < b;
    // COMPARE.SLE
    case 9:
      return a <= b;
    default:
      return (a & b) !== 0;
  }
}
