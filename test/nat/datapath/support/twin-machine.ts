// The C twins where the emitted programs would run, with the maps they bring along.

import { readFileSync } from 'node:fs';
import { type ElfObject, parseElf } from '../../../../src/asm/index.ts';
import { twinObjects } from '../../../support/twin.ts';
import { KernelMachine, type Programs } from './machine.ts';

/** The section of their global data, which is the map `interface`. */
export const TWIN_INTERFACE = '.data.interface';

export async function twinPrograms(defines: readonly string[]): Promise<Programs> {
  const { egress, ingress } = await twinObjects(defines);
  const [out, back] = [read(egress), read(ingress)];
  const named = out.maps.map((map) => [map.name === TWIN_INTERFACE ? 'interface' : map.name, map] as const);
  return { outbound: out.programs[0]!, inbound: back.programs[0]!, maps: Object.fromEntries(named) };
}

export async function twinMachine(defines: readonly string[]): Promise<KernelMachine> {
  return new KernelMachine(await twinPrograms(defines));
}

const read = (object: string): ElfObject => parseElf(new Uint8Array(readFileSync(object)));
