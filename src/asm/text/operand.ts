// The operands that both syntaxes have: registers, addresses, and where a jump goes.

import type { Target } from '../instruction.ts';
import { FRAME_POINTER, type Register } from '../isa.ts';
import type { Cursor } from './cursor.ts';
import { TextError } from './error.ts';
import { atNumeral, distance32, numeral, offset16 } from './number.ts';
import type { Scope } from './scope.ts';

/** A register as it is written: `r` for 64 bits, `w` for its lower half. */
export interface RegisterOperand {
  readonly width: 'r' | 'w';
  readonly number: Register;
}

const REGISTER = /^([rRwW])([0-9]+)$/;

export const atRegister = (cursor: Cursor, ahead = 0): boolean =>
  REGISTER.test(cursor.peek(ahead)?.text ?? '');

/** @param expected What to ask for where there is none. */
export function register(cursor: Cursor, expected = 'a register'): RegisterOperand {
  const token = cursor.peek();
  const [, width, digits] = REGISTER.exec(token?.text ?? '') ?? [];
  if (!token || !width || !digits) throw cursor.unexpected(expected);
  const number = Number(digits);
  // r01 is no register either.
  if (number > FRAME_POINTER || String(number) !== digits) {
    throw new TextError('RANGE', `register ${token.text}: there are r0 to r${FRAME_POINTER}`, token);
  }
  cursor.skip(1);
  return { width: width.toLowerCase() as 'r' | 'w', number: number as Register };
}

/** A register of a certain width, or the very one that must stand here. */
export function registerOf(cursor: Cursor, width: 'r' | 'w', number?: Register): Register {
  const expected =
    number === undefined ? `a register ${width}0 to ${width}${FRAME_POINTER}` : `${width}${number}`;
  const ahead = cursor.peek();
  const matches = new RegExp(`^${width}${number ?? '[0-9]+'}$`, 'i').test(ahead?.text ?? '');
  if (!matches) throw cursor.unexpected(expected);
  return register(cursor, expected).number;
}

export interface Address {
  readonly base: Register;
  readonly offset: number;
}

/** `r1 + 76`, `r1 +76`, `r1`: what stands in the brackets of a memory access. */
export function address(cursor: Cursor): Address {
  const base = registerOf(cursor, 'r');
  const offset = cursor.at('+') || cursor.at('-') ? offset16(numeral(cursor, 'an offset')) : 0;
  return { base, offset };
}

/** `pc+5`, `+5`, `-0x5`, `5`, `name`; behind a distance llvm-objdump's `<name+0x10>` is no more than a remark. */
export function target(cursor: Cursor, scope: Scope, bits: 16 | 32): Target {
  const counted = cursor.at('pc') && (cursor.peek(1)?.text === '+' || cursor.peek(1)?.text === '-');
  if (counted) cursor.skip(1);
  if (counted || atNumeral(cursor)) {
    const distance = numeral(cursor, 'a distance');
    remark(cursor);
    return bits === 16 ? offset16(distance) : distance32(distance);
  }
  return scope.expectLabel(cursor.expectKind('name', 'a label or a distance'));
}

function remark(cursor: Cursor): void {
  if (!cursor.at('<')) return;
  let length = 1;
  while (cursor.peek(length) && cursor.peek(length)?.text !== '>') length++;
  if (cursor.peek(length)) cursor.skip(length + 1);
}
