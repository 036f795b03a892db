// 64-bit division and remainder, signed and unsigned (RFC 9669, section 4.1). By zero: quotient 0, remainder the
// dividend. The most negative number divided by -1 is itself, its remainder 0.

import { BINARY } from './operation.ts';

const HALF = 0x1_0000_0000;
/** Numbers whose upper half is below this are exact as JavaScript numbers. */
const EXACT_HI = 0x20_0000;

/** `d = d op s`. */
export function divide(lo: Int32Array, hi: Int32Array, operation: number, d: number, s: number): void {
  const wantsQuotient = operation === BINARY.DIV || operation === BINARY.SDIV;
  if (lo[s] === 0 && hi[s] === 0) {
    if (!wantsQuotient) return;
    lo[d] = 0;
    hi[d] = 0;
    return;
  }
  // Not negative and exact, the two signednesses agree.
  if (hi[d]! >>> 0 < EXACT_HI && hi[s]! >>> 0 < EXACT_HI) {
    const a = hi[d]! * HALF + (lo[d]! >>> 0);
    const b = hi[s]! * HALF + (lo[s]! >>> 0);
    const remainder = a % b;
    const result = wantsQuotient ? (a - remainder) / b : remainder;
    lo[d] = result % HALF;
    hi[d] = result / HALF;
    return;
  }
  if (hi[s] === 0 && lo[s]! >>> 0 < EXACT_HI && (operation === BINARY.DIV || operation === BINARY.MOD)) {
    divideBySmall(lo, hi, d, lo[s]!, wantsQuotient);
    return;
  }
  const signed = operation === BINARY.SDIV || operation === BINARY.SMOD;
  const a = toBigInt(lo[d]!, hi[d]!, signed);
  const b = toBigInt(lo[s]!, hi[s]!, signed);
  const result = wantsQuotient ? a / b : a % b;
  lo[d] = Number(BigInt.asIntN(32, result));
  hi[d] = Number(BigInt.asIntN(32, result >> 32n));
}

/** Long division, a half at a time: a divisor this small leaves remainders that are exact with a half behind them. */
function divideBySmall(
  lo: Int32Array,
  hi: Int32Array,
  d: number,
  divisor: number,
  wantsQuotient: boolean,
): void {
  const high = hi[d]! >>> 0;
  const rest = (high % divisor) * HALF + (lo[d]! >>> 0);
  const remainder = rest % divisor;
  hi[d] = wantsQuotient ? high / divisor : 0;
  lo[d] = wantsQuotient ? (rest - remainder) / divisor : remainder;
}

const toBigInt = (lo: number, hi: number, signed: boolean): bigint =>
  (BigInt(signed ? hi : hi >>> 0) << 32n) | BigInt(lo >>> 0);
