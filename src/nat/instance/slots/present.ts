// What the maps of slots say just now, for changes to look at: entry by entry, or read as a whole where there are many.

import { LITTLE_ENDIAN } from '../../../asm/data.ts';
import type { Address, Family } from '../../address.ts';
import { addressKey } from '../../address.ts';
import { getAddress, viewOf } from '../../entries.ts';
import { SLOT_FORMATS, type SlotFormat } from '../../slot-entries.ts';
import { SLOT_STATES } from '../../slot-layout.ts';
import { type Place, type SlotMaps, slotKeyOf } from './book.ts';

/** From here on the whole of a map is read rather than its entries one by one. */
const MANY = 64;

/** Values in bytes, which nobody must change; undefined where there is none. */
export interface Present {
  inside(place: Place): Uint8Array | undefined;
  outside(family: Family, address: Address): Uint8Array | undefined;
}

/**
 * @param count how many are going to be looked at
 * @param now CLOCK_MONOTONIC in nanoseconds: outsides whose quarantine is over may be as none
 */
export function presentOf(maps: SlotMaps, count: number, now: bigint): Present {
  if (count < MANY) {
    return {
      inside: ({ family, key }) => maps[SLOT_FORMATS[family].name].raw.get(key),
      outside: (family, address) => maps[SLOT_FORMATS[family].name].raw.get(slotKeyOf(family, 0, address)),
    };
  }
  const read: { [F in Family]?: Snapshot } = {};
  const of = (family: Family): Snapshot => {
    read[family] ??= new Snapshot(maps, family, now);
    return read[family];
  };
  return {
    inside: (place) => of(place.family).inside(place),
    outside: (family, address) => of(family).outside(address),
  };
}

/**
 * All of one family, found by numbers, which is what `Map`s are fast with. Outsides that nobody has any more, of which there
 * may be many times as many as slots, are left out.
 */
class Snapshot {
  readonly #format: SlotFormat;
  readonly #keys: DataView;
  readonly #values: Uint8Array;
  readonly #outsides = new Map<Address, number>();
  /** By interface: where its first inside is, and where it has several all of them. */
  readonly #insides = new Map<number, number | Map<Address, number>>();

  constructor(maps: SlotMaps, family: Family, now: bigint) {
    this.#format = SLOT_FORMATS[family];
    const { name, keySize, valueSize, key, record } = this.#format;
    const { count, keys, values } = maps[name].raw.elements();
    this.#keys = viewOf(keys);
    this.#values = values;
    const entries = viewOf(values);
    for (let i = 0; i < count; i++) {
      const at = i * valueSize;
      const state = entries.getUint8(at + record.state);
      if (state === SLOT_STATES.interface) continue;
      const ifindex = this.#keys.getUint32(i * keySize + key.interface, LITTLE_ENDIAN);
      if (ifindex !== 0) this.#addInside(ifindex, i);
      else if (
        state !== SLOT_STATES.quarantined ||
        entries.getBigUint64(at + record.since, LITTLE_ENDIAN) > now
      ) {
        this.#outsides.set(addressKey(this.#addressAt(i)), i);
      }
    }
  }

  #addInside(ifindex: number, position: number): void {
    const known = this.#insides.get(ifindex);
    if (known === undefined) this.#insides.set(ifindex, position);
    else if (known instanceof Map) known.set(addressKey(this.#addressAt(position)), position);
    else {
      const several = [known, position].map((each): [Address, number] => [
        addressKey(this.#addressAt(each)),
        each,
      ]);
      this.#insides.set(ifindex, new Map(several));
    }
  }

  inside({ ifindex, inside }: Place): Uint8Array | undefined {
    const known = this.#insides.get(ifindex);
    if (known instanceof Map) return this.#at(known.get(addressKey(inside)));
    return known !== undefined && this.#addressAt(known) === inside ? this.#at(known) : undefined;
  }

  outside(address: Address): Uint8Array | undefined {
    return this.#at(this.#outsides.get(addressKey(address)));
  }

  #addressAt(position: number): Address {
    const { keySize, key, family } = this.#format;
    return getAddress(this.#keys, position * keySize + key.address, family);
  }

  #at(position: number | undefined): Uint8Array | undefined {
    if (position === undefined) return undefined;
    const { valueSize } = this.#format;
    return this.#values.subarray(position * valueSize, (position + 1) * valueSize);
  }
}
