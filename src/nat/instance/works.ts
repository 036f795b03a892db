// What changes of an instance may come to that its tables alone do not do: other programs, other interfaces for slots, making
// good what a killed command has left. It is handed to whoever changes tables, so that who has no need of it does not load
// what builds programs, which takes longer than most changes (docs/performance.md).

import type { Mapping } from '../mapping.ts';
import type { Uses } from '../uses.ts';
import type { Pins } from './pins.ts';
import type { Replaced } from './replacement.ts';
import type { Bench } from './slots/desk.ts';
import type { SlotPolicy } from './slots/types.ts';
import type { Wanted } from './slots/wish.ts';

/** All of it to be called with the lock held. */
export interface Works {
  /** Makes good what a killed command has left of its work. */
  readonly recover: (instances: string, name: string) => void;
  /** Brings programs that know these uses besides. */
  readonly extendUses: (pins: Pins, more: Uses) => void;
  /** Makes these the mappings. */
  readonly replaceMappings: (pins: Pins, mappings: readonly Mapping[]) => Replaced;
  readonly reserveSlots: (bench: Bench, wanted: readonly Wanted[], policy: SlotPolicy) => void;
  readonly removeSlots: (bench: Bench, slots: readonly string[]) => void;
}

/** Thrown before anything is done, where the tables alone do not do. Nobody gets to see it: see light/lightly.ts. */
export class WorksNeeded extends Error {
  override readonly name: string = 'WorksNeeded';
}

const refuse = (): never => {
  throw new WorksNeeded('this change takes more than the tables of the instance');
};

/** For who has the tables alone. */
export const NO_WORKS: Works = {
  recover: refuse,
  extendUses: refuse,
  replaceMappings: refuse,
  reserveSlots: refuse,
  removeSlots: refuse,
};
