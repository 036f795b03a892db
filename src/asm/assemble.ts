// Items to a program: labels become distances (resolve.ts), instructions bytes, maps relocations. Nothing is guessed: a
// label that is nowhere is an error at the line that said it.

import { encodeInstructions, unitsOf } from './encoding.ts';
import type { Instruction, Item, Label } from './instruction.ts';
import { PSEUDO } from './isa.ts';
import { type IsaLevel, NEWEST_ISA } from './isa-level.ts';
import type { ProgramType } from './kernel.ts';
import { requireObjectName } from './map.ts';
import { olderForms } from './older.ts';
import type { MapRelocation, MapSpec, Program, SourceLocation } from './program.ts';
import { resolveJumps } from './resolve.ts';
import { BuildError } from './source.ts';

/** GPL-compatible, and declared so: the checksum and redirect helpers ask for it (include/linux/license.h). */
const DEFAULT_LICENSE = 'Dual MIT/GPL';

/** The level that brought `gotol`. */
const GOTOL_ISA: IsaLevel = 4;

export interface ProgramOptions {
  readonly name: string;
  readonly type: ProgramType;
  readonly license?: string;
  /** The newest instructions the program may have; what is newer is said in older ones. 4 where left out. */
  readonly isa?: IsaLevel;
}

/** Where a function of the program starts: at the label, the first one at the beginning. */
export interface FunctionStart {
  readonly name: string;
  readonly label: Label | undefined;
}

interface AssembleOptions {
  readonly functions?: readonly FunctionStart[];
  /** False for a kernel without `gotol`, as `isa` below 4 says too: a jump beyond 16 bits is then an error. */
  readonly gotol?: boolean;
}

/**
 * Assembles `items` into a program.
 *
 * @throws RangeError for a name the kernel refuses; BuildError for an unplaced label, a jump out of reach, or an
 * instruction that `isa` has no form for (`ISA`).
 */
export function assemble(options: ProgramOptions & AssembleOptions, items: readonly Item[]): Program {
  const { name, type, license = DEFAULT_LICENSE, functions = [], isa = NEWEST_ISA } = options;
  requireObjectName('program', name);
  requireDistinctMaps(items);
  const { gotol = isa >= GOTOL_ISA } = options;
  const { instructions, placeOf } = resolveJumps(olderForms(items, isa), { gotol });
  const relocations: MapRelocation[] = [];
  let unit = 0;
  for (let i = 0; i < instructions.length; i++) {
    const instruction = instructions[i]!;
    if (instruction.map) relocations.push(relocation(instruction, unit));
    unit += unitsOf(instruction);
  }
  return {
    name,
    type,
    license,
    code: encodeInstructions(instructions),
    relocations,
    functions: functions.map(({ name, label }) => ({ name, index: label ? placeOf(label) : 0 })),
    get locations(): (SourceLocation | undefined)[] {
      return instructions.flatMap((instruction) =>
        Array.from({ length: unitsOf(instruction) }, () => instruction.site?.location),
      );
    },
  };
}

/** Loaders and objects know maps by their names. */
function requireDistinctMaps(items: readonly Item[]): void {
  const maps = new Map<string, MapSpec>();
  for (let i = 0; i < items.length; i++) {
    const item = items[i]!;
    if ('place' in item || !item.map) continue;
    const known = maps.get(item.map.name);
    if (known && known !== item.map) {
      throw new BuildError('MAP', `two maps of one program are called '${item.map.name}'`, item.site);
    }
    maps.set(item.map.name, item.map);
  }
}

function relocation(instruction: Instruction, unit: number): MapRelocation {
  const map = instruction.map!;
  if (instruction.src !== PSEUDO.MAP_VALUE) return { index: unit, map };
  return { index: unit, map, valueOffset: Number((instruction.wide ?? 0n) >> 32n) };
}
