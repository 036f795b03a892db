// Whether an interface is still the one that a slot was reserved on.

import type { InterfaceQueries } from '../../../loader/index.ts';
import { InstanceError } from '../error.ts';
import { type Place, slotText } from './book.ts';

type Slot = Pick<Place, 'interface' | 'ifindex' | 'inside'>;

/** Why it is not, and what to do; undefined where it is. */
export function staleness(instance: string, names: InterfaceQueries, slot: Slot): string | undefined {
  const { interface: name, ifindex } = slot;
  const is = names.nameOf(ifindex);
  if (is === name) return undefined;
  const now = names.indexOf(name);
  if (now !== undefined) {
    return `'${name}' was index ${ifindex} when it was reserved, now ${now}: 'tsnat slot reserve ${instance} ${slotText(slot)}' takes the new one, and keeps its outside`;
  }
  const what = is === undefined ? 'is gone' : `is called '${is}' now`;
  return `interface '${name}' (index ${ifindex}) ${what}: 'tsnat slot remove ${instance} ${slotText(slot)}' gives it up`;
}

/** @throws InstanceError with code `ESTALE` */
export function requireSame(instance: string, names: InterfaceQueries, slot: Slot): void {
  const why = staleness(instance, names, slot);
  if (why === undefined) return;
  throw new InstanceError('ESTALE', `instance '${instance}': slot '${slotText(slot)}' is stale: ${why}`);
}
