// The mappings of a running instance in hand, as far as its tables go.

import type { Endpoint } from '../endpoint.ts';
import type { MappingState } from '../entries-decode.ts';
import type { Mapping } from '../mapping.ts';
import { requireSound } from '../mapping-check.ts';
import { readMappings } from './contents.ts';
import type { Hand } from './hand.ts';
import { addMappings, deleteMappings } from './mappings.ts';

/** Holds descriptors of the instance's maps until it is closed. */
export interface LiveMappings extends Disposable {
  readonly name: string;
  /**
   * Adds all of them or none, with counters at zero. Mappings of a kind that the instance had none of yet bring new
   * programs; those of slots reserve what is not reserved.
   *
   * @throws MappingError for mappings that are unsound, or taken by one that is there; InstanceError with code
   * `EFULL`, or `ENOENT` when the instance was detached meanwhile.
   */
  addMappings(mappings: readonly Mapping[]): void;
  /** Deletes all of them or none, by their insides; with a slot's mapping its reservation goes. @throws InstanceError with code `EUNMAPPED` */
  deleteMappings(insides: readonly Endpoint[]): void;
  /** In no order. */
  listMappings(): MappingState[];
  close(): void;
}

/** @param hand is closed with it */
export function mappingsIn(hand: Hand): LiveMappings {
  const { name, parts, desk } = hand;
  const close = (): void => hand[Symbol.dispose]();
  return {
    name,
    addMappings: (mappings) => {
      requireSound(mappings);
      desk.locked((bench) => addMappings(bench, mappings));
    },
    deleteMappings: (insides) => desk.locked((bench) => deleteMappings(bench, insides)),
    listMappings: () => readMappings(parts.open().maps).states,
    close,
    [Symbol.dispose]: close,
  };
}
