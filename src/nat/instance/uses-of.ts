// What the programs of an instance must be able to do, by what its tables hold.

import type { DestinationEntries } from '../destinations.ts';
import type { Mapping } from '../mapping.ts';
import { type Uses, usesOf } from '../uses.ts';

export function usesOfInstance(mappings: Iterable<Mapping>, destinations: DestinationEntries): Uses {
  const uses = usesOf(mappings);
  for (const name of ['destinations', 'destinations6'] as const) {
    if (destinations[name].count > 0) uses.add(name);
  }
  return uses;
}
