// Arithmetic on constants, as the machine would do it (RFC 9669, section 4.1): unsigned, wrapping, division by zero
// gives zero, modulo by zero the dividend, shifts masked to the width.

import { type BinaryOperator, type Comparison, isConstant, type Operand, type Width } from './ir.ts';

type Calculate = (a: bigint, b: bigint, width: Width) => bigint;

const CALCULATIONS: { readonly [O in BinaryOperator]: Calculate } = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => (b === 0n ? 0n : a / b),
  mod: (a, b) => (b === 0n ? a : a % b),
  or: (a, b) => a | b,
  and: (a, b) => a & b,
  xor: (a, b) => a ^ b,
  lsh: (a, b, width) => a << (b & BigInt(width - 1)),
  rsh: (a, b, width) => a >> (b & BigInt(width - 1)),
  arsh: (a, b, width) => BigInt.asIntN(width, a) >> (b & BigInt(width - 1)),
};

export function foldBinary(operator: BinaryOperator, width: Width, a: bigint, b: bigint): bigint {
  const result = CALCULATIONS[operator](BigInt.asUintN(width, a), BigInt.asUintN(width, b), width);
  return BigInt.asUintN(width, result);
}

const COMPARISONS: { readonly [C in Comparison]: (a: bigint, b: bigint, width: Width) => boolean } = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
  slt: (a, b, width) => BigInt.asIntN(width, a) < BigInt.asIntN(width, b),
  sle: (a, b, width) => BigInt.asIntN(width, a) <= BigInt.asIntN(width, b),
  sgt: (a, b, width) => BigInt.asIntN(width, a) > BigInt.asIntN(width, b),
  sge: (a, b, width) => BigInt.asIntN(width, a) >= BigInt.asIntN(width, b),
  set: (a, b) => (a & b) !== 0n,
};

export function foldComparison(comparison: Comparison, width: Width, a: bigint, b: bigint): boolean {
  return COMPARISONS[comparison](BigInt.asUintN(width, a), BigInt.asUintN(width, b), width);
}

const NEUTRAL_ZERO: ReadonlySet<BinaryOperator> = new Set(['add', 'sub', 'or', 'xor', 'lsh', 'rsh', 'arsh']);

/**
 * The operand that an operation with a neutral element merely hands through, if so. Only at 64 bits: a 32-bit
 * operation also clears the upper half.
 */
export function identity(
  operator: BinaryOperator,
  width: Width,
  a: Operand,
  b: Operand,
): Operand | undefined {
  if (width !== 64 || !isConstant(b)) return undefined;
  const value = BigInt.asUintN(64, b);
  if (value === 0n && NEUTRAL_ZERO.has(operator)) return a;
  if (value === 1n && (operator === 'mul' || operator === 'div')) return a;
  return value === (1n << 64n) - 1n && operator === 'and' ? a : undefined;
}
