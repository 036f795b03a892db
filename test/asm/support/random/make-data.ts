// Statements that calculate, and read and write memory.

import { anyKind, condition, expression, input } from './expressions.ts';
import type { Maker } from './generator.ts';
import { FIELDS, type Field, type View } from './plan.ts';

const DEPTH = 3;

const writable = ({ type, path }: Field): boolean => typeof type === 'string' && path[0] !== 'len';
/** Map values and the stack only: the kernel knows no atomic addition to a packet or the context. */
const atomic = ({ type }: Field, { layout }: View): boolean =>
  layout === 'record' && (type === 'u32' || type === 'u64');
const isBytes = ({ type }: Field): boolean => typeof type !== 'string';

export const DATA: { readonly [is: string]: Maker } = {
  let(generator, scope) {
    const value = expression(generator.tape, scope, anyKind(generator.tape), DEPTH);
    const id = generator.id();
    scope.lets.push({ id, kind: value.kind });
    return { is: 'let', id, value };
  },

  condition(generator, scope) {
    const made = condition(generator.tape, scope, 2);
    const id = generator.id();
    scope.conditions.push(id);
    return { is: 'condition', id, condition: made };
  },

  assign({ tape }, scope) {
    const index = tape.below(scope.variables.length);
    const value = input(tape, scope, scope.variables[index]!, DEPTH);
    scope.assigned.add(index);
    return { is: 'assign', index, value };
  },

  set({ tape }, scope) {
    const places = scope.places(writable);
    if (places.length === 0) return undefined;
    const place = tape.pick(places);
    const { type } = place.field;
    return typeof type === 'string'
      ? { is: 'set', place, value: input(tape, scope, type, DEPTH) }
      : undefined;
  },

  increase({ tape }, scope) {
    const places = scope.places(atomic);
    if (places.length === 0) return undefined;
    const place = tape.pick(places);
    const { type } = place.field;
    return typeof type === 'string' ? { is: 'increase', place, by: input(tape, scope, type, 2) } : undefined;
  },

  copyBytes({ tape }, scope) {
    const to = tape.pick(scope.places(isBytes));
    const from = scope.places(({ type }) => isBytes(to.field) && sizeOf(type) === sizeOf(to.field.type));
    return { is: 'copyBytes', to, from: tape.pick(from) };
  },

  setBytes({ tape }, scope) {
    const place = tape.pick(scope.places(isBytes));
    const bytes = Array.from({ length: sizeOf(place.field.type) ?? 0 }, () => Number(tape.integer(8)));
    return { is: 'setBytes', place, bytes };
  },

  emit(generator, scope) {
    const index = generator.resultIndex();
    if (index === undefined) return undefined;
    return { is: 'emit', index, value: expression(generator.tape, scope, anyKind(generator.tape), DEPTH) };
  },

  stack(generator, scope) {
    const { tape } = generator;
    const view: View = { id: generator.id(), layout: 'record' };
    const initial = FIELDS.record.map((field) => ({
      field,
      value:
        typeof field.type === 'string'
          ? input(tape, scope, field.type, 1)
          : Array.from({ length: field.type.bytes }, () => tape.below(256)),
    }));
    scope.views.push(view);
    return { is: 'stack', view, initial };
  },
};

const sizeOf = (type: Field['type']): number | undefined =>
  typeof type === 'string' ? undefined : type.bytes;
