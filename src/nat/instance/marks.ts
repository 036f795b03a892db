// The marks of addresses that have ports, by which fragments without any are known: an address has one in each
// direction as long as it has a port or a port block. In the order in which the kernel lists a trie, longer keys before
// the shorter ones that hold them, the mark comes first of all that its address has behind its 32 or 128 bits.

import { LITTLE_ENDIAN } from '../../asm/data.ts';
import type { RawMap } from '../../loader/index.ts';
import { bitsOf } from '../address.ts';
import { sameBytes, type TableFormat, viewOf } from '../entries.ts';
import { NET_OFFSETS } from '../entries-encode.ts';
import { exactValue } from './contents.ts';

/** The key behind `key` among the ports of the same address. */
export function nextOfAddress(map: RawMap, key: Uint8Array, { family }: TableFormat): Uint8Array | undefined {
  const next = map.nextKey(key);
  if (next === undefined) return undefined;
  const { prefixLength, address } = NET_OFFSETS[family].key;
  const bits = bitsOf(family);
  const isPort = viewOf(next).getUint32(prefixLength, LITTLE_ENDIAN) > bits;
  return isPort && sameBytes(next, address, key, address, bits / 8) ? next : undefined;
}

/** Deletes a mark, if nothing is left that it stands for. */
export function dropMark(map: RawMap, mark: Uint8Array, format: TableFormat): void {
  const isThere = exactValue(map, mark, format) !== undefined;
  if (isThere && nextOfAddress(map, mark, format) === undefined) map.delete(mark);
}
