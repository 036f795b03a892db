// Statements that decide where to go on.

import { anyHost, anyKind, condition, expression, input, literalOf } from './expressions.ts';
import type { Maker } from './generator.ts';
import { type Input, isNetwork, type Statement } from './plan.ts';
import { NESTING, type Scope } from './scope.ts';

/** Rounds of all loops around one another: the verifier walks through every one. */
const ROUNDS = 3;

export const FLOW: { readonly [is: string]: Maker } = {
  when(generator, scope, nesting) {
    if (nesting === 0) return undefined;
    const { tape } = generator;
    const asked = condition(tape, scope, 2);
    const [then, otherwise] = [scope.branch(), scope.branch()];
    const taken = generator.nested(then, nesting);
    const rarely = tape.chance(4);
    const second = rarely || tape.chance(2) ? undefined : generator.nested(otherwise, nesting);
    scope.join([then, otherwise]);
    return { is: 'when', condition: asked, rarely, taken, ...(second && { otherwise: second }) };
  },

  match(generator, scope, nesting) {
    if (nesting === 0) return undefined;
    const { tape } = generator;
    const subject = expression(tape, scope, anyKind(tape), 2);
    const branches: Scope[] = [];
    const cases = Array.from({ length: tape.below(4) }, () => {
      const value: Input = tape.chance(3)
        ? expression(tape, scope, isNetwork(subject.kind) ? subject.kind : anyHost(tape), 1)
        : literalOf(tape, subject.kind);
      const branch = scope.branch();
      branches.push(branch);
      return { value, body: generator.nested(branch, nesting) };
    });
    const rest = scope.branch();
    const otherwise = generator.nested(rest, nesting);
    scope.join([...branches, rest]);
    return { is: 'match', subject, cases, otherwise };
  },

  loop(generator, scope, nesting) {
    if (nesting === 0 || scope.loops > 1) return undefined;
    // What the last round leaves behind, the next one finds: views may be gone by then.
    scope.losePacket();
    scope.loseEntries();
    const id = generator.id();
    const round = scope.branch();
    round.loops++;
    round.lets.push({ id, kind: 'u32' });
    const body = generator.nested(round, nesting);
    return { is: 'loop', id, times: 1 + generator.tape.below(ROUNDS), body };
  },

  stop(_, scope) {
    if (scope.loops === 0) return undefined;
    scope.ended = true;
    return { is: 'stop' };
  },

  exit(generator, scope, nesting): Statement | undefined {
    if (nesting === NESTING) return undefined;
    scope.ended = true;
    return generator.exit(scope);
  },

  leave({ tape }, scope, nesting) {
    if (nesting === NESTING) return undefined;
    scope.ended = true;
    return { is: 'leave', value: input(tape, scope, 'u32', 2) };
  },

  invoke(generator, scope) {
    const { tape, functions } = generator;
    if (functions.length === 0) return undefined;
    const called = tape.below(functions.length);
    const { parameters, result } = functions[called]!;
    const args = parameters.map(({ kind }) => input(tape, scope, kind, 2));
    const id = generator.id();
    // A function may change the map.
    scope.loseEntries();
    scope.lets.push({ id, kind: result });
    return { is: 'invoke', id, called, args };
  },

  clock: () => ({ is: 'clock' }),
};
