// Items to a program: labels become offsets, maps become relocations. Nothing is guessed: a jump that does not fit
// its 16 bits, or a label that is nowhere, is an error at the line that said it.

import { encodeInstruction, unitsOf } from './encoding.ts';
import type { Instruction, Item, Label } from './instruction.ts';
import { CLASS, INSTRUCTION_SIZE, JMP, PSEUDO } from './isa.ts';
import type { ProgramType } from './kernel.ts';
import { requireObjectName } from './map.ts';
import type { MapRelocation, MapSpec, Program, SourceLocation } from './program.ts';
import { BuildError } from './source.ts';

const MAX_OFFSET = 0x7fff;
const MIN_OFFSET = -0x8000;
/** GPL-compatible, and declared so: the checksum and redirect helpers ask for it (include/linux/license.h). */
const DEFAULT_LICENSE = 'Dual MIT/GPL';

export interface ProgramOptions {
  readonly name: string;
  readonly type: ProgramType;
  readonly license?: string;
}

/** Where a function of the program starts: at the label, the first one at the beginning. */
export interface FunctionStart {
  readonly name: string;
  readonly label: Label | undefined;
}

interface AssembleOptions {
  readonly functions?: readonly FunctionStart[];
}

/**
 * Assembles `items` into a program.
 *
 * @throws RangeError for a name the kernel refuses; BuildError for an unplaced label or a jump out of reach.
 */
export function assemble(options: ProgramOptions & AssembleOptions, items: readonly Item[]): Program {
  const { name, type, license = DEFAULT_LICENSE, functions = [] } = options;
  requireObjectName('program', name);
  requireDistinctMaps(items);
  const places = new Map<Label, number>();
  const instructions: { instruction: Instruction; unit: number }[] = [];
  let units = 0;
  for (const item of items) {
    if ('place' in item) {
      if (places.has(item.place))
        throw new BuildError('LABEL', `label ${item.place.name} is placed twice`, undefined);
      places.set(item.place, units);
      continue;
    }
    instructions.push({ instruction: item, unit: units });
    units += unitsOf(item);
  }
  const code = new Uint8Array(units * INSTRUCTION_SIZE);
  const view = new DataView(code.buffer);
  const relocations: MapRelocation[] = [];
  for (const { instruction, unit } of instructions) {
    encodeInstruction(view, unit * INSTRUCTION_SIZE, resolve(instruction, unit, places));
    if (instruction.map) relocations.push(relocation(instruction, unit));
  }
  return {
    name,
    type,
    license,
    code,
    relocations,
    functions: functions.map(({ name, label }) => ({ name, index: label ? places.get(label)! : 0 })),
    get locations(): (SourceLocation | undefined)[] {
      return instructions.flatMap(({ instruction }) =>
        Array.from({ length: unitsOf(instruction) }, () => instruction.site?.location),
      );
    },
  };
}

/** Loaders and objects know maps by their names. */
function requireDistinctMaps(items: readonly Item[]): void {
  const maps = new Map<string, MapSpec>();
  for (const item of items) {
    if ('place' in item || !item.map) continue;
    const known = maps.get(item.map.name);
    if (known && known !== item.map) {
      throw new BuildError('MAP', `two maps of one program are called '${item.map.name}'`, item.site);
    }
    maps.set(item.map.name, item.map);
  }
}

function resolve(instruction: Instruction, unit: number, places: ReadonlyMap<Label, number>): Instruction {
  if (!instruction.target) return instruction;
  const place = places.get(instruction.target);
  if (place === undefined) {
    throw new BuildError(
      'LABEL',
      `jump to label ${instruction.target.name}, which is placed nowhere`,
      instruction.site,
    );
  }
  const offset = place - (unit + 1);
  if (isCall(instruction)) return { ...instruction, imm: offset };
  if (offset < MIN_OFFSET || offset > MAX_OFFSET) {
    throw new BuildError(
      'JUMP_TOO_FAR',
      `jump of ${offset} instructions: at most ${MAX_OFFSET}`,
      instruction.site,
    );
  }
  return { ...instruction, offset };
}

/** Calls reach further than jumps: their distance is the immediate. */
const isCall = ({ opcode }: Instruction): boolean => opcode === (CLASS.JMP | JMP.CALL);

function relocation(instruction: Instruction, unit: number): MapRelocation {
  const map = instruction.map!;
  if (instruction.src !== PSEUDO.MAP_VALUE) return { index: unit, map };
  return { index: unit, map, valueOffset: Number((instruction.wide ?? 0n) >> 32n) };
}
