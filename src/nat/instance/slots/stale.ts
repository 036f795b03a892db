// Whether an interface is still the one that a slot was reserved on.

import type { InterfaceNames } from '../../../loader/index.ts';
import { InstanceError } from '../error.ts';
import { type Place, slotText } from './book.ts';

type Slot = Pick<Place, 'interface' | 'ifindex' | 'inside'>;

/** Why it is not; undefined where it is. @param is what its index is called now @param index what its name has now */
function reasonOf(
  instance: string,
  slot: Slot,
  is: string | undefined,
  index: () => number | undefined,
): string | undefined {
  const { interface: name, ifindex } = slot;
  if (is === name) return undefined;
  const now = index();
  if (now !== undefined) {
    return `'${name}' was index ${ifindex} when it was reserved, now ${now}: 'tsnat slot reserve ${instance} ${slotText(slot)}' takes the new one, and keeps its outside`;
  }
  const what = is === undefined ? 'is gone' : `is called '${is}' now`;
  return `interface '${name}' (index ${ifindex}) ${what}: 'tsnat slot remove ${instance} ${slotText(slot)}' gives it up`;
}

/** By a list of all interfaces. */
export function stalenessOf(
  instance: string,
  names: ReadonlyMap<number, string>,
  slot: Slot,
): string | undefined {
  const indexOf = (): number | undefined => [...names].find(([, name]) => name === slot.interface)?.[0];
  return reasonOf(instance, slot, names.get(slot.ifindex), indexOf);
}

/** @throws InstanceError with code `ESTALE` */
export function requireSame(instance: string, names: InterfaceNames, slot: Slot): void {
  const why = reasonOf(instance, slot, names.nameOf(slot.ifindex), () => names.indexOf(slot.interface));
  if (why === undefined) return;
  throw new InstanceError('ESTALE', `instance '${instance}': slot '${slotText(slot)}' is stale: ${why}`);
}
