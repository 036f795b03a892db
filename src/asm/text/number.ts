// Numbers in a text, and the fields they are meant for. A number that does not fit its field is refused, never truncated.

import { MAX_S16, MAX_S32, MAX_U32, MIN_S16, MIN_S32 } from '../instruction/base.ts';
import { type Cursor, shortened } from './cursor.ts';
import { TextError } from './error.ts';
import type { Position, Token } from './scanner.ts';

/** A number with its sign. */
export interface Numeral extends Position {
  readonly value: bigint;
  /** As it is written. */
  readonly text: string;
  readonly hexadecimal: boolean;
}

const HEXADECIMAL = /^0[xX][0-9a-fA-F]+$/;
const DECIMAL = /^[0-9]+$/;
/** Longer than any that fits; what is behind would only take time. */
const MAX_DIGITS = 64;

/** `5`, `-5`, `+ 0x10` */
export function numeral(cursor: Cursor, what = 'a number'): Numeral {
  const { line, column } = cursor.position;
  const negative = cursor.at('-');
  if (!cursor.take('-')) cursor.take('+');
  const token = cursor.expectKind('number', what);
  const magnitude = magnitudeOf(token);
  return {
    value: negative ? -magnitude : magnitude,
    text: `${negative ? '-' : ''}${token.text}`,
    hexadecimal: HEXADECIMAL.test(token.text),
    line,
    column,
  };
}

/** Whether a number stands `ahead` tokens further on, with or without a sign. */
export function atNumeral(cursor: Cursor, ahead = 0): boolean {
  const first = cursor.peek(ahead);
  if (first?.kind === 'number') return true;
  return (first?.text === '-' || first?.text === '+') && cursor.peek(ahead + 1)?.kind === 'number';
}

function magnitudeOf(token: Token): bigint {
  const { text } = token;
  if (!HEXADECIMAL.test(text) && !DECIMAL.test(text)) {
    throw new TextError('SYNTAX', `expected a number, found '${shortened(text)}'`, token);
  }
  if (DECIMAL.test(text) && text.length > 1 && text.startsWith('0')) {
    const message = `'${shortened(text)}': a leading 0 means octal to some assemblers; write it without, or with 0x`;
    throw new TextError('SYNTAX', message, token);
  }
  if (text.length > MAX_DIGITS)
    throw new TextError('RANGE', `${shortened(text)} does not fit 64 bits`, token);
  return BigInt(text);
}

const outOfRange = (numeral: Numeral, field: string): TextError =>
  new TextError('RANGE', `${numeral.text} does not fit into ${field}`, numeral);

/** An immediate of a 32-bit operation: signed, or unsigned and then taken as bits. */
export function bits32(numeral: Numeral): number {
  const { value } = numeral;
  if (value < MIN_S32 || value > MAX_U32) throw outOfRange(numeral, '32 bits');
  return Number(BigInt.asIntN(32, value));
}

/**
 * An immediate that is sign-extended to 64 bits: what it says must be what it becomes. So 0xffffffff is refused, which
 * would become 0xffffffffffffffff, and that, and all down to 0xffffffff80000000, is taken.
 */
export function signed32(numeral: Numeral): number {
  const meant = signed64(numeral);
  if (meant >= MIN_S32 && meant <= MAX_S32) return Number(meant);
  throw outOfRange(numeral, '32 bits that are sign-extended to 64');
}

/** A hexadecimal number of 64 bits may be a negative one. */
const signed64 = ({ value, hexadecimal }: Numeral): bigint =>
  hexadecimal && value > MAX_U32 && value < 1n << 64n ? BigInt.asIntN(64, value) : value;

/** Either of the two, for a syntax that writes 0xffffffff and 0xffffffffffffffff for -1. */
export const bits32Or64 = (numeral: Numeral): number =>
  numeral.value > MAX_U32 ? signed32(numeral) : bits32(numeral);

/** A distance in instructions, or an offset that only the 32-bit field of a legacy load has. */
export function distance32(numeral: Numeral): number {
  if (numeral.value < MIN_S32 || numeral.value > MAX_S32) throw outOfRange(numeral, '32 signed bits');
  return Number(numeral.value);
}

export function offset16(numeral: Numeral): number {
  if (numeral.value < MIN_S16 || numeral.value > MAX_S16) throw outOfRange(numeral, '16 signed bits');
  return Number(numeral.value);
}

export function unsigned(numeral: Numeral, bits: 16 | 32 | 64): bigint {
  if (numeral.value < 0n || numeral.value >= 1n << BigInt(bits)) {
    throw outOfRange(numeral, `${bits} unsigned bits`);
  }
  return numeral.value;
}

/** The 64-bit immediate of a `ld_imm64`: signed or unsigned. */
export function bits64(numeral: Numeral): bigint {
  if (numeral.value < -(1n << 63n) || numeral.value >= 1n << 64n) throw outOfRange(numeral, '64 bits');
  return BigInt.asUintN(64, numeral.value);
}
