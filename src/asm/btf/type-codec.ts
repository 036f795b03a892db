// One type of BTF, to words and back: `struct btf_type` and what follows it (Documentation/bpf/btf.rst, section 2).
// All of it is 32-bit words: name, info (kind, count, flag), size or type, and then what the kind asks for.

import { BTF_KINDS, BTF_MAX_VLEN } from './abi.ts';
import type { Reader } from './reader.ts';
import type { BtfComposite, BtfEnum, BtfInt, BtfMember, BtfType, TypeId } from './types.ts';

type NamedKind = keyof typeof BTF_KINDS;

const KIND_SHIFT = 24;
const KIND_MASK = 0x1f;
const FLAG_SHIFT = 31;
const WORD = 4;
/** Words of a `struct btf_type`. */
const HEAD = 3;
/** With the flag set a member's offset has the bits of a bit field above it. */
const OFFSET_BITS = 24;
const OFFSET_MASK = 0xff_ffff;

const NAMES: ReadonlyMap<number, NamedKind> = new Map(
  (Object.entries(BTF_KINDS) as [NamedKind, number][]).map(([name, kind]) => [kind, name]),
);

/** The words of `type`; `text` gives the offset of a name. @throws RangeError for more than 65,535 members. */
export function encodeType(type: BtfType, text: (name: string) => number): number[] {
  const head = (name: string, sizeOrType: number, count = 0, flag = false): number[] => {
    if (count > BTF_MAX_VLEN) throw new RangeError(`BTF ${type.kind} ${name}: ${count} members are too many`);
    const kind = BTF_KINDS[type.kind as NamedKind];
    const info = ((flag ? 1 << FLAG_SHIFT : 0) | (kind << KIND_SHIFT) | count) >>> 0;
    return [text(name), info, sizeOrType];
  };
  switch (type.kind) {
    case 'void':
      throw new RangeError('BTF void: it is type 0 and has no record');
    case 'int':
      return [...head(type.name, type.size), (type.encoding << 24) | (type.offset << 16) | type.bits];
    case 'ptr':
    case 'volatile':
    case 'const':
    case 'restrict':
      return head('', type.type);
    case 'typedef':
      return head(type.name, type.type);
    case 'type_tag':
      return head(type.name, type.type, 0, type.attribute);
    case 'array':
      return [...head('', 0), type.element, type.index, type.length];
    case 'struct':
    case 'union': {
      const flag = type.members.some(({ bits }) => bits !== 0);
      return [
        ...head(type.name, type.size, type.members.length, flag),
        ...type.members.flatMap(({ name, type: member, offset, bits }) => [
          text(name),
          member,
          flag ? ((bits << OFFSET_BITS) | offset) >>> 0 : offset,
        ]),
      ];
    }
    case 'enum':
    case 'enum64':
      return [
        ...head(type.name, type.size, type.values.length, type.signed),
        ...type.values.flatMap(({ name, value }) => [text(name), ...valueWords(type.kind, value)]),
      ];
    case 'fwd':
      return head(type.name, 0, 0, type.union);
    case 'func':
      return head(type.name, type.type, type.linkage);
    case 'func_proto':
      return [
        ...head('', type.returns, type.parameters.length),
        ...type.parameters.flatMap(({ name, type: parameter }) => [text(name), parameter]),
      ];
    case 'var':
      return [...head(type.name, type.type), type.linkage];
    case 'datasec':
      return [
        ...head(type.name, type.size, type.variables.length),
        ...type.variables.flatMap(({ type: variable, offset, size }) => [variable, offset, size]),
      ];
    case 'float':
      return head(type.name, type.size);
    case 'decl_tag':
      return [...head(type.name, type.type, 0, type.attribute), type.component >>> 0];
  }
}

function valueWords(kind: 'enum' | 'enum64', value: bigint): number[] {
  const low = Number(BigInt.asUintN(32, value));
  return kind === 'enum' ? [low] : [low, Number(BigInt.asUintN(32, value >> 32n))];
}

/** A type that was read, and where the next one begins. */
export interface ReadType {
  readonly type: BtfType;
  readonly next: number;
}

