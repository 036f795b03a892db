// CO-RE: the way to a member in an object's own types, and the same way in other types, by names (libbpf's relo_core.c,
// bpf_core_parse_spec and bpf_core_spec_match). A type or member is called the same up to `___`: behind that is a flavour.

import { bareType } from '../btf/describe.ts';
import type { Btf, BtfType, TypeId } from '../btf/types.ts';

const BITS = 8;
const POINTER_SIZE = 8;
/** Types in types: whoever goes deeper means nothing good. */
const MAX_DEPTH = 32;

/** Somewhere in a type. */
export interface Place {
  /** From the start of the whole. */
  readonly bitOffset: number;
  readonly type: TypeId;
  /** Bits of a bit field, 0 for a whole member. */
  readonly bits: number;
  /** Whether the last step was to a member, not to an element. */
  readonly member: boolean;
}

/** One step of the way, with the type it leads to in the object's own types; unnamed members are passed through. */
type Step = { readonly type: TypeId } & ({ readonly name: string } | { readonly index: number });

export interface Path {
  readonly steps: readonly Step[];
  readonly place: Place;
}

/** `task_struct___old` is `task_struct`. */
export function essentialName(name: string): string {
  const at = name.lastIndexOf('___');
  return at > 0 && at + 3 < name.length ? name.slice(0, at) : name;
}

/** In bytes; undefined for what has no size. */
export function sizeOf(btf: Btf, id: TypeId, depth = 0): number | undefined {
  const { type } = bareType(btf, id);
  if (depth > MAX_DEPTH) return undefined;
  if (type.kind === 'ptr') return POINTER_SIZE;
  if (type.kind === 'array') {
    const element = sizeOf(btf, type.element, depth + 1);
    return element === undefined ? undefined : element * type.length;
  }
  return 'size' in type ? type.size : undefined;
}

/** The way that `access`, such as `0:1:2`, describes from `root` on; undefined where there is none. */
export function pathOf(btf: Btf, root: TypeId, access: string): Path | undefined {
  const [first = Number.NaN, ...rest] = access.split(':').map(Number);
  const start = at(btf, root, first);
  if (start === undefined) return undefined;
  const steps: Step[] = [{ type: root, index: first }];
  let place: Place = { bitOffset: start, type: root, bits: 0, member: false };
  for (const index of rest) {
    const { type } = bareType(btf, place.type);
    if (type.kind === 'struct' || type.kind === 'union') {
      const member = type.members[index];
      if (member === undefined) return undefined;
      const bitOffset = place.bitOffset + member.offset;
      place = { bitOffset, type: member.type, bits: member.bits, member: true };
      if (member.name !== '') steps.push({ type: member.type, name: member.name });
    } else if (type.kind === 'array') {
      const offset = at(btf, type.element, index);
      if (offset === undefined) return undefined;
      place = { bitOffset: place.bitOffset + offset, type: type.element, bits: 0, member: false };
      steps.push({ type: type.element, index });
    } else return undefined;
  }
  return { steps, place };
}

/** Where the same way leads from `root` of other types; undefined where it ends. */
export function follow(local: Btf, { steps }: Path, target: Btf, root: TypeId): Place | undefined {
  let place: Place = { bitOffset: 0, type: root, bits: 0, member: false };
  for (const [i, step] of steps.entries()) {
    const next =
      'name' in step ? toMember(local, step, target, place) : toElement(step, target, place, i === 0);
    if (next === undefined) return undefined;
    place = next;
  }
  return place;
}

function toElement(
  { index }: { readonly index: number },
  target: Btf,
  place: Place,
  isRoot: boolean,
): Place | undefined {
  const { type } = bareType(target, place.type);
  // The whole counts as an element of an array of such.
  const element = isRoot ? place.type : type.kind === 'array' ? type.element : undefined;
  if (element === undefined) return undefined;
  // A length of 0 is that of a flexible array.
  if (!isRoot && type.kind === 'array' && type.length > 0 && index >= type.length) return undefined;
  const offset = at(target, element, index);
  if (offset === undefined) return undefined;
  return { bitOffset: place.bitOffset + offset, type: element, bits: 0, member: false };
}

