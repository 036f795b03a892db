// Finding an instance by its name.

import { attempt } from './attempt.ts';
import { InstanceError } from './error.ts';
import { Journal } from './journal.ts';
import { instancesFolder, listNames, Pins, withFolder, withInstance } from './pins.ts';
import { recordMap } from './record.ts';
import type { Works } from './works.ts';

/** What a killed command has left is made good first. @throws InstanceError with code `ENOENT` */
export function requirePins(name: string, works: Works, root?: string): Pins {
  const instances = instancesFolder(root);
  const pins = new Pins(instances, name);
  if (needsRecovery(instances, name)) {
    withFolder(instances, () => withInstance(pins, () => works.recover(instances, name)));
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

/** Whether there may be something to make good. Without the lock: another command may be at work just now. */
export function needsRecovery(instances: string, name: string): boolean {
  const pins = new Pins(instances, name);
  if (new Pins(instances, name, true).exist || pins.changing) return true;
  if (!pins.has('maps/instance')) return false;
  using record = attempt(() => pins.map('instance', recordMap));
  return record !== undefined && new Journal(pins, record.raw).isOpen;
}
