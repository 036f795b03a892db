// Policies of slots as their records have them. Lists of allowed destinations have numbers; equal lists share one.

import type { Family } from '../../address.ts';
import { formatPrefix, type Prefix } from '../../prefix.ts';
import { SLOT_FLAGS } from '../../slot-layout.ts';
import { decodeSlotLists, encodeSlotLists } from '../../slot-lists.ts';
import type { Owned } from '../contents.ts';
import { InstanceError } from '../error.ts';
import { FAMILIES } from './book.ts';
import type { SlotPolicy } from './types.ts';

export type ListMaps = Pick<Owned, 'slot_lists' | 'slot_lists6'>;

export const LIST_MAPS: { readonly [F in Family]: 'slot_lists' | 'slot_lists6' } = {
  4: 'slot_lists',
  6: 'slot_lists6',
};

/** What a record can name; 0 is none. */
const MOST_LISTS = 0xffff;

/** The lists there are, by number. */
export function readLists(maps: ListMaps): Map<number, Prefix[]> {
  const lists = new Map<number, Prefix[]>();
  for (const family of FAMILIES) {
    for (const { list, allowed } of decodeSlotLists(family, maps[LIST_MAPS[family]].raw.elements())) {
      lists.set(list, [...(lists.get(list) ?? []), ...allowed]);
    }
  }
  return lists;
}

const nameOf = (allowed: readonly Prefix[]): string =>
  [...new Set(allowed.map(formatPrefix))].sort().join(' ');

/** @throws RangeError */
export function requirePolicy({ allow }: SlotPolicy): void {
  if (allow?.length === 0)
    throw new RangeError('allow: a list of no destinations: leave it out to allow all');
}

/**
 * The number of a list of these destinations, and how to make it where there is none yet.
 *
 * @throws InstanceError with code `EFULL`
 */
export function listFor(
  instance: string,
  maps: ListMaps,
  allow: readonly Prefix[] | undefined,
): { readonly list: number; readonly make: () => void } {
  if (allow === undefined) return { list: 0, make: () => {} };
  const lists = readLists(maps);
  const name = nameOf(allow);
  for (const [list, allowed] of lists) if (nameOf(allowed) === name) return { list, make: () => {} };
  let list = 1;
  while (lists.has(list)) list++;
  if (list > MOST_LISTS) {
    throw new InstanceError(
      'EFULL',
      `instance '${instance}' has ${MOST_LISTS} lists of allowed destinations, which is the most`,
    );
  }
  const make = (): void => {
    for (const family of FAMILIES) {
      const entries = encodeSlotLists(family, [{ list, allowed: allow }]);
      if (entries.count > 0) maps[LIST_MAPS[family]].raw.setBatch(entries);
    }
  };
  return { list, make };
}

/** The flags of an inside. */
export const flagsOf = ({ denyLinkLocal = false, allow }: SlotPolicy): number =>
  (denyLinkLocal ? SLOT_FLAGS.denyLinkLocal : 0) | (allow === undefined ? 0 : SLOT_FLAGS.listed);
