// Which slots there are, by the names they are called by. Read whenever slots have come or gone, which the instance's
// record tells; what a slot is bound to is not in here.

import { LITTLE_ENDIAN } from '../../../asm/data.ts';
import { type Address, compareAddresses, type Family, formatAddress } from '../../address.ts';
import { parseEndpoint } from '../../endpoint.ts';
import { getAddress, viewOf } from '../../entries.ts';
import { getSlotKey, getSlotRecord, putSlotKey, SLOT_FORMATS } from '../../slot-entries.ts';
import { SLOT_STATES } from '../../slot-layout.ts';
import type { Owned } from '../contents.ts';
import { InstanceError } from '../error.ts';

export type SlotMaps = Pick<Owned, 'slots' | 'slots6'>;
export const FAMILIES: readonly Family[] = [4, 6];

/** A slot that is reserved. */
export interface Place {
  readonly family: Family;
  readonly interface: string;
  readonly ifindex: number;
  readonly inside: Address;
  /** Of its entry. */
  readonly key: Uint8Array;
}

export const slotText = ({ inside, interface: name }: Pick<Place, 'inside' | 'interface'>): string =>
  `${formatAddress(inside)}%${name}`;

const namesOf = (places: readonly Place[]): string =>
  places
    .toSorted((a, b) => compareAddresses(a.inside, b.inside))
    .map(slotText)
    .join(', ');

export class Book {
  readonly places: readonly Place[];
  readonly #instance: string;
  readonly #byInterface = new Map<string, Place[]>();
  readonly #keys = new Set<string>();
  /** The entries of interfaces: their names and flags, by index. */
  readonly devices: ReadonlyMap<number, { readonly name: string; readonly flags: number }>;

  constructor(instance: string, maps: SlotMaps) {
    this.#instance = instance;
    const devices = new Map<number, { readonly name: string; readonly flags: number }>();
    this.places = FAMILIES.flatMap((family) => placesIn(maps, family, devices));
    this.devices = devices;
    for (const place of this.places) {
      const others = this.#byInterface.get(place.interface);
      if (others === undefined) this.#byInterface.set(place.interface, [place]);
      else others.push(place);
      this.#keys.add(`${place.ifindex} ${place.inside}`);
    }
  }

  /**
   * All slots of an interface, or the one slot of INSIDE%INTERFACE.
   *
   * @throws InstanceError with code `ENOSLOT`; AddressError for what is no slot.
   */
  all(slot: string): readonly Place[] {
    const { interface: name, inside } = readSlotName(slot);
    const found = this.#byInterface.get(name) ?? [];
    const wanted = inside === undefined ? found : found.filter((place) => place.inside === inside);
    if (wanted.length > 0) return wanted;
    const others = found.length === 0 ? '' : `; interface '${name}' has ${namesOf(found)}`;
    throw new InstanceError(
      'ENOSLOT',
      `instance '${this.#instance}' has no slot '${slot}'${others}; 'tsnat slot reserve ${this.#instance} ${inside === undefined ? 'INSIDE%' : ''}${slot}' makes it, 'tsnat slot list ${this.#instance}' shows what there is`,
    );
  }

  /** The slot of an interface of this name, whatever index it has; undefined where there is none. */
  find(name: string, inside: Address): Place | undefined {
    return this.#byInterface.get(name)?.find((place) => place.inside === inside);
  }

  /** Whether there is a slot of this very index. */
  has(ifindex: number, inside: Address): boolean {
    return this.#keys.has(`${ifindex} ${inside}`);
  }

  /** The slot that is meant. @param family the outside's; of whichever there is one where left out */
  one(slot: string, family?: Family): Place {
    const all = this.all(slot);
    const found = family === undefined ? all : all.filter((place) => place.family === family);
    const [place, second] = found;
    if (place !== undefined && second === undefined) return place;
    const what =
      place === undefined
        ? `slot '${slot}' has no IPv${family} inside, but ${namesOf(all)}`
        : `interface '${slot}' has several slots: say which of ${namesOf(found)}`;
    throw new InstanceError('ENOSLOT', `instance '${this.#instance}': ${what}`);
  }
}

/** `tap7`, or `172.16.0.2%tap7`. @throws AddressError */
export function readSlotName(slot: string): { readonly interface: string; readonly inside?: Address } {
  if (!slot.includes('%')) return { interface: slot };
  const endpoint = parseEndpoint(slot);
  if (endpoint.kind !== 'slot') throw new RangeError(`'${slot}' is no slot`);
  return { interface: endpoint.interface, inside: endpoint.address };
}

function placesIn(
  maps: SlotMaps,
  family: Family,
  devices: Map<number, { readonly name: string; readonly flags: number }>,
): Place[] {
  const format = SLOT_FORMATS[family];
  const { count, keys, values } = maps[format.name].raw.elements();
  const [keyView, valueView] = [viewOf(keys), viewOf(values)];
  const places: Place[] = [];
  for (let i = 0; i < count; i++) {
    const at = i * format.keySize;
    if (keyView.getUint32(at + format.key.interface, LITTLE_ENDIAN) === 0) continue;
    const state = valueView.getUint8(i * format.valueSize + format.record.state);
    if (state === SLOT_STATES.interface) {
      const { name, flags } = getSlotRecord(valueView, i * format.valueSize, family);
      devices.set(keyView.getUint32(at + format.key.interface, LITTLE_ENDIAN), { name, flags });
      continue;
    }
    const { interface: ifindex, address: inside } = getSlotKey(keyView, at, family);
    const { name } = getSlotRecord(valueView, i * format.valueSize, family);
    // What a killed self-test has left has none.
    if (name === '') continue;
    places.push({ family, interface: name, ifindex, inside, key: keys.slice(at, at + format.keySize) });
  }
  return places;
}

const scratchOf = (family: Family): DataView => new DataView(new ArrayBuffer(SLOT_FORMATS[family].keySize));
/** Keys are put together here, since a view of each is dear. */
const SCRATCH: { readonly [F in Family]: DataView } = { 4: scratchOf(4), 6: scratchOf(6) };

/** The key of an outside, or of an inside, or with address zero of an interface. */
export function slotKeyOf(family: Family, ifindex: number, address: Address): Uint8Array {
  const view = SCRATCH[family];
  putSlotKey(view, 0, family, { interface: ifindex, address });
  return new Uint8Array(view.buffer.slice(0));
}

/** The other side's address in a record's bytes. */
export const otherAddress = (value: Uint8Array, family: Family): Address =>
  getAddress(viewOf(value), SLOT_FORMATS[family].record.address, family);
