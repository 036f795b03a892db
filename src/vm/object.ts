// An object file in the interpreter: one interpreter for each of its programs, all on the same maps, which hold what
// the object says they hold from the start. There is no kernel here: types are as the object itself has them.

import { type ElfObject, type ElfProgram, resolveCore } from '../asm/index.ts';
import { indexKey } from './map/array.ts';
import { createMap } from './map/create.ts';
import type { VmMap } from './map/map.ts';
import { MapOfMaps, ProgramArray } from './map/reference.ts';
import type { VmOptions } from './run.ts';
import { Vm } from './vm.ts';

export interface VmObject {
  /** By name. Those of a type that is not modelled are not there; programs that use them are refused. */
  readonly maps: { readonly [name: string]: VmMap };
  readonly programs: readonly ElfProgram[];
  /** An interpreter for the program with this symbol. @throws RangeError where there is none, or as `Vm` says */
  vm(symbol: string): Vm;
}

/**
 * Prepares an object for the interpreter.
 *
 * @param options as for `Vm`; `maps` are taken in the place of the object's own
 * @throws RangeError where what a map is to hold from the start does not go into it
 * @example
 * const object = interpretObject(parseElf(readFileSync('filter.bpf.o')));
 * object.vm('filter').run({ packet }).returnValue;
 */
export function interpretObject(original: ElfObject, options: VmOptions = {}): VmObject {
  const object = original.btf ? resolveCore(original, original.btf) : original;
  const { cpus = 1 } = options;
  const maps: { [name: string]: VmMap } = { ...options.maps };
  for (const spec of object.maps) {
    if (Object.hasOwn(maps, spec.name)) continue;
    try {
      maps[spec.name] = createMap(spec, { cpus });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  const find = (symbol: string): ElfProgram | undefined =>
    object.programs.find((program) => program.symbol === symbol);
  for (const { name, slots } of object.maps) {
    const map = maps[name];
    for (const slot of slots) {
      if ('program' in slot) {
        const program = find(slot.program);
        if (program && map instanceof ProgramArray) map.setProgram(slot.index, program);
      } else {
        const inner = maps[slot.map];
        if (inner && map instanceof MapOfMaps) map.setMap(indexKey(slot.index), inner);
      }
    }
  }
  return {
    maps,
    programs: object.programs,
    vm(symbol) {
      const program = find(symbol);
      if (program) return new Vm(program, { ...options, maps });
      const there = object.programs.map((each) => each.symbol).join(', ');
      throw new RangeError(`the object has no program '${symbol}'; there is ${there || 'none'}`);
    },
  };
}
