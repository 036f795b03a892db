// Random programs out of a tape of numbers. Whatever comes out is correct: nothing unset is read, no stale view used.

import { anyKind, condition, expression, input } from './expressions.ts';
import {
  CONTEXT,
  type Condition,
  type Expression,
  FIELDS,
  type Field,
  HOST,
  type Host,
  type Literal,
  type Place,
  type Plan,
  RESULTS,
  STATE,
  type Statement,
  type View,
} from './plan.ts';
import { Scope } from './scope.ts';
import { Tape } from './tape.ts';

const DEPTH = 3;
const NESTING = 3;
const ORDINARY = ['let', 'assign', 'set', 'when', 'emit', 'condition'] as const;
const SELDOM = [
  'increase',
  'copyBytes',
  'read',
  'store',
  'copy',
  'find',
  'ask',
  'stack',
  'pull',
  'clock',
  'exit',
  'leave',
] as const;
/** Each of these takes from the 512 bytes of stack. */
const LIMITS: { readonly [is: string]: number } = { stack: 1, copy: 2, find: 3, ask: 3, store: 4 };

class Generator {
  readonly #tape: Tape;
  #ids = 2;
  #results = 0;
  readonly #used = new Map<string, number>();

  constructor(tape: Tape) {
    this.#tape = tape;
  }

  plan(): Plan {
    const tape = this.#tape;
    const kinds: Host[] = Array.from({ length: 1 + tape.below(6) }, () => tape.pick(HOST));
    const scope = new Scope(kinds);
    scope.views.push(STATE, CONTEXT);
    const variables = kinds.map((kind, index) => {
      if (tape.chance(3)) return { kind };
      const initial = input(tape, scope, kind, 1);
      scope.assigned.add(index);
      return { kind, initial };
    });
    const body = this.#body(scope, NESTING, 4 + tape.below(24));
    // Everything that was ever made is looked at in the end: values live long.
    if (!scope.ended) {
      for (const { id, kind } of scope.lets) this.#emit(body, { is: 'let', id, kind });
      for (const index of scope.assigned) this.#emit(body, { is: 'variable', index, kind: kinds[index]! });
      body.push(this.#exit(scope));
    }
    return { variables, body };
  }

  #emit(body: Statement[], value: Expression): void {
    if (this.#results < RESULTS) body.push({ is: 'emit', index: this.#results++, value });
  }

  #body(scope: Scope, nesting: number, length: number): Statement[] {
    const body: Statement[] = [];
    for (let i = 0; i < length && !scope.ended && this.#tape.left > 0; i++) {
      const statement = this.#statement(scope, nesting);
      if (statement) body.push(statement);
    }
    return body;
  }

