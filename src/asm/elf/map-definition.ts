// A map as libbpf declares it: a struct that nobody ever reads, whose types say everything. A number N is a pointer to
// an array of N elements, a type is a pointer to it (libbpf.c, parse_btf_map_def; bpf_helpers.h, __uint and __type).
// What a map of maps or programs is to contain at the start lies in the section itself: read-maps.ts.

import { BTF_INT } from '../btf/abi.ts';
import { bareType, typeName } from '../btf/describe.ts';
import { addLayout, addPlainInteger } from '../btf/layout.ts';
import { layoutsOfMap } from '../btf/map.ts';
import { identifier, type TypeTable } from '../btf/table.ts';
import type { Btf, BtfMember, TypeId } from '../btf/types.ts';
import { MAP_TYPES, mapTypeOf } from '../kernel.ts';
import { bytes, type FieldType } from '../layout.ts';
import type { MapSpec } from '../program.ts';

const POINTER_SIZE = 8;
const POINTER_BITS = 64;
const BITS = 8;
/** Size of the value of a map of maps or programs: a descriptor. */
const DESCRIPTOR_SIZE = 4;

/** A struct in a `.maps` section. */
export interface MapStruct {
  readonly type: TypeId;
  /** In bytes: what it takes in the section. */
  readonly size: number;
}

/** Adds the struct that declares `map`. */
export function addMapStruct(table: TypeTable, map: MapSpec): MapStruct {
  const int = addPlainInteger(table, 'int', 4, BTF_INT.SIGNED);
  const pointer = (type: TypeId): TypeId => table.add({ kind: 'ptr', type });
  const number = (length: number): TypeId =>
    pointer(table.add({ kind: 'array', element: int, index: int, length }));
  const members: [name: string, type: TypeId][] = [['type', number(MAP_TYPES[map.type])]];
  const { key, value } = layoutsOfMap(map);
  if (key) members.push(['key', pointer(addLayout(table, key))]);
  else if (map.keySize > 0) members.push(['key_size', number(map.keySize)]);
  if (map.inner === undefined && value) members.push(['value', pointer(addLayout(table, value))]);
  else if (map.inner === undefined && map.valueSize > 0) members.push(['value_size', number(map.valueSize)]);
  if (map.maxEntries > 0) members.push(['max_entries', number(map.maxEntries)]);
  if (map.flags !== 0) members.push(['map_flags', number(map.flags)]);
  if (map.inner) {
    // The last member: an array of no pointers to the struct of the inner map.
    const inner = pointer(addMapStruct(table, map.inner).type);
    members.push(['values', table.add({ kind: 'array', element: inner, index: int, length: 0 })]);
  }
  const size = (map.inner ? members.length - 1 : members.length) * POINTER_SIZE;
  const type = table.add({
    ...{ kind: 'struct', name: '', size },
    members: members.map(([name, member], i) => ({
      ...{ name: identifier(name), type: member, offset: i * POINTER_BITS, bits: 0 },
    })),
  });
  return { type, size };
}

/** What such a struct says. */
export interface DeclaredMap extends MapSpec {
  readonly key: FieldType;
  readonly value: FieldType;
  /** LIBBPF_PIN_BY_NAME: libbpf pins it under its name, and takes what is pinned there. */
  readonly pinned: boolean;
  /** Where in the struct the initial values begin, in bytes; for maps of maps and programs. */
  readonly valuesAt?: number;
}

/** Kept where a map has no keys or no values: there has to be some layout. */
const NOTHING: FieldType = bytes(1);

/** What declarations are read out of. */
export interface MapTypes {
  readonly btf: Btf;
  /** As `layoutsOf(btf)`. */
  readonly layoutOf: (type: TypeId) => FieldType | undefined;
  /** The whole BTF for the kernel, which takes the types of keys and values from it. */
  readonly data: Uint8Array;
}

/**
 * Reads the struct with number `type` as the declaration of map `name`.
 *
 * @throws what `fail` throws, with what is wrong with the declaration
 */
export function readMapStruct(
  types: MapTypes,
  type: TypeId,
  name: string,
  fail: (message: string) => never,
  depth = 0,
): DeclaredMap {
  const { btf, layoutOf, data } = types;
  const { type: struct } = bareType(btf, type);
  if (struct.kind !== 'struct') return fail(`it is declared by ${typeName(btf, type)}, not by a struct`);
  const members = new Map(struct.members.map((member) => [member.name, member]));
  const target = (member: BtfMember): TypeId => {
    const { type: pointer } = bareType(btf, member.type);
    return pointer.kind === 'ptr' ? pointer.type : fail(`its ${member.name} is no pointer`);
  };
  const number = (field: string): number | undefined => {
    const member = members.get(field);
    if (member === undefined) return undefined;
    const { type: array } = bareType(btf, target(member));
    return array.kind === 'array' ? array.length : fail(`its ${field} is no pointer to an array`);
  };
  const typed = (field: 'key' | 'value'): { id: TypeId; layout: FieldType | undefined; size: number } => {
    const member = members.get(field);
    if (member === undefined) return { id: 0, layout: undefined, size: number(`${field}_size`) ?? 0 };
    const id = target(member);
    const layout = layoutOf(id) ?? fail(`its ${field} is ${typeName(btf, id)}, which has no size`);
    return { id, layout, size: layout.size };
  };
  const innerOf = (): DeclaredMap | undefined => {
    const member = members.get('values');
    const { type: array } = member ? bareType(btf, member.type) : { type: undefined };
    if (array?.kind !== 'array') return undefined;
    const { type: pointer } = bareType(btf, array.element);
    if (pointer.kind !== 'ptr' || bareType(btf, pointer.type).type.kind !== 'struct') return undefined;
    if (depth > 0) return fail('it is a map of maps of maps');
    return readMapStruct(types, pointer.type, INNER, fail, depth + 1);
  };
  const typeNumber = number('type') ?? fail('it has no type');
  const mapType = mapTypeOf(typeNumber) ?? fail(`it is of unknown type ${typeNumber}`);
  const key = typed('key');
  const value = typed('value');
  const inner = innerOf();
  const valueSize = members.has('values') ? DESCRIPTOR_SIZE : value.size;
  return {
    ...{ name, type: mapType, keySize: key.size, valueSize },
    ...{ maxEntries: number('max_entries') ?? 0, flags: number('map_flags') ?? 0 },
    key: key.layout ?? plain(key.size),
    value: value.layout ?? plain(valueSize),
    pinned: number('pinning') === LIBBPF_PIN_BY_NAME,
    ...(members.has('values') && { valuesAt: Math.floor(members.get('values')!.offset / BITS) }),
    ...(inner && { inner }),
    ...(key.id !== 0 && value.id !== 0 && { btf: { data, keyType: key.id, valueType: value.id } }),
  };
}

/** The name of the map that shows what the maps in a map look like; libbpf's is as telling. */
const INNER = 'inner';
const LIBBPF_PIN_BY_NAME = 1;

/** A layout of `size` bytes of which nothing is known. */
export const plain = (size: number): FieldType => (size > 0 ? bytes(size) : NOTHING);
