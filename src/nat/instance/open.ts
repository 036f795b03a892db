// A running instance in hand: its mappings, and what it is doing. Each change is all or nothing, and waits for other
// processes that are at work on instances.

import type { Endpoint } from '../endpoint.ts';
import type { MappingState } from '../entries-decode.ts';
import type { Mapping } from '../mapping.ts';
import { requireSound } from '../mapping-check.ts';
import { readMappings } from './contents.ts';
import { InstanceError } from './error.ts';
import { type Context, makingOf } from './making.ts';
import { addMappings, deleteMappings } from './mappings.ts';
import { Parts } from './parts.ts';
import { instancesFolder, listNames, Pins, withFolder, withInstance } from './pins.ts';
import { needsRecovery, recover } from './recover.ts';
import { replaceMappings } from './replace.ts';
import type { Replaced } from './replacement.ts';
import { SlotDesk } from './slots/desk.ts';
import { statusOf } from './status.ts';
import type { InstanceStatus } from './types.ts';

/** Holds descriptors of the instance's maps until it is closed. */
export interface Instance extends Disposable {
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
  /**
   * Makes these the mappings, all of them from one packet to the next, in both directions. Those that stay keep
   * their counters.
   *
   * @throws MappingError for mappings that are unsound; InstanceError with code `EFULL`, `EHALF` when the instance is
   * not whole, or `ENOENT` when it was detached meanwhile.
   */
  replaceMappings(mappings: readonly Mapping[]): Replaced;
  /** In no order. */
  listMappings(): MappingState[];
  status(): InstanceStatus;
  close(): void;
}

/** @throws InstanceError with code `ENOENT`, or `EHALF` when its pins do not say what it is. */
export function openInstance(name: string, context: Context = {}): Instance {
  const pins = requirePins(name, context);
  const { instances } = pins;
  const parts = new Parts(instances, pins);
  const desk = new SlotDesk(pins, parts, context);
  const close = (): void => {
    desk[Symbol.dispose]();
    parts[Symbol.dispose]();
  };
  return {
    name,
    addMappings: (mappings) => {
      requireSound(mappings);
      desk.locked((bench) => addMappings(bench, mappings));
    },
    replaceMappings: (mappings) => {
      requireSound(mappings);
      return parts.locked(() => replaceMappings(pins, mappings, makingOf(context)));
    },
    deleteMappings: (insides) => desk.locked((bench) => deleteMappings(bench, insides)),
    listMappings: () => readMappings(parts.open().maps).states,
    status: () => {
      const seen = statusOf(pins);
      // What looks wrong may be another command's work in hand: it is looked at again when nobody is at work.
      return seen.healthy ? seen : withFolder(instances, () => statusOf(pins));
    },
    close,
    [Symbol.dispose]: close,
  };
}

/** What a killed command has left is made good first. @throws InstanceError with code `ENOENT` */
export function requirePins(name: string, context: Context): Pins {
  const instances = instancesFolder(context.root);
  const pins = new Pins(instances, name);
  if (needsRecovery(instances, name)) {
    withFolder(instances, () => withInstance(pins, () => recover(instances, name)));
  }
  if (!pins.exist) throw unknownInstance(instances, name);
  return pins;
}

/** What a missing instance is told with. */
export function unknownInstance(instances: string, name: string): InstanceError {
  const names = listNames(instances);
  const there = names.length === 0 ? 'nothing is attached' : `attached: ${names.join(', ')}`;
  return new InstanceError('ENOENT', `there is no instance '${name}'; ${there}`);
}