function toMember(
  local: Btf,
  step: Step & { readonly name: string },
  target: Btf,
  place: Place,
): Place | undefined {
  const found = memberOf(target, place.type, essentialName(step.name), 0);
  if (found === undefined || !compatible(local, step.type, target, found.type, 0)) return undefined;
  return { ...found, bitOffset: place.bitOffset + found.bitOffset, member: true };
}

/** A member by its name, in unnamed members too. */
function memberOf(btf: Btf, id: TypeId, name: string, depth: number): Omit<Place, 'member'> | undefined {
  const { type } = bareType(btf, id);
  if ((type.kind !== 'struct' && type.kind !== 'union') || depth > MAX_DEPTH) return undefined;
  for (const member of type.members) {
    const { offset: bitOffset, type: inside, bits } = member;
    if (member.name !== '') {
      if (essentialName(member.name) === name) return { bitOffset, type: inside, bits };
      continue;
    }
    const found = memberOf(btf, inside, name, depth + 1);
    if (found) return { ...found, bitOffset: bitOffset + found.bitOffset };
  }
  return undefined;
}

/** Bits up to element `index` of an array of `id`. */
function at(btf: Btf, id: TypeId, index: number): number | undefined {
  if (!Number.isInteger(index) || index < 0) return undefined;
  if (index === 0) return 0;
  const size = sizeOf(btf, id);
  return size === undefined ? undefined : index * size * BITS;
}

/** Whether what one program takes for a member can be the other's (bpf_core_fields_are_compat). */
function compatible(local: Btf, a: TypeId, target: Btf, b: TypeId, depth: number): boolean {
  const [{ type: one }, { type: other }] = [bareType(local, a), bareType(target, b)];
  if (depth > MAX_DEPTH) return false;
  if (isComposite(one) && isComposite(other)) return true;
  if (familyOf(one) !== familyOf(other)) return false;
  if (one.kind === 'array' && other.kind === 'array')
    return compatible(local, one.element, target, other.element, depth + 1);
  if ('name' in one && 'name' in other && (isEnum(one) || one.kind === 'fwd')) {
    const [x, y] = [essentialName(one.name), essentialName(other.name)];
    return x === '' || y === '' || x === y;
  }
  return one.kind === 'ptr' || one.kind === 'int' || one.kind === 'float';
}

const isComposite = (type: BtfType): boolean => type.kind === 'struct' || type.kind === 'union';
export const isEnum = (type: BtfType): type is BtfType & { readonly kind: 'enum' | 'enum64' } =>
  type.kind === 'enum' || type.kind === 'enum64';
/** Enumerations are of one kind, whatever their size. */
const familyOf = (type: BtfType): string => (isEnum(type) ? 'enum' : type.kind);

const indexes = new WeakMap<Btf, ReadonlyMap<string, readonly TypeId[]>>();

/** Types that are called like `id` of `local` and of the same kind. */
export function candidates(local: Btf, id: TypeId, target: Btf): readonly TypeId[] {
  const type = local.types[id];
  if (type === undefined || !('name' in type) || type.name === '') return [];
  let index = indexes.get(target);
  if (index === undefined) {
    const made = new Map<string, TypeId[]>();
    target.types.forEach((each, number) => {
      if (!('name' in each) || each.name === '') return;
      const name = `${familyOf(each)} ${essentialName(each.name)}`;
      const known = made.get(name);
      if (known) known.push(number);
      else made.set(name, [number]);
    });
    index = made;
    indexes.set(target, index);
  }
  return index.get(`${familyOf(type)} ${essentialName(type.name)}`) ?? [];
}
