// Conditions: comparisons joined by and, or, not. Operands are evaluated where the comparison is written;
// only the jumps are short-circuited.

import type { Block, Comparison, Operand, Width } from '../compile/ir.ts';
import type { Recorder } from './recorder.ts';

type Shape =
  | {
      readonly is: 'compare';
      readonly comparison: Comparison;
      readonly width: Width;
      readonly a: Operand;
      readonly b: Operand;
    }
  | { readonly is: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly is: 'not'; readonly of: Condition };

export class Condition {
  readonly #shape: Shape;

  private constructor(shape: Shape) {
    this.#shape = shape;
  }

  static compare(comparison: Comparison, width: Width, a: Operand, b: Operand): Condition {
    return new Condition({ is: 'compare', comparison, width, a, b });
  }

  and(other: Condition): Condition {
    return new Condition({ is: 'and', left: this, right: other });
  }

  or(other: Condition): Condition {
    return new Condition({ is: 'or', left: this, right: other });
  }

  not(): Condition {
    return new Condition({ is: 'not', of: this });
  }

  /** Ends the present block with a jump to one of the two. @internal */
  branch(recorder: Recorder, then: Block, otherwise: Block): void {
    const shape = this.#shape;
    switch (shape.is) {
      case 'compare': {
        const { comparison, width, a, b } = shape;
        const { here: site } = recorder;
        recorder.end({ end: 'branch', comparison, width, a, b, whenTrue: then, whenFalse: otherwise, site });
        return;
      }
      case 'not':
        shape.of.branch(recorder, otherwise, then);
        return;
      case 'and':
      case 'or': {
        const right = recorder.block(shape.is, { condition: true });
        if (shape.is === 'and') shape.left.branch(recorder, right, otherwise);
        else shape.left.branch(recorder, then, right);
        recorder.enter(right);
        shape.right.branch(recorder, then, otherwise);
      }
    }
  }
}
