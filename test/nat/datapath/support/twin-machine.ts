// The C twins where the emitted programs would run, with the maps they bring along.

import { readFileSync } from 'node:fs';
import { parseElf } from '../../../../src/asm/index.ts';
import { type TwinObjects, twinObjects } from '../../../support/twin.ts';
import { KernelMachine } from './machine.ts';

/** The section of the global data that is `interface`. */
const INTERFACE = '.data.interface';

export async function twinMachine(defines: readonly string[]): Promise<KernelMachine> {
  const objects = await twinObjects(defines);
  const { program: outbound, maps } = twin(objects, 'egress');
  const { program: inbound } = twin(objects, 'ingress');
  const named = maps.map((map) => [map.name === INTERFACE ? 'interface' : map.name, map] as const);
  return new KernelMachine({ outbound, inbound, maps: Object.fromEntries(named) });
}

function twin(objects: TwinObjects, name: keyof TwinObjects) {
  const { programs, maps } = parseElf(new Uint8Array(readFileSync(objects[name])));
  const [program] = programs;
  if (program === undefined) throw new Error(`no program in ${objects[name]}`);
  return { program, maps };
}