/** The type at `at`, in bytes. @throws MalformedError */
export function decodeType(
  reader: Reader,
  at: number,
  text: (offset: number, at: number) => string,
): ReadType {
  let next = at;
  const word = (): number => {
    const value = reader.u32(next, 'type');
    next += WORD;
    return value;
  };
  reader.require(at, HEAD * WORD, 'type');
  const nameOffset = word();
  const info = word();
  const sizeOrType = word();
  const kind = NAMES.get((info >>> KIND_SHIFT) & KIND_MASK);
  const count = info & BTF_MAX_VLEN;
  const flag = info >>> FLAG_SHIFT === 1;
  const name = text(nameOffset, at);
  const list = <T>(words: number, item: () => T): T[] => {
    reader.require(next, count * words * WORD, `${kind} of ${count} members`);
    return Array.from({ length: count }, item);
  };
  const decode = (): BtfType => {
    switch (kind) {
      case undefined:
        return reader.fail('UNSUPPORTED', at, `type of unknown kind ${(info >>> KIND_SHIFT) & KIND_MASK}`);
      case 'int':
        return int(name, sizeOrType, word());
      case 'ptr':
      case 'volatile':
      case 'const':
      case 'restrict':
        return { kind, type: sizeOrType };
      case 'typedef':
        return { kind, name, type: sizeOrType };
      case 'type_tag':
        return { kind, name, type: sizeOrType, attribute: flag };
      case 'array':
        return { kind, element: word(), index: word(), length: word() };
      case 'struct':
      case 'union':
        return {
          kind,
          name,
          size: sizeOrType,
          members: list(3, () => member(text(word(), at), word(), word(), flag)),
        };
      case 'enum':
        return {
          kind,
          name,
          size: sizeOrType,
          signed: flag,
          values: list(2, () => value(text(word(), at), word(), flag)),
        };
      case 'enum64':
        return {
          ...{ kind, name, size: sizeOrType, signed: flag },
          values: list(3, () => wideValue(text(word(), at), word(), word(), flag)),
        };
      case 'fwd':
        return { kind, name, union: flag };
      case 'func':
        return { kind, name, type: sizeOrType, linkage: count };
      case 'func_proto':
        return {
          kind,
          returns: sizeOrType,
          parameters: list(2, () => ({ name: text(word(), at), type: word() })),
        };
      case 'var':
        return { kind, name, type: sizeOrType, linkage: word() };
      case 'datasec':
        return {
          ...{ kind, name, size: sizeOrType },
          variables: list(3, () => ({ type: word(), offset: word(), size: word() })),
        };
      case 'float':
        return { kind, name, size: sizeOrType };
      case 'decl_tag':
        return { kind, name, type: sizeOrType, component: word() | 0, attribute: flag };
    }
  };
  const type = decode();
  return { type, next };
}

const int = (name: string, size: number, word: number): BtfInt => ({
  ...{ kind: 'int', name, size },
  ...{ bits: word & 0xff, offset: (word >>> 16) & 0xff, encoding: (word >>> 24) & 0xf },
});

const member = (name: string, type: TypeId, word: number, flag: boolean): BtfMember =>
  flag
    ? { name, type, offset: word & OFFSET_MASK, bits: word >>> OFFSET_BITS }
    : { name, type, offset: word, bits: 0 };

const value = (name: string, word: number, signed: boolean): BtfEnum['values'][number] => ({
  name,
  value: BigInt(signed ? word | 0 : word),
});

function wideValue(name: string, low: number, high: number, signed: boolean): BtfEnum['values'][number] {
  const bits = (BigInt(high) << 32n) | BigInt(low);
  return { name, value: signed ? BigInt.asIntN(64, bits) : bits };
}

/** The numbers of the types that `type` names. */
export function referencesOf(type: BtfType): TypeId[] {
  switch (type.kind) {
    case 'void':
    case 'int':
    case 'enum':
    case 'enum64':
    case 'fwd':
    case 'float':
      return [];
    case 'array':
      return [type.element, type.index];
    case 'struct':
    case 'union':
      return (type as BtfComposite).members.map((field) => field.type);
    case 'func_proto':
      return [type.returns, ...type.parameters.map((parameter) => parameter.type)];
    case 'datasec':
      return type.variables.map((variable) => variable.type);
    default:
      return [type.type];
  }
}
