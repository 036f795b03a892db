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

/** @internal */
export function argumentOperand(argument: Argument): Operand {
  const typed = argument instanceof Pointer || argument instanceof Expression;
  return typed ? argument.operand() : BigInt.asUintN(64, BigInt(argument));
}
