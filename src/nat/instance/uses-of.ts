// What the programs of an instance must be able to do, by what its tables hold.

import type { DestinationEntries } from '../destinations.ts';
import type { Mapping } from '../mapping.ts';
import { type Uses, usesOf } from '../uses.ts';
import type { Owned } from './contents.ts';

const SLOT_USES = ['slots', 'slots6', 'slot_lists', 'slot_lists6'] as const;

/** @param maps where slots may be that no outside is bound to, which are in no mapping */
export function usesOfInstance(
  mappings: Iterable<Mapping>,
  destinations: DestinationEntries,
  maps?: Pick<Owned, (typeof SLOT_USES)[number]>,
): Uses {
  const uses = usesOf(mappings);
  for (const name of SLOT_USES) if (maps?.[name].raw.nextKey() !== undefined) uses.add(name);
  for (const name of ['destinations', 'destinations6'] as const) {
    if (destinations[name].count > 0) uses.add(name);
  }
  return uses;
}
