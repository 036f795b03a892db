// The programs a command line asks for: those of the datapath, or those of an object file.

import type { ElfObject, IsaLevel, Program } from '../asm/index.ts';
import type { InstanceMaps } from '../nat/maps.ts';
import { DIRECTIONS } from '../nat/reason.ts';
import type { Input } from './input.ts';
import { ISA_LEVELS, POLICIES, PROGRAM_NAMES } from './options.ts';
import { UsageError } from './usage-error.ts';

/** Programs of the datapath, outbound first, and the maps both share. */
export interface Asked {
  readonly programs: readonly Program[];
  readonly maps: InstanceMaps;
}

export const programsFor = async (input: Input): Promise<Asked> => (await builderFor(input))();

/** What builds them, for whoever wants to watch. */
export async function builderFor(input: Input): Promise<() => Asked> {
  // Locations of instructions are those of the stack when they were emitted: with this, TypeScript lines.
  process.setSourceMapsEnabled(true);
  const { datapath } = await import('../nat/datapath/index.ts');
  const capacity = input.count('capacity');
  const level = input.choice('isa', ISA_LEVELS);
  const isa = level === undefined ? undefined : (Number(level) as IsaLevel);
  const unmapped = input.choice('unmapped', POLICIES) ?? 'pass';
  const wanted = PROGRAM_NAMES[input.argument('PROGRAM') ?? ''];
  const directions = DIRECTIONS.filter((direction) => wanted === undefined || wanted === direction);
  return () => {
    const built = datapath({ unmapped, ...(capacity !== undefined && { capacity }), ...(isa && { isa }) });
    return { programs: directions.map((direction) => built[direction]), maps: built.maps };
  };
}

/** Options that say what the datapath is to be like, and nothing of an object. */
const OF_THE_DATAPATH = ['unmapped', 'capacity', 'isa'];

/** The object file that the command line names as PROGRAM, if it does. @throws UsageError, ObjectFileError */
export async function objectFor(input: Input, command: string): Promise<ElfObject | undefined> {
  const path = input.argument('PROGRAM');
  const only = input.text('only');
  if (path === undefined || PROGRAM_NAMES[path] !== undefined) {
    if (only === undefined) return undefined;
    throw new UsageError(`${command}: --only is for object files: name one as PROGRAM`);
  }
  const wrong = OF_THE_DATAPATH.find((name) => input.text(name) !== undefined);
  if (wrong !== undefined) throw new UsageError(`${command}: --${wrong} means nothing to an object file`);
  const { readObject } = await import('./object-file.ts');
  return readObject(path, only);
}
