// Maps as a program declares them: the kernel's sizes derived from typed key and value layouts.

import type { MapType } from './kernel.ts';
import type { FieldType } from './layout.ts';
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
