// The layouts of random programs as src/asm has them, and the maps they work on.

import {
  array,
  be16,
  be32,
  be64,
  bytes,
  defineMap,
  type FieldType,
  type MapDefinition,
  type ScalarType,
  type StructType,
  struct,
  u8,
  u16,
  u32,
  u64,
} from '../../../../src/asm/index.ts';
import { type Kind, LAYOUTS, type LayoutName, RESULTS } from './plan.ts';

const SCALARS: { readonly [K in Kind]: ScalarType } = { u8, u16, u32, u64, be16, be32, be64 };

function structOf(name: keyof typeof LAYOUTS): StructType {
  const fields: Record<string, FieldType> = {};
  for (const [field, type, length] of LAYOUTS[name]) {
    const scalar = typeof type === 'number' ? bytes(type) : SCALARS[type];
    fields[field] = length === undefined ? scalar : array(scalar, length);
  }
  return struct(name, fields);
}

export const STRUCTS: { readonly [N in Exclude<LayoutName, 'skb'>]: StructType } = {
  packed: structOf('packed'),
  small: structOf('small'),
  record: structOf('record'),
};

/** What stands for the context in XDP programs: the same fields, all zero at the start. */
export const NO_CONTEXT: StructType = struct('no_context', {
  len: u32,
  mark: u32,
  priority: u32,
  cb: array(u32, 5),
});

const BPF_F_NO_PREALLOC = 1;
type Record48 = MapDefinition<FieldType, StructType>;
/** What every random program works on. */
export const MAPS: {
  readonly results: MapDefinition<ScalarType<'u32'>, FieldType>;
  readonly state: Record48;
  readonly table: Record48;
} = {
  results: defineMap({ name: 'results', type: 'array', key: u32, value: array(u64, RESULTS), maxEntries: 1 }),
  state: defineMap({ name: 'state', type: 'array', key: u32, value: STRUCTS.record, maxEntries: 1 }),
  table: defineMap({
    name: 'table',
    type: 'hash',
    key: be32,
    value: STRUCTS.record,
    maxEntries: 64,
    flags: BPF_F_NO_PREALLOC,
  }),
};
