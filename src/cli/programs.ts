// The datapath's programs as a command line asks for them.

import type { Program } from '../asm/index.ts';
import type { InstanceMaps } from '../nat/maps.ts';
import { DIRECTIONS, type Direction } from '../nat/reason.ts';
import { POLICIES, PROGRAM_NAMES } from './commands.ts';
import type { Input } from './input.ts';

/** The programs asked for, outbound first, and the maps both share. */
export async function programsFor(
  input: Input,
): Promise<{ programs: { direction: Direction; program: Program }[]; maps: InstanceMaps }> {
  // Locations of instructions are those of the stack when they were emitted: with this, TypeScript lines.
  process.setSourceMapsEnabled(true);
  const { datapath } = await import('../nat/datapath/index.ts');
  const capacity = input.count('capacity');
  const { outbound, inbound, maps } = datapath({
    unmapped: input.choice('unmapped', POLICIES) ?? 'pass',
    ...(capacity !== undefined && { capacity }),
  });
  const wanted = PROGRAM_NAMES[input.argument('PROGRAM') ?? ''];
  const programs = DIRECTIONS.filter((direction) => wanted === undefined || wanted === direction).map(
    (direction) => ({ direction, program: direction === 'outbound' ? outbound : inbound }),
  );
  return { programs, maps };
}
