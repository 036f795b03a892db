// The lists of destinations that slots may be limited to, as the entries of two tries, one for each family.

import { LITTLE_ENDIAN } from '../asm/data.ts';
import { type Family, familyOf } from './address.ts';
import { type Entries, getAddress, putAddress, viewOf } from './entries.ts';
import { formatPrefix, type Prefix } from './prefix.ts';
import { slotList6Key, slotListKey } from './slot-layout.ts';

/** Destinations that the slots with `list` in their records may reach. */
export interface SlotList {
  /** 0 to 65535. */
  readonly list: number;
  /** Of either family. */
  readonly allowed: readonly Prefix[];
}

const LISTS = { 4: slotListKey, 6: slotList6Key } as const;
const LIST_BITS = 32;
/** What a record's `list` can name. */
const MOST_LIST = 0xffff;
const LIST_VALUE_SIZE = 4;
const ALLOWED = 1;

/** The entries that lists have in the trie of one family. @throws RangeError for a list that no record can name. */
export function encodeSlotLists(family: Family, lists: readonly SlotList[]): Entries {
  const { size, offsets } = LISTS[family];
  const distinct = new Map<string, readonly [number, Prefix]>();
  for (const { list, allowed } of lists) {
    if (!Number.isInteger(list) || list < 0 || list > MOST_LIST) {
      throw new RangeError(`list of destinations ${list} is not a number from 0 to ${MOST_LIST}`);
    }
    for (const prefix of allowed) {
      if (familyOf(prefix.address) === family)
        distinct.set(`${list} ${formatPrefix(prefix)}`, [list, prefix]);
    }
  }
  const keys = new Uint8Array(distinct.size * size);
  const values = new Uint8Array(distinct.size * LIST_VALUE_SIZE);
  const [keyView, valueView] = [viewOf(keys), viewOf(values)];
  [...distinct.values()].forEach(([list, { address, length }], i) => {
    keyView.setUint32(i * size + offsets.prefixLength, LIST_BITS + length, LITTLE_ENDIAN);
    keyView.setUint32(i * size + offsets.list, list, LITTLE_ENDIAN);
    putAddress(keyView, i * size + offsets.address, address);
    valueView.setUint32(i * LIST_VALUE_SIZE, ALLOWED, LITTLE_ENDIAN);
  });
  return { count: distinct.size, keys, values };
}

/** The lists that one family's trie has something of, by their numbers. */
export function decodeSlotLists(family: Family, { count, keys }: Entries): SlotList[] {
  const { size, offsets } = LISTS[family];
  const view = viewOf(keys);
  const lists = new Map<number, Prefix[]>();
  for (let i = 0; i < count; i++) {
    const list = view.getUint32(i * size + offsets.list, LITTLE_ENDIAN);
    const length = view.getUint32(i * size + offsets.prefixLength, LITTLE_ENDIAN) - LIST_BITS;
    const allowed = lists.get(list) ?? [];
    allowed.push({ address: getAddress(view, i * size + offsets.address, family), length });
    lists.set(list, allowed);
  }
  return [...lists].sort(([a], [b]) => a - b).map(([list, allowed]) => ({ list, allowed }));
}
