// Binding slots: look-ups that say whether it can be, then one call that does it.

import { LITTLE_ENDIAN } from '../../../asm/data.ts';
import { BatchError } from '../../../loader/index.ts';
import {
  type Address,
  addressKey,
  type Family,
  familyOf,
  formatAddress,
  unspecifiedOf,
} from '../../address.ts';
import { viewOf } from '../../entries.ts';
import type { SlotMapping } from '../../mapping.ts';
import { SLOT_FORMATS } from '../../slot-entries.ts';
import { SLOT_STATES } from '../../slot-layout.ts';
import { InstanceError } from '../error.ts';
import { widenOutsides } from '../subnet.ts';
import { otherAddress, type Place, slotText } from './book.ts';
import type { Bench } from './desk.ts';
import { readOutside, requireUnslotted, Taken } from './outside.ts';
import { type Present, presentOf } from './present.ts';
import { sweepQuarantined } from './sweep.ts';
import type { SlotBinding } from './types.ts';
import { Writing } from './writing.ts';

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
  const since = now();
  const present = presentOf(maps, bindings.length, since);
  const taken = new Taken(pins.name, maps, record.uses, bindings.length);
  const writing = new Writing(maps, bindings.length);
  const [slots, outsides] = [new Set<Place>(), new Set<Address>()];
  const mappings: SlotMapping[] = [];
  const isRebind = quarantine !== undefined;
  for (const [slot, text] of bindings) {
    const outside = readOutside(text);
    const family = familyOf(outside);
    const place = bench.book.one(slot, family);
    if (slots.has(place)) throw refuse(bench, 'EBOUND', place, 'is named twice');
    if (outsides.has(addressKey(outside))) throw givenTwice(pins.name, outside);
    slots.add(place);
    outsides.add(addressKey(outside));
    const value = present.inside(place);
    if (value === undefined) throw notReserved(bench, place);
    const hardware = bench.requireSame(place);
    const isBound = stateOf(value, family) === SLOT_STATES.bound;
    const former = isBound ? otherAddress(value, family) : undefined;
    if (isBound !== isRebind) throw notToBeBound(bench, place, slot, outside, former);
    if (former === outside) continue;
    const there = present.outside(family, outside);
    requireUnslotted(pins.name, outside, there, since);
    const mapping: SlotMapping = { kind: 'slot', inside: place.inside, interface: place.interface, outside };
    taken.require(mapping);
    mappings.push(mapping);
    if (former !== undefined) giveUp(writing, present, value, place, since, quarantine ?? 0);
    const { ifindex, inside } = place;
    writing.change(family, 0, outside, value, { state: 'bound', other: inside, since, hardware }, there);
    writing.change(
      family,
      ifindex,
      inside,
      value,
      { state: 'bound', other: outside, since, hardware },
      value,
    );
  }
  if (writing.count === 0) return;
  widenOutsides(maps.interface, mappings);
  commit(bench, writing);
}

/** Takes slots their outsides. */
export function releaseSlots(bench: Bench, slots: readonly string[], quarantine: number): void {
  const { maps } = bench.opened;
  const since = now();
  const present = presentOf(maps, slots.length, since);
  const writing = new Writing(maps, slots.length);
  const seen = new Set<Place>();
  for (const slot of slots) {
    const places = bench.book.all(slot);
    let isBound = false;
    for (const place of places) {
      if (seen.has(place)) throw refuse(bench, 'EUNBOUND', place, 'is named twice');
      seen.add(place);
      const { family, ifindex, inside } = place;
      const value = present.inside(place);
      if (value === undefined) throw notReserved(bench, place);
      if (stateOf(value, family) !== SLOT_STATES.bound) continue;
      isBound = true;
      giveUp(writing, present, value, place, since, quarantine);
      const other = unspecifiedOf(family);
      writing.change(family, ifindex, inside, value, { state: 'reserved', other, since }, value);
    }
    if (!isBound) throw refuse(bench, 'EUNBOUND', places[0]!, 'has no outside to give up');
  }
  if (writing.count > 0) commit(bench, writing);
}

/** The outside of before is nobody's until then; what another program has made of it stays. */
function giveUp(
  writing: Writing,
  present: Present,
  value: Uint8Array,
  { family, ifindex, inside }: Place,
  since: bigint,
  quarantine: number,
): void {
  const outside = otherAddress(value, family);
  const there = present.outside(family, outside);
  const isOurs =
    there !== undefined &&
    stateOf(there, family) === SLOT_STATES.bound &&
    viewOf(there).getUint32(SLOT_FORMATS[family].record.interface, LITTLE_ENDIAN) === ifindex &&
    otherAddress(there, family) === inside;
  if (!isOurs) return;
  const until = quarantine === 0 ? since : since + BigInt(Math.round(quarantine * NANOSECONDS));
  writing.change(family, 0, outside, value, { state: 'quarantined', other: inside, since: until }, there);
}

const stateOf = (value: Uint8Array, family: Family): number => value[SLOT_FORMATS[family].record.state]!;

function refuse({ pins }: Bench, code: InstanceError['code'], place: Place, why: string): InstanceError {
  return new InstanceError(code, `instance '${pins.name}': slot '${slotText(place)}' ${why}`);
}

const notReserved = (bench: Bench, place: Place): InstanceError =>
  refuse(bench, 'ENOSLOT', place, 'is not reserved any more');

const givenTwice = (instance: string, outside: Address): InstanceError =>
  new InstanceError(
    'EINUSE',
    `instance '${instance}': outside ${formatAddress(outside)} is given to two slots`,
  );

function notToBeBound(
  bench: Bench,
  place: Place,
  slot: string,
  outside: Address,
  former: Address | undefined,
): InstanceError {
  const command = (name: string): string =>
    `'tsnat slot ${name} ${bench.pins.name} ${slot}=${formatAddress(outside)}'`;
  return former === undefined
    ? refuse(bench, 'EUNBOUND', place, `has no outside yet: ${command('bind')} gives it one`)
    : refuse(
        bench,
        'EBOUND',
        place,
        `has outside ${formatAddress(former)} already: ${command('rebind')} gives it another`,
      );
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
