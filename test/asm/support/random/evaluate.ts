// What expressions and conditions of random programs are worth: values are the numbers they mean, memory is bytes.
// Nothing of src/asm is used.

import { readNumber, reversed, writeNumber } from './number.ts';
import {
  BITS,
  type BinaryOperator,
  type Comparison,
  type Condition,
  type Expression,
  type Input,
  isNetwork,
  type Kind,
  type Place,
} from './plan.ts';

export interface Memory {
  readonly bytes: Uint8Array;
  readonly offset: number;
}

export const mask = (value: bigint, bits: number): bigint => BigInt.asUintN(bits, value);

/** What there is at a point of a program, by the numbers of the plan. */
export class Evaluator {
  readonly lets: Map<number, bigint> = new Map();
  readonly conditions: Map<number, boolean> = new Map();
  readonly views: Map<number, Memory> = new Map();
  readonly variables: bigint[] = [];

  input(input: Input): bigint {
    return 'literal' in input ? input.literal : this.value(input);
  }

  /** The bits of a value as a little-endian register holds them. */
  raw(expression: Expression): bigint {
    const value = this.value(expression);
    return isNetwork(expression.kind) ? reversed(value, BITS[expression.kind]) : value;
  }

  value(expression: Expression): bigint {
    const bits = BITS[expression.kind];
    switch (expression.is) {
      case 'constant':
        return expression.value;
      case 'place':
        return this.read(expression.place);
      case 'variable':
        return this.variables[expression.index]!;
      case 'let':
        return this.lets.get(expression.id)!;
      case 'binary':
        return mask(OPERATORS[expression.operator](this.value(expression.a), this.input(expression.b)), bits);
      case 'shl':
        return mask(this.value(expression.a) << BigInt(expression.bits), bits);
      case 'shr':
        return this.value(expression.a) >> BigInt(expression.bits);
      case 'as':
        return mask(this.value(expression.a), bits);
      case 'not':
        return mask(~this.value(expression.a), bits);
      case 'toHost':
      case 'toNetwork':
        return this.value(expression.a);
      case 'bits':
        return reversed(this.value(expression.a), bits);
    }
  }

  holds(condition: Condition): boolean {
    switch (condition.is) {
      case 'compare':
        return COMPARISONS[condition.comparison](this.value(condition.a), this.input(condition.b));
      case 'negative':
        return this.value(condition.a) >> BigInt(BITS[condition.a.kind] - 1) === 1n;
      case 'not':
        return !this.holds(condition.of);
      case 'and':
        return this.holds(condition.left) && this.holds(condition.right);
      case 'or':
        return this.holds(condition.left) || this.holds(condition.right);
      case 'made':
        return this.conditions.get(condition.id)!;
    }
  }

  read({ view, field }: Place): bigint {
    const { bytes, offset } = this.views.get(view)!;
    return readNumber(bytes, offset + field.offset, field.type as Kind);
  }

  write({ view, field }: Place, value: bigint): void {
    const { bytes, offset } = this.views.get(view)!;
    writeNumber(bytes, offset + field.offset, field.type as Kind, value);
  }

  bytes({ view, field }: Place): Uint8Array {
    const { bytes, offset } = this.views.get(view)!;
    if (typeof field.type === 'string') throw new Error(`${field.path}: a number`);
    const start = offset + field.offset;
    return bytes.subarray(start, start + field.type.bytes);
  }
}

const OPERATORS: { readonly [O in BinaryOperator]: (a: bigint, b: bigint) => bigint } = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
};

const COMPARISONS: { readonly [C in Comparison]: (a: bigint, b: bigint) => boolean } = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
};
