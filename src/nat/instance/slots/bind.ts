// Binding slots: look-ups that say whether it can be, then one call that does it.

import { LITTLE_ENDIAN } from '../../../asm/index.ts';
import { BatchError } from '../../../loader/index.ts';
import { type Address, type Family, familyOf, formatAddress } from '../../address.ts';
import { keyNames, positionsOf, putAddress, viewOf } from '../../entries.ts';
import type { SlotMapping } from '../../mapping.ts';
import { SLOT_FORMATS } from '../../slot-entries.ts';
import { SLOT_STATES } from '../../slot-layout.ts';
import { InstanceError } from '../error.ts';
import { widenOutsides } from '../subnet.ts';
import { otherAddress, type Place, type SlotMaps, slotKeyOf, slotText } from './book.ts';
import type { Bench } from './desk.ts';
import { readOutside, requireUnslotted, Taken } from './outside.ts';
import { requireSame } from './stale.ts';
import { sweepQuarantined } from './sweep.ts';
import type { SlotBinding } from './types.ts';
import { Writing } from './writing.ts';

/** From here on the whole of a map is read rather than its entries one by one. */
const MANY = 64;

type Values = (family: Family, key: Uint8Array) => Uint8Array | undefined;

const now = (): bigint => process.hrtime.bigint();
const NANOSECONDS = 1e9;

/**
 * Gives slots their outsides.
 *
 * @param quarantine with it slots that have one already get another, and the one of before is nobody's for so many
 * seconds
 */
export function bindSlots(bench: Bench, bindings: readonly SlotBinding[], quarantine?: number): void {
  const { pins, opened, record } = bench;
  const { maps } = opened;
  const at = now();
  const values = valuesOf(maps, bindings.length);
  const taken = new Taken(pins.name, maps, record.uses);
  const writing = new Writing(maps);
  const [slots, outsides] = [new Set<Place>(), new Set<Address>()];
  const mappings: SlotMapping[] = [];
  const isRebind = quarantine !== undefined;
  for (const [slot, text] of bindings) {
    const outside = readOutside(text);
    const family = familyOf(outside);
    const place = bench.book.one(slot, family);
    if (slots.has(place)) throw refuse(bench, 'EBOUND', place, 'is named twice');
    if (outsides.has(outside)) {
      throw new InstanceError(
        'EINUSE',
        `instance '${pins.name}': outside ${formatAddress(outside)} is given to two slots`,
      );
    }
    slots.add(place);
    outsides.add(outside);
    const value = requireEntry(bench, values, place);
    const isBound = stateOf(value, family) === SLOT_STATES.bound;
    const former = isBound ? otherAddress(value, family) : undefined;
    if (former !== undefined && !isRebind) {
      const hint = `'tsnat slot rebind ${pins.name} ${slot}=${formatAddress(outside)}' gives it another`;
      throw refuse(bench, 'EBOUND', place, `has outside ${formatAddress(former)} already: ${hint}`);
    }
    if (former === undefined && isRebind) {
      const hint = `'tsnat slot bind ${pins.name} ${slot}=${formatAddress(outside)}' gives it one`;
      throw refuse(bench, 'EUNBOUND', place, `has no outside yet: ${hint}`);
    }
    if (former === outside) continue;
    const outsideKey = slotKeyOf(family, 0, outside);
    const there = values(family, outsideKey);
    requireUnslotted(pins.name, outside, there, at);
    const mapping = { kind: 'slot', inside: place.inside, interface: place.interface, outside } as const;
    taken.require(mapping);
    mappings.push(mapping);
    if (former !== undefined) giveUp(writing, values, value, place, former, at, quarantine ?? 0);
    writing.set(family, outsideKey, entry(value, family, 'bound', place.inside, at), there);
    writing.set(family, place.key, entry(value, family, 'bound', outside, at), value);
  }
  if (writing.count === 0) return;
  widenOutsides(maps.interface, mappings);
  commit(bench, writing);
}

