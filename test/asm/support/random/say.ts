// Expressions and conditions of random programs, said in the DSL. The kinds were settled by the generator, so the types are
// not asked again here.

import type { Condition as DslCondition } from '../../../../src/asm/index.ts';
import type { Condition, Expression, FieldValue, Literal, Place } from './plan.ts';

// biome-ignore lint/suspicious/noExplicitAny: a generated expression has a kind that only the plan knows.
export type Any = any;

/** What was said before, by the numbers of the plan. */
export class Speaker {
  readonly p: Any;
  readonly lets: Map<number, Any> = new Map();
  readonly conditions: Map<number, DslCondition> = new Map();
  readonly views: Map<number, Any> = new Map();
  readonly variables: Any[] = [];

  constructor(p: Any) {
    this.p = p;
  }

  position(at: Expression | Literal): Any {
    return 'literal' in at ? Number(at.literal) : this.expression(at);
  }

  /** The bits as they are in the register: what is above the kind's own must be zero. */
  asU64(expression: Expression): Any {
    const value = this.expression(expression);
    return (expression.kind.startsWith('be') ? value.bits() : value).as('u64');
  }

  input(input: Expression | Literal): Any {
    return 'literal' in input ? input.literal : this.expression(input);
  }

  fieldInput(value: FieldValue['value']): Any {
    return isBytes(value) ? Uint8Array.from(value) : this.input(value);
  }

  structOf(values: readonly FieldValue[]): Any {
    const built: Any = {};
    for (const { field, value } of values) {
      const [name, index] = field.path as [string, number?];
      if (index === undefined) built[name] = this.fieldInput(value);
      else {
        built[name] ??= [];
        built[name][index] = this.fieldInput(value);
      }
    }
    return built;
  }

  place({ view, field }: Place): Any {
    return fieldAt(this.views.get(view), field.path);
  }

  expression(expression: Expression): Any {
    const built = this.#build(expression);
    if (built.kind !== expression.kind)
      throw new Error(`${expression.is}: ${built.kind}, not ${expression.kind}`);
    return built;
  }

  #build(expression: Expression): Any {
    switch (expression.is) {
      case 'constant':
        return this.p.constant(expression.kind, expression.value);
      case 'place': {
        const place = this.place(expression.place);
        return expression.once ? place.get() : place;
      }
      case 'variable':
        return this.variables[expression.index];
      case 'let':
        return this.lets.get(expression.id);
      case 'binary':
        return this.expression(expression.a)[expression.operator](this.input(expression.b));
      case 'shl':
      case 'shr':
        return this.expression(expression.a)[expression.is](expression.bits);
      case 'as':
        return this.expression(expression.a).as(expression.kind);
      default:
        return this.expression(expression.a)[expression.is]();
    }
  }

  condition(condition: Condition): DslCondition {
    switch (condition.is) {
      case 'compare':
        return this.expression(condition.a)[condition.comparison](this.input(condition.b));
      case 'negative':
        return this.expression(condition.a).isNegative();
      case 'not':
        return this.condition(condition.of).not();
      case 'made':
        return this.conditions.get(condition.id)!;
      case 'and':
      case 'or': {
        const left = this.condition(condition.left);
        return left[condition.is](this.condition(condition.right));
      }
    }
  }
}

const isBytes = (value: FieldValue['value']): value is readonly number[] => Array.isArray(value);

export function fieldAt(view: Any, path: readonly (string | number)[]): Any {
  let place = view;
  for (const step of path) place = typeof step === 'number' ? place.at(step) : place[step];
  if (place === undefined) throw new Error(`no field ${path.join('.')}`);
  return place;
}
