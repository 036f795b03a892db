// Random programs out of a tape of numbers. Whatever comes out is correct: nothing unset is read, no stale view used.

import { anyKind, input, storable } from './expressions.ts';
import { DATA } from './make-data.ts';
import { FLOW } from './make-flow.ts';
import { MEMORY } from './make-memory.ts';
import {
  CONTEXT,
  type Expression,
  HOST,
  type Host,
  type Plan,
  type PlannedFunction,
  type Procedure,
  RESULTS,
  STATE,
  type Statement,
} from './plan.ts';
import { NESTING, Scope } from './scope.ts';
import { Tape } from './tape.ts';

/** Makes a statement, or none where there is nothing to make it of. */
export type Maker = (generator: Generator, scope: Scope, nesting: number) => Statement | undefined;

const MAKERS: { readonly [is: string]: Maker } = { ...DATA, ...FLOW, ...MEMORY };
const ORDINARY = ['let', 'assign', 'set', 'when', 'emit', 'condition', 'read'];
const SELDOM = Object.keys(MAKERS).filter((is) => !ORDINARY.includes(is));
/** What a function can do, having neither packet nor context nor results. */
const IN_FUNCTIONS = [
  'let',
  'assign',
  'when',
  'condition',
  'exit',
  'set',
  'stack',
  'match',
  'loop',
  'stop',
  'ask',
  'invoke',
  'clock',
  'update',
  'increase',
];
/** Each of these takes from the 512 bytes of stack. */
const LIMITS: { readonly [is: string]: number } = {
  stack: 1,
  copy: 1,
  find: 3,
  ask: 3,
  store: 4,
  update: 1,
  remove: 2,
};

class Generator {
  readonly tape: Tape;
  readonly functions: PlannedFunction[] = [];
  /** What the function being made returns; undefined in the program itself. */
  result: Host | undefined;
  #ids = 2;
  #results = 0;
  readonly #used = new Map<string, number>();

  constructor(tape: Tape) {
    this.tape = tape;
  }

  plan(): Plan {
    const { tape, functions } = this;
    for (let count = tape.below(3); count > 0; count--) functions.push(this.#function());
    const scope = new Scope(this.#variables());
    scope.views.push(STATE, CONTEXT);
    const { variables, body } = this.#procedure(scope, 4 + tape.below(56));
    return { functions, variables, body };
  }

  id(): number {
    return this.#ids++;
  }

  /** The next free place of the results, if there is one. */
  resultIndex(): number | undefined {
    return this.#results < RESULTS - 1 ? this.#results++ : undefined;
  }

  nested(scope: Scope, nesting: number): Statement[] {
    return this.#body(scope, nesting - 1, this.tape.below(5));
  }

  exit(scope: Scope): Statement {
    const { tape, result } = this;
    if (!result && tape.chance(3)) return { is: 'exit', code: { literal: tape.integer(31) } };
    const kind = result ? storable(tape, result) : tape.pick(HOST);
    return { is: 'exit', code: expressionOf(this, scope, kind) };
  }

  #function(): PlannedFunction {
    const { tape } = this;
    const parameters = Array.from({ length: tape.below(6) }, () => ({ id: this.id(), kind: anyKind(tape) }));
    const scope = new Scope(this.#variables());
    scope.lets.push(...parameters);
    this.result = tape.pick(HOST);
    const planned = { parameters, result: this.result, ...this.#procedure(scope, tape.below(8)) };
    this.result = undefined;
    return planned;
  }

  #variables(): Host[] {
    return Array.from({ length: 1 + this.tape.below(6) }, () => this.tape.pick(HOST));
  }

  #procedure(scope: Scope, length: number): Procedure {
    const variables = scope.variables.map((kind, index) => {
      if (this.tape.chance(3)) return { kind };
      const initial = input(this.tape, scope, kind, 1);
      scope.assigned.add(index);
      return { kind, initial };
    });
    const body = this.#body(scope, NESTING, length);
    if (scope.ended) return { variables, body };
    // Everything that was ever made is looked at in the end: values live long.
    if (!this.result) {
      for (const { id, kind } of scope.lets) this.#emit(body, { is: 'let', id, kind });
      for (const index of scope.assigned)
        this.#emit(body, { is: 'variable', index, kind: scope.variables[index]! });
    }
    body.push(this.exit(scope));
    return { variables, body };
  }

  #emit(body: Statement[], value: Expression): void {
    const index = this.resultIndex();
    if (index !== undefined) body.push({ is: 'emit', index, value });
  }

  #body(scope: Scope, nesting: number, length: number): Statement[] {
    const body: Statement[] = [];
    for (let i = 0; i < length && !scope.ended && this.tape.left > 0; i++) {
      const statement = this.#statement(scope, nesting);
      if (statement) body.push(statement);
    }
    return body;
  }

  #statement(scope: Scope, nesting: number): Statement | undefined {
    const { tape } = this;
    const is = this.result
      ? tape.pick(IN_FUNCTIONS)
      : tape.chance(3)
        ? tape.pick(SELDOM)
        : tape.pick(ORDINARY);
    const used = this.#used.get(is) ?? 0;
    if (used >= (LIMITS[is] ?? Number.POSITIVE_INFINITY)) return undefined;
    const made = MAKERS[is]!(this, scope, nesting);
    if (made) this.#used.set(is, used + 1);
    return made;
  }
}

export type { Generator };

const expressionOf = (generator: Generator, scope: Scope, kind: Host): Expression => {
  const made = input(generator.tape, scope, kind, 2);
  return 'literal' in made ? { is: 'constant', kind, value: made.literal } : made;
};

export const planFrom = (numbers: readonly number[]): Plan => new Generator(new Tape(numbers)).plan();
