// What the programs of an instance must be able to do, by what its tables hold.

import type { DestinationEntries } from '../destinations.ts';
import type { Mapping } from '../mapping.ts';
import { type Uses, usesOf } from '../uses.ts';
import type { SlotContents } from './contents.ts';
import { usesOfSlots } from './slots/contents.ts';
import { type TunnelPort, usesOfPorts } from './tunnels/ports.ts';

/**
 * @param slots among them those that no outside is bound to, which are in no mapping
 * @param ports of tunnel slots
 */
export function usesOfInstance(
  mappings: Iterable<Mapping>,
  destinations: DestinationEntries,
  slots: SlotContents,
  ports: readonly TunnelPort[],
): Uses {
  const uses = usesOf(mappings);
  for (const use of usesOfSlots(slots)) uses.add(use);
  for (const use of usesOfPorts(ports)) uses.add(use);
  for (const name of ['destinations', 'destinations6'] as const) {
    if (destinations[name].count > 0) uses.add(name);
  }
  return uses;
}
