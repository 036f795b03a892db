// The programs a command line asks for: those of the datapath, or those of an object file.

import type { ElfObject, IsaLevel, Program } from '../asm/index.ts';
import type { DatapathOptions } from '../nat/datapath/index.ts';
import type { InstanceMaps } from '../nat/maps.ts';
import { DIRECTIONS } from '../nat/reason.ts';
import { USES, type Uses, usesOf } from '../nat/uses.ts';
import type { Input } from './input.ts';
import { ISA_LEVELS, LINKS, OF_THE_DATAPATH, POLICIES, PROGRAM_NAMES } from './options.ts';
import { unmappedOf } from './policy-options.ts';
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
  const mss = input.count('mss');
  const link = input.choice('link', LINKS);
  const spoofed = input.choice('spoofed', POLICIES);
  const options: DatapathOptions = {
    unmapped: unmappedOf(input) ?? 'pass',
    uses: usesAsked(input),
    ...(capacity !== undefined && { capacity }),
    ...(mss !== undefined && { mss }),
    ...(link !== undefined && { link }),
    ...(spoofed !== undefined && { spoofed }),
    ...(level !== undefined && { isa: Number(level) as IsaLevel }),
  };
  const wanted = PROGRAM_NAMES[input.argument('PROGRAM') ?? ''];
  const directions = DIRECTIONS.filter((direction) => wanted === undefined || wanted === direction);
  return () => {
    const built = datapath(options);
    return { programs: directions.map((direction) => built[direction]), maps: built.maps };
  };
}

function usesAsked(input: Input): Uses {
  const texts = input.texts('uses');
  if (texts.includes('all')) return new Set(USES);
  return new Set([...usesOf([]), ...USES.filter((use) => texts.includes(use))]);
}

/** The object file that the command line names as PROGRAM, if it does. @throws UsageError, ObjectFileError */
export async function objectFor(input: Input, command: string): Promise<ElfObject | undefined> {
  const path = input.argument('PROGRAM');
  const only = input.text('only');
  if (path === undefined || PROGRAM_NAMES[path] !== undefined) {
    if (only === undefined) return undefined;
    throw new UsageError(`${command}: --only is for object files: name one as PROGRAM`);
  }
  const wrong = OF_THE_DATAPATH.find(({ name }) => input.text(name) !== undefined);
  if (wrong !== undefined)
    throw new UsageError(`${command}: --${wrong.name} means nothing to an object file`);
  const { readObject } = await import('./object-file.ts');
  return readObject(path, only);
}
