// Types of a map's keys and values, as the kernel takes them (map_check_btf of each type of map): an array's key is an
// integer of 32 bits, that of a LPM trie a struct; what has no values of its own, such as a map of maps, has no types at
// all.

import type { MapType } from '../kernel.ts';
import type { FieldType } from '../layout.ts';
import type { MapBtf, MapSpec } from '../program.ts';
import { encodeBtf } from './btf.ts';
import { addLayout } from './layout.ts';
import { TypeTable } from './table.ts';

/** Map types whose elements have no types of their own to the kernel. */
const UNTYPED: ReadonlySet<MapType> = new Set<MapType>([
  'prog_array',
  'perf_event_array',
  'stack_trace',
  'cgroup_array',
  'array_of_maps',
  'hash_of_maps',
  'devmap',
  'devmap_hash',
  'sockmap',
  'sockhash',
  'cpumap',
  'xskmap',
  'reuseport_sockarray',
  'queue',
  'stack',
  'ringbuf',
  'user_ringbuf',
  'bloom_filter',
  'arena',
  'struct_ops',
]);
const INDEXED: ReadonlySet<MapType> = new Set<MapType>(['array', 'percpu_array']);

/** Layouts of a map's key and value, where it has any and the kernel takes them. */
export function layoutsOfMap(map: MapSpec): { key?: FieldType; value?: FieldType } {
  const { key, value } = map as { key?: FieldType; value?: FieldType };
  if (INDEXED.has(map.type) && key?.kind !== 'u32') return {};
  if (map.type === 'lpm_trie' && key?.kind !== 'struct') return {};
  return {
    ...(key?.size === map.keySize && map.keySize > 0 && { key }),
    ...(value?.size === map.valueSize && map.valueSize > 0 && { value }),
  };
}

/** Types of a map's key and value; undefined where it has none, or the kernel wants none. */
export function mapBtf(map: MapSpec): MapBtf | undefined {
  if (UNTYPED.has(map.type)) return undefined;
  if (map.btf) return map.btf;
  const { key, value } = layoutsOfMap(map);
  if (key === undefined || value === undefined) return undefined;
  const table = new TypeTable();
  const keyType = addLayout(table, key);
  const valueType = addLayout(table, value);
  return { data: encodeBtf(table.types), keyType, valueType };
}
