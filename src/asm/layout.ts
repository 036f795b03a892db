// Layouts of packet headers, map keys and map values: named fields at fixed offsets, packed as written.
// One description serves the DSL (typed field access), the map codecs below and, later, BTF.
// A layout adds no padding of its own: what the wire or the kernel pads is written out as a field.

/** Whether this machine, and so the kernel under it, stores the least significant byte first. */
export const LITTLE_ENDIAN: boolean = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Integers: `u*` in the machine's byte order, `be*` in network byte order. */
export type ScalarKind = 'u8' | 'u16' | 'u32' | 'u64' | 'be16' | 'be32' | 'be64';

export interface ScalarType<K extends ScalarKind = ScalarKind> {
  readonly kind: K;
  /** In bytes. */
  readonly size: 1 | 2 | 4 | 8;
}

/** A run of bytes without a meaning as a number, such as a MAC address or padding. */
export interface BytesType {
  readonly kind: 'bytes';
  readonly size: number;
}

export interface ArrayType<E extends FieldType = FieldType> {
  readonly kind: 'array';
  readonly size: number;
  readonly length: number;
  readonly element: E;
}

export interface StructType<F extends Fields = Fields> {
  readonly kind: 'struct';
  readonly name: string;
  readonly size: number;
  readonly fields: F;
  /** Offset of each field from the start, in bytes. */
  readonly offsets: { readonly [K in keyof F]: number };
}

// biome-ignore lint/suspicious/noExplicitAny: an element or field of any shape; the concrete type is inferred.
export type FieldType = ScalarType | BytesType | ArrayType<any> | StructType<any>;
export type Fields = { readonly [name: string]: FieldType };

/** The JavaScript value of a field: number up to 32 bits, bigint for 64, bytes, array or object. */
export type ValueOf<T> =
  T extends ScalarType<'u64' | 'be64'>
    ? bigint
    : T extends ScalarType
      ? number
      : T extends BytesType
        ? Uint8Array
        : T extends ArrayType<infer E>
          ? ValueOf<E>[]
          : T extends StructType<infer F>
            ? { -readonly [K in keyof F]: ValueOf<F[K]> }
            : never;

const scalar = <K extends ScalarKind>(kind: K, size: 1 | 2 | 4 | 8): ScalarType<K> => ({ kind, size });

export const u8: ScalarType<'u8'> = scalar('u8', 1);
export const u16: ScalarType<'u16'> = scalar('u16', 2);
export const u32: ScalarType<'u32'> = scalar('u32', 4);
export const u64: ScalarType<'u64'> = scalar('u64', 8);
export const be16: ScalarType<'be16'> = scalar('be16', 2);
export const be32: ScalarType<'be32'> = scalar('be32', 4);
export const be64: ScalarType<'be64'> = scalar('be64', 8);

/** `size` bytes that are copied and compared, never calculated with. */
export function bytes(size: number): BytesType {
  requireCount('bytes: size', size);
  return { kind: 'bytes', size };
}

export function array<E extends FieldType>(element: E, length: number): ArrayType<E> {
  requireCount('array: length', length);
  return { kind: 'array', size: element.size * length, length, element };
}

/**
 * A layout of named fields, each right behind the one before it.
 *
 * @example
 * const udphdr = struct('udphdr', { source: be16, dest: be16, len: be16, check: be16 });
 * udphdr.offsets.check // 6
 */
export function struct<const F extends Fields>(name: string, fields: F): StructType<F> {
  let size = 0;
  const offsets: Record<string, number> = {};
  for (const [field, type] of Object.entries(fields)) {
    // JavaScript puts such keys first, wherever they were written.
    if (/^(0|[1-9]\d*)$/.test(field))
      throw new RangeError(`struct ${name}: a field cannot be called '${field}'`);
    offsets[field] = size;
    size += type.size;
  }
  if (size === 0) throw new RangeError(`struct ${name}: a layout needs at least one field`);
  return { kind: 'struct', name, size, fields, offsets: offsets as { [K in keyof F]: number } };
}

/** The bytes of `value`, laid out as `type` says. RangeError for a number that does not fit its field. */
export function encode<T extends FieldType>(type: T, value: ValueOf<T>): Uint8Array {
  const out = new Uint8Array(type.size);
  write(type, new DataView(out.buffer), 0, value, type.kind);
  return out;
}

