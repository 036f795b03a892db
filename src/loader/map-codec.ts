// Layouts compiled to functions that read and write in place: what `encode` and `decode` of the assembler do, without
// walking the layout or making a copy for each value. What they refuse, `encode` refuses in words.

import {
  type ArrayType,
  encode,
  type FieldType,
  fieldsOf,
  LITTLE_ENDIAN,
  type ScalarType,
  type StructType,
  type ValueOf,
} from '../asm/data.ts';

/** Values of one layout in memory. */
export interface Codec<T> {
  /** In bytes. */
  readonly size: number;
  /** @throws TypeError, RangeError naming the field, for a value that is not of this layout. */
  write(view: DataView, at: number, value: T): void;
  read(view: DataView, at: number): T;
}

/** @returns false for a value that does not go there, which may then be written in part. */
type Writer = (view: DataView, at: number, value: unknown) => boolean;
type Reader = (view: DataView, at: number) => unknown;
interface Pair {
  readonly write: Writer;
  readonly read: Reader;
}

const compiled = new WeakMap<FieldType, Codec<unknown>>();

/** The codec of a layout, made once for each. */
export function codecOf<T extends FieldType>(type: T): Codec<ValueOf<T>> {
  const known = compiled.get(type);
  if (known !== undefined) return known as Codec<ValueOf<T>>;
  const { write, read } = compile(type);
  const codec: Codec<ValueOf<T>> = {
    size: type.size,
    write(view, at, value) {
      if (write(view, at, value)) return;
      // Says what is wrong; or knows better, and then it is right.
      new Uint8Array(view.buffer, view.byteOffset + at, type.size).set(encode(type, value));
    },
    read: (view, at) => read(view, at) as ValueOf<T>,
  };
  compiled.set(type, codec as Codec<unknown>);
  return codec;
}

function compile(type: FieldType): Pair {
  switch (type.kind) {
    case 'bytes':
      return bytesOf(type.size);
    case 'array':
      return arrayOf(type);
    case 'struct':
      return structOf(type);
    default:
      return scalarOf(type);
  }
}

function bytesOf(size: number): Pair {
  const at = (view: DataView, offset: number) => new Uint8Array(view.buffer, view.byteOffset + offset, size);
  return {
    write: (view, offset, value) => {
      if (!(value instanceof Uint8Array) || value.length !== size) return false;
      at(view, offset).set(value);
      return true;
    },
    read: (view, offset) => at(view, offset).slice(),
  };
}

function arrayOf({ element, length }: ArrayType): Pair {
  const { write, read } = compile(element);
  const stride = element.size;
  return {
    write: (view, at, value) => {
      if (!Array.isArray(value) || value.length !== length) return false;
      for (let i = 0; i < length; i++) if (!write(view, at + i * stride, value[i])) return false;
      return true;
    },
    read: (view, at) => {
      const items: unknown[] = [];
      for (let i = 0; i < length; i++) items.push(read(view, at + i * stride));
      return items;
    },
  };
}

function structOf(type: StructType): Pair {
  const fields = fieldsOf(type).map(({ name, type: field, offset }) => ({ name, offset, ...compile(field) }));
  return {
    write: (view, at, value) => {
      if (typeof value !== 'object' || value === null) return false;
      const object = value as Readonly<Record<string, unknown>>;
      for (const { name, offset, write } of fields) {
        if (!write(view, at + offset, object[name])) return false;
      }
      return true;
    },
    read: (view, at) => {
      const object: Record<string, unknown> = {};
      for (const { name, offset, read } of fields) object[name] = read(view, at + offset);
      return object;
    },
  };
}

const TWO_64 = 1n << 64n;

function scalarOf({ kind, size }: ScalarType): Pair {
  const little = LITTLE_ENDIAN && !kind.startsWith('be');
  const fits = (value: unknown, limit: number): value is number =>
    typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < limit;
  switch (size) {
    case 1:
      return {
        write: (view, at, value) => {
          if (!fits(value, 0x100)) return false;
          view.setUint8(at, value);
          return true;
        },
        read: (view, at) => view.getUint8(at),
      };
    case 2:
      return {
        write: (view, at, value) => {
          if (!fits(value, 0x1_0000)) return false;
          view.setUint16(at, value, little);
          return true;
        },
        read: (view, at) => view.getUint16(at, little),
      };
    case 4:
      return {
        write: (view, at, value) => {
          if (!fits(value, 0x1_0000_0000)) return false;
          view.setUint32(at, value, little);
          return true;
        },
        read: (view, at) => view.getUint32(at, little),
      };
    default:
      return {
        write: (view, at, value) => {
          if (typeof value !== 'bigint' || value < 0n || value >= TWO_64) return false;
          view.setBigUint64(at, value, little);
          return true;
        },
        read: (view, at) => view.getBigUint64(at, little),
      };
  }
}
