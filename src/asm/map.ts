// Maps as a program declares them: the kernel's sizes derived from typed key and value layouts.

import type { MapType } from './kernel.ts';
import { encode, type FieldType, type ScalarType, type StructType, u32, type ValueOf } from './layout.ts';
import type { MapSpec } from './program.ts';

/** A map with the layouts of its key and value; a `MapSpec` for whoever only needs the sizes. */
export interface MapDefinition<K extends FieldType = FieldType, V extends FieldType = FieldType>
  extends MapSpec {
  readonly key: K;
  readonly value: V;
}

/** What the kernel takes as a map or program name: `BPF_OBJ_NAME_LEN` less the terminating zero. */
const OBJECT_NAME = /^[A-Za-z0-9_.]{1,15}$/;

/** @throws RangeError when the kernel would refuse `name` for a map or program. */
export function requireObjectName(what: string, name: string): void {
  if (!OBJECT_NAME.test(name)) {
    throw new RangeError(`${what} '${name}': a name is 1 to 15 characters out of A-Z a-z 0-9 _ .`);
  }
}

/**
 * Declares a map. It exists in the kernel only once a loader has made it.
 *
 * @example
 * const outbound = defineMap({ name: 'outbound', type: 'hash', key: be32, value: record, maxEntries: 1024 });
 */
export function defineMap<K extends FieldType, V extends FieldType>(options: {
  name: string;
  type: MapType;
  key: K;
  value: V;
  maxEntries: number;
  /** `BPF_F_*` bits of `BPF_MAP_CREATE`. */
  flags?: number;
}): MapDefinition<K, V> {
  const { name, type, key, value, maxEntries, flags = 0 } = options;
  requireObjectName('map', name);
  if (!Number.isInteger(maxEntries) || maxEntries < 1 || maxEntries > 0xffff_ffff) {
    throw new RangeError(`map ${name}: maxEntries ${maxEntries} is not an integer from 1 to 2^32-1`);
  }
  return { name, type, key, value, keySize: key.size, valueSize: value.size, maxEntries, flags };
}

/** A map whose values are maps of one shape. */
export interface MapOfMaps<K extends FieldType, IK extends FieldType, IV extends FieldType>
  extends MapDefinition<K, ScalarType<'u32'>> {
  readonly inner: MapDefinition<IK, IV>;
}

/** Declares a map of maps. User space puts maps of the shape of `inner` into it, by descriptor. */
export function defineMapOfMaps<K extends FieldType, IK extends FieldType, IV extends FieldType>(options: {
  name: string;
  type: 'array_of_maps' | 'hash_of_maps';
  key: K;
  inner: MapDefinition<IK, IV>;
  maxEntries: number;
  flags?: number;
}): MapOfMaps<K, IK, IV> {
  return { ...defineMap({ ...options, value: u32 }), inner: options.inner };
}

/** A ring buffer of events of one layout. */
export interface RingBuffer<E extends StructType = StructType> extends MapSpec {
  readonly event: E;
}

/** Declares a ring buffer of `size` bytes: a power of two, and a multiple of the page size. Since Linux 5.8. */
export function defineRingBuffer<E extends StructType>(options: {
  name: string;
  event: E;
  size: number;
}): RingBuffer<E> {
  const { name, event, size } = options;
  requireObjectName('ring buffer', name);
  if (!Number.isInteger(size) || size < 4096 || (size & (size - 1)) !== 0) {
    throw new RangeError(`ring buffer ${name}: ${size} bytes is not a power of two of at least a page`);
  }
  return { name, type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: size, flags: 0, event };
}

/** Memory that a program and user space share: an array of one entry, addressed directly. Since Linux 5.2. */
export interface GlobalData<T extends FieldType = FieldType> extends MapDefinition<ScalarType<'u32'>, T> {}

/** Declares global data; without `initial` it starts as zeros. */
export function defineGlobal<T extends FieldType>(options: {
  name: string;
  value: T;
  initial?: ValueOf<T>;
}): GlobalData<T> {
  const { name, value, initial } = options;
  const map = defineMap({ name, type: 'array', key: u32, value, maxEntries: 1 });
  return initial === undefined ? map : { ...map, initial: encode(value, initial) };
}

/** A C identifier: what BTF takes as the name of a function. */
const FUNCTION_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

/** @throws RangeError when BTF would refuse `name` for a function. */
export function requireFunctionName(name: string): void {
  if (!FUNCTION_NAME.test(name)) throw new RangeError(`function '${name}': a name is a C identifier`);
}
