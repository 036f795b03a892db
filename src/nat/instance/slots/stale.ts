// Whether an interface is still the one that a slot was reserved on, with the MAC and the MTU that it had.

import type { InterfaceQueries } from '../../../loader/index.ts';
import { formatMac, type Mac, macOf } from '../../mac.ts';
import { InstanceError } from '../error.ts';
import { type Place, slotText } from './book.ts';

type Slot = Pick<Place, 'interface' | 'ifindex' | 'inside'>;

/** What a slot's entries have of its interface. */
export interface Hardware {
  readonly mac: Mac;
  readonly mtu: number;
}

/** What an entry can say. */
const MOST_MTU = 0xffff;

export const hardwareOf = ({ mac, mtu }: { readonly mac: Uint8Array; readonly mtu: number }): Hardware => ({
  mac: macOf(mac),
  mtu: Math.min(mtu, MOST_MTU),
});

export const sameHardware = (a: Hardware, b: Hardware): boolean => a.mac === b.mac && a.mtu === b.mtu;

/** What the interface has now; where it is not the one that it was, why, and what to do. */
export function standing(instance: string, names: InterfaceQueries, slot: Slot): Hardware | string {
  const facts = names.factsOf(slot.interface);
  return facts?.index === slot.ifindex ? hardwareOf(facts) : staleness(instance, names, slot, facts?.index);
}

function staleness(instance: string, names: InterfaceQueries, slot: Slot, now: number | undefined): string {
  const { interface: name, ifindex } = slot;
  if (now !== undefined) {
    return `'${name}' was index ${ifindex} when it was reserved, now ${now}: 'tsnat slot reserve ${instance} ${slotText(slot)}' takes the new one, and keeps its outside`;
  }
  const is = names.nameOf(ifindex);
  const what = is === undefined ? 'is gone' : `is called '${is}' now`;
  return `interface '${name}' (index ${ifindex}) ${what}: 'tsnat slot remove ${instance} ${slotText(slot)}' gives it up`;
}

/** What has changed since the slot got it, and what to do; undefined where nothing has. */
export function difference(instance: string, slot: Slot, was: Hardware, is: Hardware): string | undefined {
  if (sameHardware(was, is)) return undefined;
  const changed = [
    ...(was.mac === is.mac ? [] : [`MAC ${formatMac(was.mac)}`, `now ${formatMac(is.mac)}`]),
    ...(was.mtu === is.mtu ? [] : [`MTU ${was.mtu}`, `now ${is.mtu}`]),
  ];
  const them = changed.length > 2 ? 'them' : 'it';
  const what = `${changed[0]} when it was reserved, ${changed[1]}`;
  const more = changed.length > 2 ? `, and ${changed.slice(2).join(', ')}` : '';
  return `'${slot.interface}' had ${what}${more}: 'tsnat slot reserve ${instance} ${slotText(slot)}' takes ${them}, as the next bind does`;
}

/** @throws InstanceError with code `ESTALE` */
export function requireSame(instance: string, names: InterfaceQueries, slot: Slot): Hardware {
  const is = standing(instance, names, slot);
  if (typeof is !== 'string') return is;
  throw new InstanceError('ESTALE', `instance '${instance}': slot '${slotText(slot)}' is stale: ${is}`);
}
