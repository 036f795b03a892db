// The lists of destinations as the entries of two tries, one for each family: with which other ends traffic is
// translated. The longest prefix decides; an include list leaves out what it does not name, in both families.

import { LITTLE_ENDIAN } from '../asm/data.ts';
import { type Address, familyOf } from './address.ts';
import { type Entries, getAddress, putAddress, viewOf } from './entries.ts';
import { destination6Key, destinationKey } from './maps.ts';
import type { InstancePolicy } from './policy.ts';
import { formatPrefix, type Prefix } from './prefix.ts';

export type Destinations = Pick<InstancePolicy, 'include' | 'exclude'>;
export type DestinationEntries = { readonly [N in 'destinations' | 'destinations6']: Entries };

const KEYS = { destinations: destinationKey, destinations6: destination6Key } as const;
const ANY: { readonly [N in keyof typeof KEYS]: Address } = { destinations: 0, destinations6: 0n };
const VALUE_SIZE = 4;

/** @throws RangeError for a prefix in both lists. */
export function encodeDestinations(lists: Destinations): DestinationEntries {
  return {
    destinations: encodeFamily('destinations', lists),
    destinations6: encodeFamily('destinations6', lists),
  };
}

function encodeFamily(name: keyof typeof KEYS, { include, exclude }: Destinations): Entries {
  const { size, offsets } = KEYS[name];
  const everything: Prefix = { address: ANY[name], length: 0 };
  const values = new Map<string, readonly [Prefix, number]>();
  if (include.length > 0) values.set(formatPrefix(everything), [everything, 0]);
  const included = new Set(include.map(formatPrefix));
  for (const [list, value] of [[include, 1] as const, [exclude, 0] as const]) {
    for (const prefix of list) {
      if (familyOf(prefix.address) !== familyOf(everything.address)) continue;
      const text = formatPrefix(prefix);
      if (value === 0 && included.has(text)) throw new RangeError(`${text} is both included and excluded`);
      values.set(text, [prefix, value]);
    }
  }
  const entries = {
    count: values.size,
    keys: new Uint8Array(values.size * size),
    values: new Uint8Array(values.size * VALUE_SIZE),
  };
  const [keyView, valueView] = [viewOf(entries.keys), viewOf(entries.values)];
  [...values.values()].forEach(([{ address, length }, value], i) => {
    keyView.setUint32(i * size + offsets.prefixLength, length, LITTLE_ENDIAN);
    putAddress(keyView, i * size + offsets.address, address);
    valueView.setUint32(i * VALUE_SIZE, value, LITTLE_ENDIAN);
  });
  return entries;
}

export function decodeDestinations(entries: DestinationEntries): Destinations {
  const include: Prefix[] = [];
  const exclude: Prefix[] = [];
  for (const name of ['destinations', 'destinations6'] as const) {
    const { size, offsets } = KEYS[name];
    const { count, keys, values } = entries[name];
    const [keyView, valueView] = [viewOf(keys), viewOf(values)];
    for (let i = 0; i < count; i++) {
      const prefix: Prefix = {
        address: getAddress(keyView, i * size + offsets.address, familyOf(ANY[name])),
        length: keyView.getUint32(i * size + offsets.prefixLength, LITTLE_ENDIAN),
      };
      const isIncluded = valueView.getUint32(i * VALUE_SIZE, LITTLE_ENDIAN) !== 0;
      (isIncluded ? include : exclude).push(prefix);
    }
  }
  // All that is not included is excluded: that goes without saying.
  return include.length === 0
    ? { include, exclude }
    : { include, exclude: exclude.filter(({ length }) => length > 0) };
}
