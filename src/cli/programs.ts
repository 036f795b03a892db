// The datapath's programs as a command line asks for them.

import type { Program } from '../asm/index.ts';
import type { InstanceMaps } from '../nat/maps.ts';
import { DIRECTIONS, type Direction } from '../nat/reason.ts';
import { POLICIES, PROGRAM_NAMES } from './commands.ts';
import type { Input } from './input.ts';

/** The programs asked for, outbound first, and the maps both share. */
export interface Asked {
  readonly programs: readonly { readonly direction: Direction; readonly program: Program }[];
  readonly maps: InstanceMaps;
}

export const programsFor = async (input: Input): Promise<Asked> => (await builderFor(input))();

/** What builds them, for whoever wants to watch. */
export async function builderFor(input: Input): Promise<() => Asked> {
  // Locations of instructions are those of the stack when they were emitted: with this, TypeScript lines.
  process.setSourceMapsEnabled(true);
  const { datapath } = await import('../nat/datapath/index.ts');
  const capacity = input.count('capacity');
  const unmapped = input.choice('unmapped', POLICIES) ?? 'pass';
  const wanted = PROGRAM_NAMES[input.argument('PROGRAM') ?? ''];
  const directions = DIRECTIONS.filter((direction) => wanted === undefined || wanted === direction);
  return () => {
    const built = datapath({ unmapped, ...(capacity !== undefined && { capacity }) });
    const programs = directions.map((direction) => ({ direction, program: built[direction] }));
    return { programs, maps: built.maps };
  };
}
