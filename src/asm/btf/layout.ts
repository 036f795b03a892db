// Layouts to BTF types and back. An integer in network byte order becomes an array of its bytes, because a tool
// that reads BTF knows no byte order but its own: an address is then shown as [10,0,0,5] and not as 83886090.
// Left out on purpose: bit fields, unions and floats have no layout and are read as plain bytes.

import {
  array,
  be16,
  be32,
  be64,
  bytes,
  type Fields,
  type FieldType,
  fieldsOf,
  type ScalarType,
  struct,
  u8,
  u16,
  u32,
  u64,
} from '../layout.ts';
import { BTF_INT } from './abi.ts';
import { identifier, type TypeTable } from './table.ts';
import type { Btf, BtfArray, BtfComposite, TypeId } from './types.ts';

const BITS = 8;
/** C's integers, by size, and the names the kernel's headers have for them. */
const C_NAMES: Readonly<Record<number, string>> = { 1: 'char', 2: 'short', 4: 'int', 8: 'long long' };

/** The number of the type that `layout` describes, added to `table` with all it needs. */
export function addLayout(table: TypeTable, layout: FieldType): TypeId {
  switch (layout.kind) {
    case 'bytes':
      return addArray(table, addInteger(table, 1, false), layout.size);
    case 'array':
      return addArray(table, addLayout(table, layout.element), layout.length);
    case 'struct':
      return table.add({
        ...{ kind: 'struct', name: identifier(layout.name), size: layout.size },
        members: fieldsOf(layout).map(({ name, type, offset }) => ({
          ...{ name: identifier(name), type: addLayout(table, type), offset: offset * BITS, bits: 0 },
        })),
      });
    default: {
      const { kind, size } = layout as ScalarType;
      if (!kind.startsWith('be')) return addInteger(table, size, !kind.startsWith('u'));
      const type = addArray(table, addInteger(table, 1, false), size);
      return table.add({ kind: 'typedef', name: kind, type });
    }
  }
}

function addArray(table: TypeTable, element: TypeId, length: number): TypeId {
  // clang's name for the type of an index, which nobody looks at.
  const index = addPlainInteger(table, '__ARRAY_SIZE_TYPE__', 4, 0);
  return table.add({ kind: 'array', element, index, length });
}

/** An integer of C, under the name that the kernel's headers give it: `__u32`. */
export function addInteger(table: TypeTable, size: 1 | 2 | 4 | 8, signed: boolean): TypeId {
  const name = `${signed ? 'signed' : 'unsigned'} ${C_NAMES[size]}`;
  const type = addPlainInteger(table, name, size, signed ? BTF_INT.SIGNED : 0);
  return table.add({ kind: 'typedef', name: `__${signed ? 's' : 'u'}${BITS * size}`, type });
}

/** A bare integer, as a function's result has to be. */
export function addPlainInteger(table: TypeTable, name: string, size: number, encoding: number): TypeId {
  return table.add({ kind: 'int', name, size, bits: BITS * size, offset: 0, encoding });
}

const UNSIGNED: Readonly<Record<number, ScalarType>> = { 1: u8, 2: u16, 4: u32, 8: u64 };
/** Typedefs that say what the type under them does not. */
const NETWORK: ReadonlyMap<string, ScalarType> = new Map<string, ScalarType>([
  ['__be16', be16],
  ['__be32', be32],
  ['__be64', be64],
  ['be16', be16],
  ['be32', be32],
  ['be64', be64],
]);
const MAX_SIZE = 2 ** 32;
/** Structs in structs: whoever goes deeper means nothing good. */
const MAX_DEPTH = 64;

/**
 * Layouts out of BTF. Integers are unsigned, gaps and bit fields become fields called `padN`, N being the offset.
 *
 * @returns a function that gives the layout of a type, undefined for one that has none: `void`, functions, types of no
 * size, and types that contain themselves.
 */
export function layoutsOf(btf: Btf): (type: TypeId) => FieldType | undefined {
  const known = new Map<TypeId, FieldType | undefined>();
  let depth = 0;
  const layoutOf = (id: TypeId): FieldType | undefined => {
    // A type that is met again before it is known contains itself.
    if (known.has(id) || depth === MAX_DEPTH) return known.get(id);
    known.set(id, undefined);
    depth++;
    const layout = make(id);
    depth--;
    known.set(id, layout);
    return layout;
  };
  const make = (id: TypeId): FieldType | undefined => {
    const type = btf.types[id];
    switch (type?.kind) {
      case 'int':
        return (type.bits === BITS * type.size && UNSIGNED[type.size]) || plain(type.size);
      case 'ptr':
        return u64;
      case 'enum':
      case 'enum64':
        return UNSIGNED[type.size] ?? plain(type.size);
      case 'float':
      case 'union':
        return plain(type.size);
      case 'typedef': {
        const layout = layoutOf(type.type);
        const network = NETWORK.get(type.name);
        return network !== undefined && network.size === layout?.size ? network : layout;
      }
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'type_tag':
        return layoutOf(type.type);
      case 'array':
        return arrayOf(type);
      case 'struct':
        return structLayout(type, layoutOf) ?? plain(type.size);
      default:
        return undefined;
    }
  };
  const arrayOf = ({ element, length }: BtfArray): FieldType | undefined => {
    const layout = layoutOf(element);
    if (layout === undefined || length === 0 || layout.size * length >= MAX_SIZE) return undefined;
    return layout === u8 ? bytes(length) : array(layout, length);
  };
  return layoutOf;
}

/** The layout of a struct, undefined where its members do not lie one behind the other. */
export function structLayout(
  { name, size, members }: Omit<BtfComposite, 'kind'>,
  layoutOf: (type: TypeId) => FieldType | undefined,
): FieldType | undefined {
  const fields: Record<string, FieldType> = {};
  let end = 0;
  const pad = (to: number): void => {
    if (to > end) fields[fieldName(`pad${end}`, end, fields)] = bytes(to - end);
    end = to;
  };
  for (const member of members) {
    const layout = layoutOf(member.type);
    if (member.bits !== 0 || layout === undefined) continue;
    const at = member.offset / BITS;
    if (!Number.isInteger(at) || at < end || at + layout.size > size) return undefined;
    pad(at);
    fields[fieldName(member.name, at, fields)] = layout;
    end = at + layout.size;
  }
  pad(size);
  return size === 0 ? undefined : struct(name || 'anonymous', fields as Fields);
}

const plain = (size: number): FieldType | undefined => (size > 0 ? bytes(size) : undefined);

/** A name that is nobody else's and that an object keeps in its place. */
function fieldName(name: string, at: number, taken: Readonly<Record<string, unknown>>): string {
  const usable = /^[A-Za-z_]\w*$/.test(name) && name !== '__proto__';
  let free = usable ? name : `field${at}`;
  while (Object.hasOwn(taken, free)) free += '_';
  return free;
}
