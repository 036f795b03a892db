// What the maps of slots are to hold for exactly these slot mappings: slots that stay keep their entries, and those that
// are reserved but bound to nothing, being no mappings, stay too. Counters are left at zero.

import {
  type Address,
  addressKey,
  type Family,
  familyOf,
  formatAddress,
  unspecifiedOf,
} from '../../address.ts';
import type { Entries } from '../../entries.ts';
import type { SlotMapping } from '../../mapping.ts';
import {
  decodeSlots,
  encodeSlots,
  SLOT_FORMATS,
  type SlotEntry,
  type SlotRecord,
} from '../../slot-entries.ts';
import { SLOT_FLAGS, SLOT_STATES } from '../../slot-layout.ts';
import type { Use } from '../../uses.ts';
import type { SlotContents } from '../contents.ts';
import { InstanceError } from '../error.ts';
import { FAMILIES, type SlotMaps, slotText } from './book.ts';
import type { Seat } from './wish.ts';

/** Entries, as they are just now. */
export const readSlots = (maps: SlotMaps): SlotContents => ({
  slots: maps.slots.raw.elements(),
  slots6: maps.slots6.raw.elements(),
});

const NOTHING: Entries = { count: 0, keys: new Uint8Array(), values: new Uint8Array() };
export const NO_SLOTS: SlotContents = { slots: NOTHING, slots6: NOTHING };

/** Interfaces that have entries of their own, by index, and their names. */
export function interfacesIn(contents: Partial<SlotContents>): Map<number, string> {
  const found = new Map<number, string>();
  for (const family of FAMILIES) {
    for (const { key, record } of decodeSlots(family, contents[SLOT_FORMATS[family].name] ?? NOTHING)) {
      if (record.state === SLOT_STATES.interface) found.set(key.interface, record.name);
    }
  }
  return found;
}

/** What programs must be able to do for these. */
export function usesOfSlots(contents: SlotContents): Set<Use> {
  const uses = new Set<Use>();
  for (const family of FAMILIES) {
    for (const { key, record } of decodeSlots(family, contents[SLOT_FORMATS[family].name])) {
      if (key.interface === 0 || record.state === SLOT_STATES.interface) continue;
      uses.add(family === 6 ? 'slots6' : 'slots');
      if ((record.flags & SLOT_FLAGS.listed) !== 0) uses.add(family === 6 ? 'slot_lists6' : 'slot_lists');
    }
  }
  return uses;
}

/**
 * @param seats where the mappings' slots are, in their order
 * @throws InstanceError with code `EQUARANTINED` for an outside that is nobody's yet.
 */
export function slotContents(
  instance: string,
  current: SlotContents,
  mappings: readonly SlotMapping[],
  seats: readonly Seat[],
): SlotContents {
  const now = process.hrtime.bigint();
  const devices = new Map<number, SlotRecord>();
  const entries: { readonly [F in Family]: SlotEntry[] } = { 4: [], 6: [] };
  const plan = { 4: new Plan(), 6: new Plan() };
  for (const family of FAMILIES) {
    for (const entry of decodeSlots(family, current[SLOT_FORMATS[family].name])) {
      const { key, record } = entry;
      if (record.state === SLOT_STATES.interface) devices.set(key.interface, record);
      else plan[family].know(entry, now);
    }
  }
  for (const [i, { inside, outside }] of mappings.entries()) {
    const family = familyOf(inside);
    const until = plan[family].quarantined.get(addressKey(outside))?.record.since;
    if (until !== undefined) {
      throw new InstanceError(
        'EQUARANTINED',
        `instance '${instance}': outside ${formatAddress(outside)} is in quarantine for ${(Number(until - now) / 1e9).toFixed(1)} s more; nothing was changed`,
      );
    }
    entries[family].push(...plan[family].bound(seats[i]!, outside, now));
  }
  const used = new Map<number, Seat | undefined>(seats.map((seat) => [seat.ifindex, seat]));
  const wanted = new Set(seats.map(slotText));
  for (const family of FAMILIES) {
    for (const { key, record } of plan[family].reserved(wanted)) {
      if (!used.has(key.interface)) used.set(key.interface, undefined);
      entries[family].push({ key, record });
    }
    for (const [, { key, record }] of plan[family].quarantined)
      entries[family].push({ key, record: plain(record) });
  }
  for (const [ifindex, seat] of used) {
    for (const family of FAMILIES) {
      const address = unspecifiedOf(family);
      const known = devices.get(ifindex);
      const record = known === undefined ? deviceRecord(seat!, address, now) : { ...plain(known), address };
      entries[family].push({ key: { interface: ifindex, address }, record });
    }
  }
  return { slots: encodeSlots(4, entries[4]), slots6: encodeSlots(6, entries[6]) };
}

const plain = (record: SlotRecord): SlotRecord => ({ ...record, packets: 0n, bytes: 0n });

/** What there is of one family. */
class Plan {
  readonly #insides = new Map<string, SlotEntry>();
  readonly #outsides = new Map<Address, SlotRecord>();
  /** Outsides that are nobody's yet. */
  readonly quarantined: Map<Address, SlotEntry> = new Map();

  know(entry: SlotEntry, now: bigint): void {
    const { key, record } = entry;
    if (key.interface !== 0) this.#insides.set(`${key.interface} ${key.address}`, entry);
    else if (record.state === SLOT_STATES.bound) this.#outsides.set(addressKey(key.address), record);
    else if (record.state === SLOT_STATES.quarantined && record.since > now) {
      this.quarantined.set(addressKey(key.address), entry);
    }
  }

  /** The entries of a bound slot. */
  bound(seat: Seat, outside: Address, now: bigint): SlotEntry[] {
    const { ifindex, inside } = seat;
    const there = this.#insides.get(`${ifindex} ${inside}`)?.record;
    const isSame = there?.state === SLOT_STATES.bound && there.address === outside;
    const base = there === undefined ? freshRecord(seat) : plain(there);
    const since = isSame ? there.since : now;
    const back = isSame ? this.#outsides.get(addressKey(outside)) : undefined;
    const isWhole = back?.interface === ifindex && back.address === inside;
    const out = { ...base, state: SLOT_STATES.bound, address: outside, since };
    return [
      {
        key: { interface: 0, address: outside },
        record: isWhole ? plain(back) : { ...out, address: inside },
      },
      { key: { interface: ifindex, address: inside }, record: out },
    ];
  }

  /** Slots that are bound to nothing, but for these. */
  reserved(but: ReadonlySet<string>): SlotEntry[] {
    return [...this.#insides.values()]
      .filter(({ key, record }) => {
        const slot = slotText({ inside: key.address, interface: record.name });
        return record.state === SLOT_STATES.reserved && !but.has(slot);
      })
      .map(({ key, record }) => ({ key, record: plain(record) }));
  }
}

const freshRecord = ({
  interface: name,
  ifindex,
  station,
  mac,
  mtu,
  inside,
  takesXdp,
}: Seat): SlotRecord => ({
  address: typeof inside === 'bigint' ? 0n : 0,
  interface: ifindex,
  station,
  mac,
  mtu,
  list: 0,
  state: SLOT_STATES.reserved,
  flags: 0,
  xdp: takesXdp ? 1 : 0,
  since: 0n,
  name,
  packets: 0n,
  bytes: 0n,
});

const deviceRecord = (seat: Seat, address: Address, since: bigint): SlotRecord => ({
  ...freshRecord(seat),
  address,
  station: 0,
  state: SLOT_STATES.interface,
  since,
});
