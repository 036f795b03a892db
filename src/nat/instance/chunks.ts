// Bytes of any length in a pinned map, which is there as long as they are of use: an array whose values lie end to end.

import {
  type BytesType,
  bytes,
  defineMap,
  type MapDefinition,
  type ScalarType,
  u32,
} from '../../asm/data.ts';
import { BpfMap } from '../../loader/index.ts';

const CHUNK_SIZE = 4096;

const chunks = (count: number): MapDefinition<ScalarType<'u32'>, BytesType> =>
  defineMap({ name: 'journal', type: 'array', key: u32, value: bytes(CHUNK_SIZE), maxEntries: count });

/** Pins them at `path`, filled up with zeros. There is nothing until all is there. */
export function pinBytes(path: string, data: Uint8Array): void {
  const count = Math.max(1, Math.ceil(data.length / CHUNK_SIZE));
  const values = new Uint8Array(count * CHUNK_SIZE);
  values.set(data);
  using map = BpfMap.create(chunks(count));
  const keys = new Uint8Array(new Uint32Array(count).map((_, i) => i).buffer);
  map.raw.setBatch({ count, keys, values });
  map.pin(path);
}

/** What is pinned there; undefined where nothing is. */
export function pinnedBytes(path: string): Uint8Array | undefined {
  using map = BpfMap.openPin(path, chunks(1));
  return map?.raw.elements().values;
}