/** The value that `data` holds, which must be at least as long as the layout. */
export function decode<T extends FieldType>(type: T, data: Uint8Array): ValueOf<T> {
  if (data.length < type.size) {
    throw new RangeError(`decode: ${type.size} bytes needed, ${data.length} given`);
  }
  return read(type, new DataView(data.buffer, data.byteOffset, data.byteLength), 0) as ValueOf<T>;
}

function write(type: FieldType, view: DataView, offset: number, value: unknown, path: string): void {
  switch (type.kind) {
    case 'bytes': {
      if (!(value instanceof Uint8Array)) throw new TypeError(`${path}: a Uint8Array is needed`);
      const data = value;
      if (data.length !== type.size) {
        throw new RangeError(`${path}: ${type.size} bytes needed, ${data.length} given`);
      }
      new Uint8Array(view.buffer).set(data, offset);
      return;
    }
    case 'array': {
      if (!Array.isArray(value)) throw new TypeError(`${path}: an array is needed`);
      const items: unknown[] = value;
      if (items.length !== type.length) {
        throw new RangeError(`${path}: ${type.length} elements needed, ${items.length} given`);
      }
      items.forEach((item, i) => {
        write(type.element, view, offset + i * type.element.size, item, `${path}[${i}]`);
      });
      return;
    }
    case 'struct': {
      if (typeof value !== 'object' || value === null) throw new TypeError(`${path}: an object is needed`);
      const object = value as Record<string, unknown>;
      for (const { name, type: field, offset: at } of fieldsOf(type)) {
        write(field, view, offset + at, object[name], `${type.name}.${name}`);
      }
      return;
    }
    default:
      writeScalar(type, view, offset, value as number | bigint, path);
  }
}

function writeScalar(
  type: ScalarType,
  view: DataView,
  offset: number,
  value: number | bigint,
  path: string,
): void {
  const little = isLittle(type);
  if (type.size === 8) {
    if (typeof value !== 'bigint' || value < 0n || value >= 1n << 64n) {
      throw new RangeError(`${path}: ${value} is not a bigint of 64 bits`);
    }
    view.setBigUint64(offset, value, little);
    return;
  }
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= 2 ** (8 * type.size)) {
    throw new RangeError(`${path}: ${value} is not an unsigned integer of ${8 * type.size} bits`);
  }
  if (type.size === 1) view.setUint8(offset, value);
  else if (type.size === 2) view.setUint16(offset, value, little);
  else view.setUint32(offset, value, little);
}

function read(type: FieldType, view: DataView, offset: number): unknown {
  switch (type.kind) {
    case 'bytes':
      return new Uint8Array(view.buffer, view.byteOffset + offset, type.size).slice();
    case 'array':
      return Array.from({ length: type.length }, (_, i) =>
        read(type.element, view, offset + i * type.element.size),
      );
    case 'struct':
      return Object.fromEntries(
        fieldsOf(type).map(({ name, type: field, offset: at }) => [name, read(field, view, offset + at)]),
      );
    default:
      return readScalar(type, view, offset);
  }
}

function readScalar(type: ScalarType, view: DataView, offset: number): number | bigint {
  const little = isLittle(type);
  if (type.size === 8) return view.getBigUint64(offset, little);
  if (type.size === 4) return view.getUint32(offset, little);
  return type.size === 2 ? view.getUint16(offset, little) : view.getUint8(offset);
}

/** The fields of a struct in their order, for code that does not know the struct's own type. */
export function fieldsOf(type: StructType): { name: string; type: FieldType; offset: number }[] {
  const offsets: Readonly<Record<string, number>> = type.offsets;
  return Object.entries(type.fields).map(([name, field]) => ({
    name,
    type: field,
    offset: offsets[name] ?? 0,
  }));
}

const isLittle = (type: ScalarType): boolean => !type.kind.startsWith('be') && LITTLE_ENDIAN;

function requireCount(what: string, n: number): void {
  if (!Number.isInteger(n) || n < 1) throw new RangeError(`${what}: ${n} is not a positive integer`);
}
