// Detach: what attach added goes, whole or half-present; what others added stays.

import type { Context } from './attach.ts';
import { dismantle } from './dismantle.ts';
import { unknownInstance } from './open.ts';
import { instancesFolder, listNames, Pins, withFolder } from './pins.ts';

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
  const folders = [new Pins(instances, name), new Pins(instances, name, true)].filter(({ exist }) => exist);
  if (folders.length === 0) throw unknownInstance(instances, name);
  dismantle(...folders);
}
