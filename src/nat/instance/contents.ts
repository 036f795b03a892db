// What an instance holds, in bytes: the tables of mappings and the lists of destinations, by the names of their maps.

import type { BpfMap, RawMap } from '../../loader/index.ts';
import { type Address, familyOf, type Side } from '../address.ts';
import type { DestinationEntries } from '../destinations.ts';
import {
  type Entries,
  formatFor,
  putAddress,
  TABLES,
  type TableEntries,
  type TableFormat,
  type TableName,
  viewOf,
} from '../entries.ts';
import { type Decoded, decodeEntries, isExact, mappingAt, viewsOf } from '../entries-decode.ts';
import type { Mapping } from '../mapping.ts';
import { destination6Key, destinationKey, type InstanceMaps } from '../maps.ts';
import type { Direction } from '../reason.ts';
import { SLOT_FORMATS, type SlotFormat } from '../slot-entries.ts';
import { boundSlots } from '../slot-states.ts';

/** How large keys and values are, and how much of a value counters leave. */
export interface Format<N extends ContentName = ContentName> {
  readonly name: N;
  readonly keySize: number;
  readonly valueSize: number;
  readonly identitySize: number;
}

export type ContentName = keyof Contents;
/** In part where the rest is not to change. */
export type Contents = TableEntries & DestinationEntries & SlotContents;

const list = (name: keyof DestinationEntries, keySize: number): Format => ({
  name,
  keySize,
  valueSize: 4,
  identitySize: 4,
});

/** In the order of writing. */
export const CONTENTS: readonly Format[] = [
  list('destinations', destinationKey.size),
  list('destinations6', destination6Key.size),
  SLOT_FORMATS[4],
  SLOT_FORMATS[6],
  ...TABLES,
];

/** What programs count in. */
export const COUNTED: readonly Format<TableName | keyof SlotContents>[] = [
  SLOT_FORMATS[4],
  SLOT_FORMATS[6],
  ...TABLES,
];

/** The tables of slots. */
export type SlotContents = { readonly [N in SlotFormat['name']]: Entries };

export type Owned = {
  readonly [N in keyof InstanceMaps]: BpfMap<InstanceMaps[N]['key'], InstanceMaps[N]['value']>;
};

/** The maps of mappings, which somebody else owns. */
export type Tables = { readonly [N in TableName]: { readonly raw: RawMap } };

/** Each table as it is just now. */
export function readTables(tables: Tables): TableEntries {
  return Object.fromEntries(
    TABLES.map(({ name }) => [name, tables[name].raw.elements()]),
  ) as unknown as TableEntries;
}

/** All mappings with their counters, those of slots too. */
export function readMappings(maps: Owned): Decoded {
  const parts = [
    decodeEntries(readTables(maps)),
    boundSlots(4, maps.slots.raw.elements()),
    boundSlots(6, maps.slots6.raw.elements()),
  ];
  return {
    states: parts.flatMap(({ states }) => states),
    torn: parts.reduce((sum, { torn }) => sum + torn, 0),
  };
}

export const mappingsOf = (maps: Owned): Mapping[] => readMappings(maps).states.map(({ mapping }) => mapping);

/** The lists of destinations as they are just now. */
export const readDestinations = ({ destinations, destinations6 }: Owned): DestinationEntries => ({
  destinations: destinations.raw.elements(),
  destinations6: destinations6.raw.elements(),
});

/** The value of this very key, and of no shorter one that a trie would give for it. */
export function exactValue(map: RawMap, key: Uint8Array, format: TableFormat): Uint8Array | undefined {
  const value = map.get(key);
  if (value === undefined || !format.isNet) return value;
  return isExact({ keys: viewOf(key), values: viewOf(value) }, format) ? value : undefined;
}

/** The keys of entries, one by one. */
export const keyAt = (
  { keys }: Pick<Entries, 'keys'>,
  position: number,
  { keySize }: Pick<Format, 'keySize'>,
): Uint8Array => keys.subarray(position * keySize, (position + 1) * keySize);

export const valueAt = (
  { values }: Pick<Entries, 'values'>,
  position: number,
  { valueSize }: Pick<Format, 'valueSize'>,
): Uint8Array => values.subarray(position * valueSize, (position + 1) * valueSize);

/** The tables that are looked up with one side of mappings. */
export const DIRECTION_OF: { readonly [S in Side]: Direction } = { inside: 'outbound', outside: 'inbound' };

/** The address mapping of this very address. */
export function addressAt(maps: Tables, address: Address, side: Side): Mapping | undefined {
  const format = formatFor(DIRECTION_OF[side], familyOf(address), false);
  const { calls } = maps[format.name].raw;
  putAddress(calls.view, calls.keyAt, address);
  if (!calls.lookup()) return undefined;
  return mappingAt(viewsOf({ count: 1, keys: calls.key(), values: calls.value() }), 0, format);
}
