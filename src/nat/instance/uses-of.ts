// What the programs of an instance must be able to do, by what its tables hold.

import type { DestinationEntries } from '../destinations.ts';
import type { Mapping } from '../mapping.ts';
import { type Uses, usesOf } from '../uses.ts';
import type { Owned } from './contents.ts';
import { readPorts, usesOfPorts } from './tunnels/ports.ts';

/** What a map stands for where it holds anything. */
const SLOT_USES = ['slots', 'slots6', 'slot_lists', 'slot_lists6'] as const;

/** @param maps where slots may be that no outside is bound to, which are in no mapping, and tunnel slots */
export function usesOfInstance(
  mappings: Iterable<Mapping>,
  destinations: DestinationEntries,
  maps?: Pick<Owned, (typeof SLOT_USES)[number] | 'tunnel_ports'>,
): Uses {
  const uses = usesOf(mappings);
  for (const name of SLOT_USES) if (maps?.[name].raw.nextKey() !== undefined) uses.add(name);
  if (maps !== undefined) for (const use of usesOfPorts(readPorts(maps.tunnel_ports))) uses.add(use);
  for (const name of ['destinations', 'destinations6'] as const) {
    if (destinations[name].count > 0) uses.add(name);
  }
  return uses;
}
