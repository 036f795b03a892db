// All maps of an instance's programs, made or opened together.

import type { MapDefinition } from '../../asm/data.ts';
import { BpfMap } from '../../loader/index.ts';
import { type InstanceMaps, instanceMaps } from '../maps.ts';
import type { Owned } from './contents.ts';
import type { Pins } from './pins.ts';

type OwnMaps = Disposable & { readonly maps: Owned };

export const createMaps = (definitions: InstanceMaps): OwnMaps =>
  each((name) => BpfMap.create(definitions[name] as unknown as MapDefinition));

/** @throws InstanceError with code `EHALF` when one is missing or no such map. */
export function openMaps(pins: Pins, capacity: number): OwnMaps {
  const definitions = instanceMaps(capacity);
  return each((name) => pins.map(name, definitions[name] as unknown as MapDefinition));
}

function each(get: (name: keyof InstanceMaps) => Disposable): OwnMaps {
  const maps: { [name: string]: Disposable } = {};
  const close = (): void => {
    for (const map of Object.values(maps)) map[Symbol.dispose]();
  };
  try {
    for (const name of Object.keys(instanceMaps()) as (keyof InstanceMaps)[]) maps[name] = get(name);
  } catch (error) {
    close();
    throw error;
  }
  return { maps: maps as unknown as Owned, [Symbol.dispose]: close };
}
