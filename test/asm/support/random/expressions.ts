// Random expressions and conditions over what a scope has.

import {
  BITS,
  type Comparison,
  type Condition,
  type Expression,
  HOST,
  type Host,
  type Input,
  isNetwork,
  type Kind,
  type Network,
} from './plan.ts';
import type { Scope } from './scope.ts';
import type { Tape } from './tape.ts';

const ARITHMETIC = ['add', 'sub', 'and', 'or', 'xor'] as const;
const BITWISE = ['and', 'or', 'xor'] as const;
const COMPARISONS: readonly Comparison[] = ['eq', 'ne', 'lt', 'le', 'gt', 'ge'];
const NARROW: readonly Host[] = ['u8', 'u16', 'u32'];
const KINDS: readonly Kind[] = ['u32', 'u64', 'u16', 'u8', 'be16', 'be32', 'be64'];

const hostOf = (kind: Network): Host => (kind === 'be16' ? 'u16' : kind === 'be32' ? 'u32' : 'u64');
const networkOf = (kind: Host): Network => (kind === 'u16' ? 'be16' : kind === 'u32' ? 'be32' : 'be64');
/** What a literal must fit that meets a value of `kind`. */
const literalBits = (kind: Kind): number => (isNetwork(kind) ? BITS[kind] : Math.max(32, BITS[kind]));

export const anyKind = (tape: Tape): Kind => tape.pick(KINDS);
export const anyHost = (tape: Tape): Host => tape.pick(HOST);

export function expression(tape: Tape, scope: Scope, kind: Kind, depth: number): Expression {
  if (depth <= 0 || tape.left === 0 || tape.chance(4)) return leaf(tape, scope, kind);
  const of = (other: Kind): Expression => expression(tape, scope, other, depth - 1);
  if (isNetwork(kind)) {
    const host = hostOf(kind);
    switch (tape.below(5)) {
      case 0:
        return leaf(tape, scope, kind);
      case 1:
        return { is: 'toNetwork', kind, a: of(host) };
      case 2:
        return { is: 'bits', kind, a: of(host) };
      case 3:
        return { is: 'not', kind, a: of(kind) };
      default:
        return {
          is: 'binary',
          kind,
          operator: tape.pick(BITWISE),
          a: of(kind),
          b: other(tape, scope, kind, depth),
        };
    }
  }
  switch (tape.below(8)) {
    case 0:
      return leaf(tape, scope, kind);
    case 1:
      return { is: 'not', kind, a: of(kind) };
    case 2:
      if (kind === 'u8') break;
      return { is: tape.pick(['toHost', 'bits'] as const), kind, a: of(networkOf(kind)) };
    case 3:
      return { is: 'as', kind, a: of(anyHost(tape)) };
    case 4:
      if (kind === 'u8' || kind === 'u16') break;
      return shift(tape, scope, kind, depth);
    default:
  }
  if (kind === 'u8' || kind === 'u16') return { is: 'as', kind, a: of(anyHost(tape)) };
  return binary(tape, scope, kind, depth);
}

/** `u32` comes of narrow operands, `u64` of two of which one is 64 bits wide. */
function binary(tape: Tape, scope: Scope, kind: 'u32' | 'u64', depth: number): Expression {
  const operator = tape.pick(ARITHMETIC);
  const wide = kind === 'u64';
  const narrow = (): Kind => tape.pick(NARROW);
  const order = tape.below(4);
  if (order === 0) {
    const left = wide ? kind : narrow();
    const a = expression(tape, scope, left, depth - 1);
    return { is: 'binary', kind, operator, a, b: { literal: tape.integer(literalBits(left)) } };
  }
  const [left, right] = !wide
    ? [narrow(), narrow()]
    : order === 1
      ? [kind, kind]
      : order === 2
        ? [kind, narrow()]
        : [narrow(), kind];
  const a = expression(tape, scope, left, depth - 1);
  return { is: 'binary', kind, operator, a, b: expression(tape, scope, right, depth - 1) };
}

function shift(tape: Tape, scope: Scope, kind: 'u32' | 'u64', depth: number): Expression {
  const from = kind === 'u64' ? kind : tape.pick(NARROW);
  const a = expression(tape, scope, from, depth - 1);
  return { is: tape.pick(['shl', 'shr'] as const), kind, a, bits: tape.below(BITS[kind]) };
}

function other(tape: Tape, scope: Scope, kind: Kind, depth: number): Input {
  return tape.chance(3)
    ? { literal: tape.integer(literalBits(kind)) }
    : expression(tape, scope, kind, depth - 1);
}

/** A literal that may meet a value of `kind`. */
export const literalOf = (tape: Tape, kind: Kind): Input => ({ literal: tape.integer(literalBits(kind)) });

function leaf(tape: Tape, scope: Scope, kind: Kind): Expression {
  const lets = scope.lets.filter((made) => made.kind === kind);
  const variables = [...scope.assigned].filter((index) => scope.variables[index] === kind);
  const places = scope.places(({ type }) => type === kind);
  switch (tape.below(5)) {
    case 1:
      if (lets.length > 0) return { is: 'let', kind, id: tape.pick(lets).id };
      break;
    case 2:
      if (variables.length > 0) return { is: 'variable', kind, index: tape.pick(variables) };
      break;
    case 3:
    case 4:
      if (places.length > 0) return { is: 'place', kind, place: tape.pick(places), once: tape.chance(2) };
      break;
    default:
  }
  return { is: 'constant', kind, value: tape.integer(BITS[kind]) };
}

/** Something for a field or variable of `kind`, literals included. */
export function input(tape: Tape, scope: Scope, kind: Kind, depth: number): Input {
  if (tape.chance(5)) return { literal: tape.integer(BITS[kind]) };
  return expression(tape, scope, storable(tape, kind), depth);
}

/** Smaller host integers fit into larger ones. */
export function storable<K extends Kind>(tape: Tape, kind: K): K extends Host ? Host : K {
  type Result = K extends Host ? Host : K;
  if (isNetwork(kind) || !tape.chance(4)) return kind as Result;
  return tape.pick(HOST.filter((host) => BITS[host] <= BITS[kind])) as Result;
}

export function condition(tape: Tape, scope: Scope, depth: number): Condition {
  switch (depth <= 0 ? 0 : tape.below(8)) {
    case 4:
      return { is: 'not', of: condition(tape, scope, depth - 1) };
    case 5:
    case 6:
      return {
        is: tape.pick(['and', 'or'] as const),
        left: condition(tape, scope, depth - 1),
        right: condition(tape, scope, depth - 1),
      };
    case 7:
      if (scope.conditions.length > 0) return { is: 'made', id: tape.pick(scope.conditions) };
      break;
    case 3:
      return { is: 'negative', a: expression(tape, scope, tape.pick(['u32', 'u64'] as const), depth) };
    default:
  }
  const kind = anyKind(tape);
  const a = expression(tape, scope, kind, depth);
  const comparison = tape.pick(isNetwork(kind) ? COMPARISONS.slice(0, 2) : COMPARISONS);
  if (tape.chance(3))
    return { is: 'compare', comparison, a, b: { literal: tape.integer(literalBits(kind)) } };
  const right = isNetwork(kind) ? kind : anyHost(tape);
  return { is: 'compare', comparison, a, b: expression(tape, scope, right, depth) };
}
