// What the maps of slots say just now, for changes to look at: entry by entry, or read as a whole where there are many.

import { LITTLE_ENDIAN } from '../../../asm/data.ts';
import type { Address, Family } from '../../address.ts';
import { addressKey } from '../../address.ts';
import { getAddress, viewOf } from '../../entries.ts';
import { SLOT_FORMATS } from '../../slot-entries.ts';
import { type Place, type SlotMaps, slotKeyOf } from './book.ts';

/** From here on the whole of a map is read rather than its entries one by one. */
const MANY = 64;

/** Values in bytes, which nobody must change; undefined where there is none. */
export interface Present {
  inside(place: Place): Uint8Array | undefined;
  outside(family: Family, address: Address): Uint8Array | undefined;
}

/** @param count how many are going to be looked at */
export function presentOf(maps: SlotMaps, count: number): Present {
  if (count < MANY) {
    return {
      inside: ({ family, key }) => maps[SLOT_FORMATS[family].name].raw.get(key),
      outside: (family, address) => maps[SLOT_FORMATS[family].name].raw.get(slotKeyOf(family, 0, address)),
    };
  }
  const read: { [F in Family]?: Snapshot } = {};
  const of = (family: Family): Snapshot => {
    read[family] ??= new Snapshot(maps, family);
    return read[family];
  };
  return {
    inside: (place) => of(place.family).inside(place),
    outside: (family, address) => of(family).outside(address),
  };
}

/** All of one family, found by numbers, which is what `Map`s are fast with. */
class Snapshot {
  readonly #values: Uint8Array;
  readonly #valueSize: number;
  readonly #outsides = new Map<Address, number>();
  /** By interface, since most have one slot. */
  readonly #insides = new Map<number, Map<Address, number>>();

  constructor(maps: SlotMaps, family: Family) {
    const { name, keySize, valueSize, key } = SLOT_FORMATS[family];
    const { count, keys, values } = maps[name].raw.elements();
    this.#values = values;
    this.#valueSize = valueSize;
    const view = viewOf(keys);
    for (let i = 0; i < count; i++) {
      const ifindex = view.getUint32(i * keySize + key.interface, LITTLE_ENDIAN);
      const address = addressKey(getAddress(view, i * keySize + key.address, family));
      if (ifindex === 0) this.#outsides.set(address, i);
      else {
        const known = this.#insides.get(ifindex);
        if (known === undefined) this.#insides.set(ifindex, new Map([[address, i]]));
        else known.set(address, i);
      }
    }
  }

  inside({ ifindex, inside }: Place): Uint8Array | undefined {
    return this.#at(this.#insides.get(ifindex)?.get(addressKey(inside)));
  }

  outside(address: Address): Uint8Array | undefined {
    return this.#at(this.#outsides.get(addressKey(address)));
  }

  #at(position: number | undefined): Uint8Array | undefined {
    if (position === undefined) return undefined;
    return this.#values.subarray(position * this.#valueSize, (position + 1) * this.#valueSize);
  }
}