  #nested(scope: Scope, nesting: number): Statement[] {
    return this.#body(scope, nesting - 1, this.#tape.below(5));
  }

  #statement(scope: Scope, nesting: number): Statement | undefined {
    const tape = this.#tape;
    const is = tape.chance(3) ? tape.pick(SELDOM) : tape.pick(ORDINARY);
    const limit = LIMITS[is];
    const used = this.#used.get(is) ?? 0;
    if (limit !== undefined && used >= limit) return undefined;
    this.#used.set(is, used + 1);
    switch (is) {
      case 'let': {
        const value = expression(tape, scope, anyKind(tape), DEPTH);
        const id = this.#id();
        scope.lets.push({ id, kind: value.kind });
        return { is, id, value };
      }
      case 'condition': {
        const made: Condition = condition(tape, scope, 2);
        const id = this.#id();
        scope.conditions.push(id);
        return { is, id, condition: made };
      }
      case 'assign': {
        const index = tape.below(scope.variables.length);
        const value = input(tape, scope, scope.variables[index]!, DEPTH);
        scope.assigned.add(index);
        return { is, index, value };
      }
      case 'set': {
        const place = this.#place(scope, writable);
        const { type } = place.field;
        return typeof type === 'string' ? { is, place, value: input(tape, scope, type, DEPTH) } : undefined;
      }
      case 'increase': {
        const place = this.#place(scope, atomic);
        const { type } = place.field;
        return typeof type === 'string' ? { is, place, by: input(tape, scope, type, 2) } : undefined;
      }
      case 'copyBytes': {
        const to = this.#place(scope, ({ type }) => typeof type !== 'string');
        const from = this.#place(scope, ({ type }) => sameBytes(type, to.field.type));
        return { is, to, from };
      }
      case 'emit': {
        if (this.#results >= RESULTS) return undefined;
        return { is, index: this.#results++, value: expression(tape, scope, anyKind(tape), DEPTH) };
      }
      case 'when': {
        if (nesting === 0) return undefined;
        const asked = condition(tape, scope, 2);
        const [then, otherwise] = [scope.branch(), scope.branch()];
        const first = this.#nested(then, nesting);
        const rarely = tape.chance(4);
        const second = rarely || tape.chance(2) ? undefined : this.#nested(otherwise, nesting);
        scope.join([then, otherwise]);
        return { is, condition: asked, rarely, taken: first, ...(second && { otherwise: second }) };
      }
      case 'stack': {
        const view: View = { id: this.#id(), layout: 'record' };
        const initial = FIELDS.record.flatMap((field) =>
          typeof field.type === 'string' ? [{ field, value: input(tape, scope, field.type, 1) }] : [],
        );
        scope.views.push(view);
        return { is, view, initial };
      }
      case 'read': {
        const layouts = tape.pick([['packed'], ['small'], ['small', 'packed'], ['small', 'small']] as const);
        const views = layouts.map((layout): View => ({ id: this.#id(), layout }));
        const at = tape.pick([0, 14, 1, 40]);
        scope.views.push(...views);
        for (const { id } of views) scope.packet.add(id);
        return { is, views, at, orElse: tape.below(256) };
      }
      case 'copy': {
        const view: View = { id: this.#id(), layout: 'record' };
        const at = this.#position(scope);
        scope.views.push(view);
        return { is, view, at, orElse: tape.below(256) };
      }
      case 'store': {
        const kind = anyKind(tape);
        const at = this.#position(scope);
        const value = input(tape, scope, kind, 2);
        const id = this.#id();
        scope.losePacket();
        scope.lets.push({ id, kind: 'u64' });
        return { is, id, kind, at, value };
      }
      case 'pull': {
        const id = this.#id();
        scope.losePacket();
        scope.lets.push({ id, kind: 'u64' });
        return { is, id };
      }
      case 'clock':
        return { is };
      case 'find': {
        const key = input(tape, scope, 'be32', 1);
        const view: View = { id: this.#id(), layout: 'record' };
        scope.views.push(view);
        return { is, view, key: this.#key(key), orElse: tape.below(256) };
      }
      case 'ask': {
        if (nesting === 0) return undefined;
        const key = this.#key(input(tape, scope, 'be32', 1));
        const view: View = { id: this.#id(), layout: 'record' };
        const [there, absent] = [scope.branch(), scope.branch()];
        there.views.push(view);
        const found = this.#nested(there, nesting);
        const missing = this.#nested(absent, nesting);
        scope.join([there, absent]);
        return { is, view, key, missingFirst: tape.chance(2), found, missing };
      }
      case 'exit':
        if (nesting === NESTING) return undefined;
        scope.ended = true;
        return this.#exit(scope);
      case 'leave':
        if (nesting === NESTING) return undefined;
        scope.ended = true;
        return { is, value: input(tape, scope, 'u32', 2) };
    }
  }

  /** Most keys are ones the map has: 0 to 3. */
  #key(key: Expression | Literal): Expression | Literal {
    if (this.#tape.chance(4)) return key;
    if ('literal' in key) return { literal: key.literal % 4n };
    return { is: 'binary', kind: 'be32', operator: 'and', a: key, b: { literal: 3n } };
  }

  #position(scope: Scope): Expression | Literal {
    const tape = this.#tape;
    if (tape.chance(2)) return { literal: BigInt(tape.below(80)) };
    const a = expression(tape, scope, tape.pick(['u8', 'u16', 'u32'] as const), 2);
    if (tape.chance(6)) return a;
    return { is: 'binary', kind: 'u32', operator: 'and', a, b: { literal: 63n } };
  }

  #exit(scope: Scope): Statement {
    const tape = this.#tape;
    if (tape.chance(3)) return { is: 'exit', code: { literal: tape.integer(31) } };
    return { is: 'exit', code: expression(tape, scope, tape.pick(HOST), 2) };
  }

  #place(scope: Scope, wanted: (field: Field, view: View) => boolean): Place {
    return this.#tape.pick(scope.places(wanted));
  }

  #id(): number {
    return this.#ids++;
  }
}

const writable = ({ type, path }: Field): boolean => typeof type === 'string' && path[0] !== 'len';
/** Map values and the stack only: the kernel knows no atomic addition to a packet or the context. */
const atomic = ({ type }: Field, { layout }: View): boolean =>
  layout === 'record' && (type === 'u32' || type === 'u64');
const sameBytes = (a: Field['type'], b: Field['type']): boolean =>
  typeof a !== 'string' && typeof b !== 'string' && a.bytes === b.bytes;

export const planFrom = (numbers: readonly number[]): Plan => new Generator(new Tape(numbers)).plan();
