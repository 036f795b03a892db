// Pointers, as helpers and subprograms take them: the context, a map, an address on the stack. Never calculated with.

import type { Operand } from '../compile/ir.ts';
import { Expression, type Literal } from './expression.ts';

export class Pointer {
  /** @internal */
  readonly operand: () => Operand;

  /** @internal */
  constructor(operand: () => Operand) {
    this.operand = operand;
  }
}

/** What can be handed to a helper. Literals are 64 bits wide; negative ones are two's complement. */
export type Argument = Expression | Pointer | Literal;

/** @throws RangeError for a literal that is no integer of 64 bits, signed or unsigned. @internal */
export function argumentOperand(argument: Argument): Operand {
  if (argument instanceof Pointer || argument instanceof Expression) return argument.operand();
  if (typeof argument === 'number' && !Number.isSafeInteger(argument))
    throw new RangeError(`${argument} is no integer`);
  const value = BigInt(argument);
  if (value < -(1n << 63n) || value >= 1n << 64n)
    throw new RangeError(`${argument} does not fit into 64 bits`);
  return BigInt.asUintN(64, value);
}
