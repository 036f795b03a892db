// Detach: what attach added goes, whole or half-present; what others added stays.

import { afterwards } from './afterwards.ts';
import { attempt } from './attempt.ts';
import { Changeover } from './changeover.ts';
import { dismantle } from './dismantle.ts';
import { putOn } from './hooks.ts';
import type { Context } from './making.ts';
import { instancesFolder, listNames, Pins, withFolder, withInstance } from './pins.ts';
import { programIds } from './placement.ts';
import { unknownInstance } from './require-pins.ts';
import { restIfThere } from './stations.ts';
import { openPrograms } from './transition.ts';
import { beginWork } from './work-mark.ts';

/**
 * Removes an instance, or whatever is left of one.
 *
 * @throws InstanceError with code `ENOENT` when there is nothing of that name.
 */
export function detach(name: string, context: Context = {}): void {
  const instances = instancesFolder(context.root);
  withFolder(instances, () => detachOne(instances, name));
}

/** Removes every instance. @returns their names. */
export function detachAll(context: Context = {}): string[] {
  const instances = instancesFolder(context.root);
  return withFolder(instances, () => {
    const names = listNames(instances);
    for (const name of names) detachOne(instances, name);
    return names;
  });
}

function detachOne(instances: string, name: string): void {
  const [pins, shadow] = [new Pins(instances, name), new Pins(instances, name, true)];
  if (!pins.exist && !shadow.exist) throw unknownInstance(instances, name);
  withInstance(pins, () => takeApart(name, pins, shadow));
}

function takeApart(name: string, pins: Pins, shadow: Pins): void {
  // What a killed command has left is taken apart together with the instance.
  if (pins.exist && !shadow.exist) silence(pins, shadow);
  afterwards(name, () => dismantle(shadow, pins));
}

/**
 * Ends translation in both directions at once, as long as the instance is whole; in pieces it is merely taken apart.
 * So is one that there is no memory to treat better.
 */
function silence(pins: Pins, shadow: Pins): void {
  const record = attempt(() => pins.record());
  using opened = openPrograms(pins);
  const { outbound, inbound, slot } = opened.programs;
  if (record === undefined || outbound === undefined || inbound === undefined) return;
  try {
    beginWork(pins);
    shadow.make();
    restIfThere(pins);
    using changeover = Changeover.make(shadow, { former: { outbound, inbound, slot } });
    putOn(pins, record, changeover.relays, programIds([pins]));
    changeover.turn('nothing');
  } catch {
    // Dismantling knows the relays by their pins, if they came so far.
  }
}
