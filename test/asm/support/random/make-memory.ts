// Statements about the packet and the hash map.

import { anyKind, expression, input } from './expressions.ts';
import type { Generator, Maker } from './generator.ts';
import { type Expression, FIELDS, type Input, type Literal, type View } from './plan.ts';
import type { Scope } from './scope.ts';

const LAYOUTS = [['packed'], ['small'], ['small', 'packed'], ['small', 'small']] as const;
const PLACES = [0, 14, 1, 30] as const;
const MODES = ['any', 'noexist', 'exist'] as const;

export const MEMORY: { readonly [is: string]: Maker } = {
  read(generator, scope) {
    const { tape } = generator;
    const views = tape.pick(LAYOUTS).map((layout): View => ({ id: generator.id(), layout }));
    scope.loseFloating();
    showPacket(scope, views);
    return { is: 'read', views, at: tape.pick(PLACES), orElse: tape.below(256) };
  },

  readAt(generator, scope) {
    const { tape } = generator;
    const at = expression(tape, scope, tape.pick(['u8', 'u16', 'u32'] as const), 2);
    const view: View = { id: generator.id(), layout: tape.pick(['small', 'packed'] as const) };
    scope.loseFloating();
    showPacket(scope, [view]);
    scope.floating.add(view.id);
    const bounded: Expression = tape.chance(4)
      ? at
      : { is: 'binary', kind: 'u32', operator: 'and', a: at, b: { literal: 63n } };
    return {
      is: 'readAt',
      view,
      at: bounded,
      atMost: tape.pick([50, 0, 255, 60_000]),
      orElse: tape.below(256),
    };
  },

  copy(generator, scope) {
    const view: View = { id: generator.id(), layout: 'record' };
    const at = position(generator, scope);
    scope.views.push(view);
    return { is: 'copy', view, at, orElse: generator.tape.below(256) };
  },

  store(generator, scope) {
    const { tape } = generator;
    const kind = anyKind(tape);
    const at = position(generator, scope);
    const value = input(tape, scope, kind, 2);
    scope.losePacket();
    return { is: 'store', id: result(generator, scope), kind, at, value };
  },

  pull(generator, scope) {
    scope.losePacket();
    return { is: 'pull', id: result(generator, scope) };
  },

  find(generator, scope) {
    const key = keyOf(generator, scope);
    const view: View = { id: generator.id(), layout: 'record' };
    scope.views.push(view);
    scope.entries.add(view.id);
    return { is: 'find', view, key, orElse: generator.tape.below(256) };
  },

  ask(generator, scope, nesting) {
    if (nesting === 0) return undefined;
    const key = keyOf(generator, scope);
    const view: View = { id: generator.id(), layout: 'record' };
    const [there, absent] = [scope.branch(), scope.branch()];
    there.views.push(view);
    there.entries.add(view.id);
    const found = generator.nested(there, nesting);
    const missing = generator.nested(absent, nesting);
    scope.join([there, absent]);
    return { is: 'ask', view, key, missingFirst: generator.tape.chance(2), found, missing };
  },

  update(generator, scope) {
    const { tape } = generator;
    const key = keyOf(generator, scope);
    const values = FIELDS.record.map((field) => ({
      field,
      value:
        typeof field.type === 'string'
          ? input(tape, scope, field.type, 1)
          : Array.from({ length: field.type.bytes }, () => tape.below(256)),
    }));
    scope.loseEntries();
    return { is: 'update', id: result(generator, scope), key, values, mode: tape.pick(MODES) };
  },

  remove(generator, scope) {
    const key = keyOf(generator, scope);
    scope.loseEntries();
    return { is: 'remove', id: result(generator, scope), key };
  },
};

function showPacket(scope: Scope, views: readonly View[]): void {
  scope.views.push(...views);
  for (const { id } of views) scope.packet.add(id);
}

/** What a helper returns: zero, or an error below zero. */
function result(generator: Generator, scope: Scope): number {
  const id = generator.id();
  scope.lets.push({ id, kind: 'u64' });
  return id;
}

/** Most keys are ones the map has: 0 to 3. */
function keyOf({ tape }: Generator, scope: Scope): Input {
  const key = input(tape, scope, 'be32', 1);
  if (tape.chance(4)) return key;
  if ('literal' in key) return { literal: key.literal % 4n };
  return { is: 'binary', kind: 'be32', operator: 'and', a: key, b: { literal: 3n } };
}

function position({ tape }: Generator, scope: Scope): Expression | Literal {
  if (tape.chance(2)) return { literal: BigInt(tape.below(80)) };
  const a = expression(tape, scope, tape.pick(['u8', 'u16', 'u32'] as const), 2);
  if (tape.chance(6)) return a;
  return { is: 'binary', kind: 'u32', operator: 'and', a, b: { literal: 63n } };
}