/** Takes slots their outsides. */
export function releaseSlots(bench: Bench, slots: readonly string[], quarantine: number): void {
  const { maps } = bench.opened;
  const at = now();
  const values = valuesOf(maps, slots.length);
  const writing = new Writing(maps);
  const seen = new Set<Place>();
  for (const slot of slots) {
    for (const place of bench.book.all(slot)) {
      if (seen.has(place)) throw refuse(bench, 'EUNBOUND', place, 'is named twice');
      seen.add(place);
    }
  }
  let bound = 0;
  for (const place of seen) {
    const { family } = place;
    const value = requireEntry(bench, values, place, 'stale too');
    if (stateOf(value, family) !== SLOT_STATES.bound) continue;
    bound++;
    giveUp(writing, values, value, place, otherAddress(value, family), at, quarantine);
    writing.set(family, place.key, entry(value, family, 'reserved', family === 6 ? 0n : 0, at), value);
  }
  for (const slot of slots) {
    const places = bench.book.all(slot);
    const isBound = places.some(
      (place) => stateOf(values(place.family, place.key)!, place.family) === SLOT_STATES.bound,
    );
    if (!isBound) throw refuse(bench, 'EUNBOUND', places[0]!, 'has no outside to give up');
  }
  if (bound > 0) commit(bench, writing);
}

/** The outside of before is nobody's until then; what another program has made of it stays. */
function giveUp(
  writing: Writing,
  values: Values,
  value: Uint8Array,
  place: Place,
  outside: Address,
  at: bigint,
  quarantine: number,
): void {
  const { family, ifindex, inside } = place;
  const { record } = SLOT_FORMATS[family];
  const key = slotKeyOf(family, 0, outside);
  const there = values(family, key);
  const isOurs =
    there !== undefined &&
    stateOf(there, family) === SLOT_STATES.bound &&
    viewOf(there).getUint32(record.interface, LITTLE_ENDIAN) === ifindex &&
    otherAddress(there, family) === inside;
  if (!isOurs) return;
  const until = at + BigInt(Math.round(quarantine * NANOSECONDS));
  writing.set(family, key, entry(value, family, 'quarantined', inside, until), there);
}

/** The entry of before with another state; its counters begin anew. */
function entry(
  former: Uint8Array,
  family: Family,
  state: keyof typeof SLOT_STATES,
  other: Address,
  since: bigint,
): Uint8Array {
  const { record } = SLOT_FORMATS[family];
  // Not slice(), which for a Buffer is no copy.
  const value = new Uint8Array(former);
  const view = viewOf(value);
  putAddress(view, record.address, other);
  view.setUint8(record.state, SLOT_STATES[state]);
  view.setBigUint64(record.since, since, LITTLE_ENDIAN);
  value.fill(0, record.packets, record.bytes + 8);
  return value;
}

const stateOf = (value: Uint8Array, family: Family): number => value[SLOT_FORMATS[family].record.state]!;

function requireEntry(bench: Bench, values: Values, place: Place, stale?: 'stale too'): Uint8Array {
  const value = values(place.family, place.key);
  if (value === undefined) throw refuse(bench, 'ENOSLOT', place, 'is not reserved any more');
  if (stale === undefined) requireSame(bench.pins.name, bench.names, place);
  return value;
}

function refuse({ pins }: Bench, code: InstanceError['code'], place: Place, why: string): InstanceError {
  return new InstanceError(code, `instance '${pins.name}': slot '${slotText(place)}' ${why}`);
}

function commit({ pins, opened: { maps } }: Bench, writing: Writing): void {
  try {
    writing.commit(pins);
  } catch (error) {
    const isFull = error instanceof BatchError && (error.code === 'E2BIG' || error.code === 'ENOSPC');
    if (!isFull) throw error;
    // Outsides that nobody has any more stay until their places are needed.
    if (sweepQuarantined(maps) === 0) {
      const message = `instance '${pins.name}' is full: its tables of slots hold no more than ${maps.slots.maxEntries} entries, three for each slot and one for each outside in quarantine`;
      throw new InstanceError('EFULL', message, error);
    }
    writing.commit(pins);
  }
}

function valuesOf(maps: SlotMaps, count: number): Values {
  if (count < MANY) return (family, key) => maps[SLOT_FORMATS[family].name].raw.get(key);
  const tables = { 4: snapshot(maps, 4), 6: snapshot(maps, 6) };
  return (family, key) => tables[family](key);
}

function snapshot(maps: SlotMaps, family: Family): (key: Uint8Array) => Uint8Array | undefined {
  const format = SLOT_FORMATS[family];
  const elements = maps[format.name].raw.elements();
  const positions = positionsOf(elements, format);
  return (key) => {
    const at = positions.get(keyNames({ count: 1, keys: key, values: key }, format)(0));
    return at === undefined
      ? undefined
      : elements.values.subarray(at * format.valueSize, (at + 1) * format.valueSize);
  };
}
