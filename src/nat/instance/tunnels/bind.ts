// Binding tunnel slots. What flips both directions at once is the one entry of the slot itself; index entries go before it,
// by the same call, where there are new ones, and are taken away after it, where they lead nowhere any more.

import { type Address, familyOf, formatAddress } from '../../address.ts';
import { indexValue, innerOf, slotKey, slotValue, type TunnelSlot } from '../../tunnel-entries.ts';
import { InstanceError } from '../error.ts';
import { isIndexedEarly, keysOf, type Located, TunnelBook, type TunnelMaps } from './book.ts';
import type { TunnelBindOptions } from './types.ts';
import { readInner, requireVni } from './wish.ts';
import { fullError, now, writeAll } from './writing.ts';

/**
 * Gives a slot its VNI. To be called with the lock held.
 *
 * @param isRebind where the slot is to have one already
 */
export function bindTunnel(
  name: string,
  maps: TunnelMaps,
  placeholder: number,
  vni: number,
  { outside = [] }: TunnelBindOptions,
  isRebind: boolean,
): void {
  requireVni(vni, 'VNI');
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
  write(book, located, { slot: bound, port });
}

/** Takes slots their VNIs. They stay reserved. All or none. */
export function releaseTunnels(name: string, maps: TunnelMaps, placeholders: readonly number[]): void {
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
  writeAll(
    maps.tunnels.raw,
    released.map((slot) => ({ key: slotKey(slot.port, slot.placeholder), value: slotValue(slot) })),
  );
  for (const located of slots) {
    if (!isIndexedEarly(located.port)) for (const key of keysOf(located)) maps.tunnels.raw.delete(key);
  }
}

function write(book: TunnelBook, before: Located, after: Located): void {
  const { raw } = book.maps.tunnels;
  const { slot, port } = after;
  const isEarly = isIndexedEarly(port);
  const keys = isEarly ? [] : keysOf(after);
  const former = isEarly ? [] : keysOf(before);
  book.requireApart(slot, port, keys);
  const isAmong = (key: Uint8Array, list: readonly Uint8Array[]): boolean =>
    list.some((each) => Buffer.compare(each, key) === 0);
  const fresh = keys.filter((key) => !isAmong(key, former));
  try {
    writeAll(raw, [
      ...fresh.map((key) => ({ key, value: indexValue(slot.placeholder) })),
      { key: slotKey(slot.port, slot.placeholder), value: slotValue(slot) },
    ]);
  } catch (error) {
    for (const key of fresh) raw.delete(key);
    throw fullError(book.name, error);
  }
  for (const key of former) if (!isAmong(key, keys)) raw.delete(key);
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
