// Binding tunnel slots. What flips both directions at once is the one entry of the slot itself; index entries go before it,
// by the same call, where there are new ones, and are taken away after it, where they lead nowhere any more.

import { type Address, familyOf, formatAddress } from '../../address.ts';
import { indexValue, innerOf, slotKey, slotValue, type TunnelSlot } from '../../tunnel-entries.ts';
import { InstanceError } from '../error.ts';
import type { Pins } from '../pins.ts';
import { deletesOf, setsOf } from '../slots/journal.ts';
import { isIndexedEarly, keysOf, type Located, TunnelBook, type TunnelMaps } from './book.ts';
import type { TunnelBindOptions } from './types.ts';
import { readInner, requireVni } from './wish.ts';
import { commit, forget, now } from './writing.ts';

/**
 * Gives a slot its VNI. To be called with the lock held.
 *
 * @param isRebind where the slot is to have one already
 */
export function bindTunnel(
  pins: Pins,
  maps: TunnelMaps,
  placeholder: number,
  vni: number,
  { outside = [] }: TunnelBindOptions,
  isRebind: boolean,
): void {
  requireVni(vni, 'VNI');
  const { name } = pins;
  const book = new TunnelBook(name, maps);
  const located = book.one(placeholder);
  const { slot, port } = located;
  const refuse = (code: InstanceError['code'], why: string): InstanceError =>
    new InstanceError(code, `instance '${name}': tunnel slot ${placeholder} ${why}`);
  if (slot.vni !== undefined && !isRebind) {
    throw refuse(
      'EBOUND',
      `has VNI ${slot.vni} already: 'tsnat vni rebind ${name} ${placeholder} ${vni}' gives it another`,
    );
  }
  if (slot.vni === undefined && isRebind) {
    throw refuse('EUNBOUND', `has no VNI yet: 'tsnat vni bind ${name} ${placeholder} ${vni}' gives it one`);
  }
  const bound: TunnelSlot = { ...slot, vni, outside: outsideOf(slot, outside, refuse), since: now() };
  write(pins, book, located, { slot: bound, port });
}

/** Takes slots their VNIs. They stay reserved. All or none. */
export function releaseTunnels(pins: Pins, maps: TunnelMaps, placeholders: readonly number[]): void {
  const { name } = pins;
  const book = new TunnelBook(name, maps);
  const slots = placeholders.map((placeholder) => book.one(placeholder));
  for (const [i, { slot }] of slots.entries()) {
    const isTwice = placeholders.indexOf(slot.placeholder) < i;
    if (slot.vni !== undefined && !isTwice) continue;
    const why = isTwice ? 'is named twice' : 'has no VNI to give up';
    throw new InstanceError(
      'EUNBOUND',
      `instance '${name}': tunnel slot ${slot.placeholder} ${why}; nothing was released`,
    );
  }
  const since = now();
  const released = slots.map(({ slot }) => ({ ...slot, vni: undefined, outside: slot.inside, since }));
  const { raw } = maps.tunnels;
  const elements = released.map((slot) => ({
    key: slotKey(slot.port, slot.placeholder),
    value: slotValue(slot),
  }));
  const formers = elements.map(({ key }) => ({ key, value: raw.get(key)! }));
  commit(pins, book, { elements, amends: { tunnels: setsOf(formers) } });
  forget(
    raw,
    slots.flatMap((located) => (isIndexedEarly(located.port) ? [] : keysOf(located))),
  );
}

function write(pins: Pins, book: TunnelBook, before: Located, after: Located): void {
  const { raw } = book.maps.tunnels;
  const { slot, port } = after;
  const isEarly = isIndexedEarly(port);
  const keys = isEarly ? [] : keysOf(after);
  const former = isEarly ? [] : keysOf(before);
  book.requireApart(slot, port, keys);
  const isAmong = (key: Uint8Array, list: readonly Uint8Array[]): boolean =>
    list.some((each) => Buffer.compare(each, key) === 0);
  const fresh = keys.filter((key) => !isAmong(key, former));
  const elements = [
    ...fresh.map((key) => ({ key, value: indexValue(slot.placeholder) })),
    { key: slotKey(slot.port, slot.placeholder), value: slotValue(slot) },
  ];
  // The slot's own entry is the last one: if it could not be written it is what it was.
  commit(pins, book, { elements, amends: { tunnels: deletesOf(fresh) } });
  forget(
    raw,
    former.filter((key) => !isAmong(key, keys)),
  );
}

function outsideOf(
  { inside, placeholder }: TunnelSlot,
  given: NonNullable<TunnelBindOptions['outside']>,
  refuse: (code: InstanceError['code'], why: string) => InstanceError,
): TunnelSlot['outside'] {
  const outside = readInner(`tunnel slot ${placeholder}`, given, 'outside');
  const without = innerOf(outside).find((address: Address) => inside[familyOf(address)] === undefined);
  if (without !== undefined) {
    throw refuse(
      'ECONFLICT',
      `was reserved without an inside address of IPv${familyOf(without)}, which outside ${formatAddress(without)} would stand for; nothing was bound`,
    );
  }
  return { ...inside, ...outside };
}
