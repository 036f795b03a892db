// A running instance in hand: its mappings, and what it is doing. Each change is all or nothing, and waits for other
// processes that are at work on instances.

import type { Mapping } from '../mapping.ts';
import { requireSound } from '../mapping-check.ts';
import { worksOf } from './all-works.ts';
import { Hand } from './hand.ts';
import { type LiveMappings, mappingsIn } from './live-mappings.ts';
import type { Context } from './making.ts';
import { withFolder } from './pins.ts';
import type { Replaced } from './replacement.ts';
import { statusOf } from './status.ts';
import type { InstanceStatus } from './types.ts';

/** Holds descriptors of the instance's maps until it is closed. */
export interface Instance extends LiveMappings {
  /**
   * Makes these the mappings, all of them from one packet to the next, in both directions. Those that stay keep
   * their counters.
   *
   * @throws MappingError for mappings that are unsound; InstanceError with code `EFULL`, `EHALF` when the instance is
   * not whole, or `ENOENT` when it was detached meanwhile.
   */
  replaceMappings(mappings: readonly Mapping[]): Replaced;
  status(): InstanceStatus;
}

/** @throws InstanceError with code `ENOENT`, or `EHALF` when its pins do not say what it is. */
export function openInstance(name: string, context: Context = {}): Instance {
  const hand = new Hand(name, worksOf(context), context.root);
  const { pins, parts, works } = hand;
  return {
    ...mappingsIn(hand),
    replaceMappings: (mappings) => {
      requireSound(mappings);
      return parts.locked(() => works.replaceMappings(pins, mappings));
    },
    status: () => {
      const seen = statusOf(pins);
      // What looks wrong may be another command's work in hand: it is looked at again when nobody is at work.
      return seen.healthy ? seen : withFolder(pins.instances, () => statusOf(pins));
    },
  };
}
