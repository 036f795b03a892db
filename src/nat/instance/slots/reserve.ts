// Reserving slots: entries for them and their interfaces, and the entry program on these. All of it or nothing: a journal
// says what has to go until it is done.

import { type Address, familyOf, formatAddress } from '../../address.ts';
import { viewOf } from '../../entries.ts';
import type { SlotMapping } from '../../mapping.ts';
import { getSlotRecord, SLOT_FORMATS, type SlotRecord } from '../../slot-entries.ts';
import { SLOT_STATES } from '../../slot-layout.ts';
import type { Use, Uses } from '../../uses.ts';
import { afterwards, inTurn } from '../afterwards.ts';
import { InstanceError } from '../error.ts';
import type { Pins } from '../pins.ts';
import { widenOutsides } from '../subnet.ts';
import { type Book, type Place, type SlotMaps, slotKeyOf, slotText } from './book.ts';
import type { Bench } from './desk.ts';
import { joinDevices, leaveStrays, withBlocks } from './devices.ts';
import { beginSlotJournal, endSlotJournal, makeAmends, turnSlotJournal } from './journal.ts';
import { requireUnslotted, Taken } from './outside.ts';
import { flagsOf, listFor } from './policy.ts';
import { nextTurn } from './record.ts';
import { replaySlots } from './recover.ts';
import { goneWith } from './remove.ts';
import { addInterface, addSlot } from './seat-entries.ts';
import { sameHardware } from './stale.ts';
import { sweepLists } from './sweep.ts';
import type { SlotPolicy } from './types.ts';
import { type Seat, seatsFor, type Wanted } from './wish.ts';
import { Writing } from './writing.ts';

/**
 * To be called with the lock held. Of the wishes, those with an outside are bound to it in the same step, also where the
 * slot is reserved already.
 */
export function reserveSlots(bench: Bench, wanted: readonly Wanted[], policy: SlotPolicy): void {
  const { pins, opened, works, book } = bench;
  const { maps } = opened;
  const seats = seatsOf(bench, wanted);
  requireOutsides(bench, seats);
  const moved = movedPlaces(bench, seats);
  sweepLists(maps);
  requireRoom(bench, seats.length);
  const { list, make } = listFor(pins.name, maps, policy.allow);
  const writing = new Writing(maps, seats.length);
  const fresh = new Map<number, string>();
  for (const seat of seats) {
    // Of a slot that is reserved already the interface's policy is what it is, too.
    if (!book.has(seat.ifindex, seat.inside)) addInterface(pins.name, book, writing, seat, policy, fresh);
  }
  for (const seat of seats)
    addSlot({ maps, book, writing }, seat, moved.get(seat), { flags: flagsOf(policy), list });
  const mappings = seats.flatMap(mappingOf);
  inTurn(
    () => works.extendUses(pins, usesOf(seats, policy)),
    () => {
      make();
      widenOutsides(maps.interface, mappings);
      place(pins, maps, book, writing, fresh, [...moved.values()]);
    },
  );
}

function seatsOf({ pins, record, book, names }: Bench, wanted: readonly Wanted[]): Seat[] {
  const isKnown = (ifindex: number, inside: Address): boolean => book.has(ifindex, inside);
  return seatsFor({ instance: pins.name, record, names, isKnown }, wanted);
}

/** The program gets to the interfaces first, on which it does nothing yet; then one write makes slots of them all. */
function place(
  pins: Pins,
  maps: SlotMaps,
  book: Book,
  writing: Writing,
  fresh: ReadonlyMap<number, string>,
  moved: readonly Place[],
): void {
  const ours = new Set(book.places.map(({ ifindex }) => ifindex));
  const next = nextTurn(withBlocks(pins, pins.record(), fresh, ours));
  const amends = writing.amends();
  beginSlotJournal(pins, amends);
  try {
    pins.writeRecord(next);
    joinDevices(pins, next, fresh);
    writing.write();
    if (moved.length > 0) turnSlotJournal(pins, goneWith(book, moved));
    else endSlotJournal(pins);
  } catch (error) {
    makeAmends(maps, amends);
    leaveStrays(pins, next, maps);
    endSlotJournal(pins);
    throw error;
  }
  if (moved.length > 0) afterwards(pins.name, () => replaySlots(pins));
}

const mappingOf = ({ inside, interface: name, outside }: Seat): SlotMapping[] =>
  outside === undefined ? [] : [{ kind: 'slot', inside, interface: name, outside }];

/** @throws InstanceError with code `EINUSE` or `EQUARANTINED` */
function requireOutsides({ pins, opened: { maps }, record }: Bench, seats: readonly Seat[]): void {
  const now = process.hrtime.bigint();
  const taken = new Taken(pins.name, maps, record.uses, seats.length);
  for (const mapping of seats.flatMap(mappingOf)) {
    const family = familyOf(mapping.outside);
    const there = maps[SLOT_FORMATS[family].name].raw.get(slotKeyOf(family, 0, mapping.outside));
    requireUnslotted(pins.name, mapping.outside, there, now);
    taken.require(mapping);
  }
}

/** Slots that are reserved already under an index that their interface has no more. @throws InstanceError */
function movedPlaces({ pins, book, opened: { maps } }: Bench, seats: readonly Seat[]): Map<Seat, Place> {
  const moved = new Map<Seat, Place>();
  for (const seat of seats) {
    const there = book.find(seat.interface, seat.inside);
    if (there?.ifindex === seat.ifindex) requireSomethingNew(pins.name, maps, there, seat);
    else if (there !== undefined) moved.set(seat, there);
    requireNoOther(pins.name, book, seat);
  }
  return moved;
}

/**
 * A slot that is reserved already may be wished to be bound, or to have what has changed since.
 *
 * @throws InstanceError with code `EEXIST` or `EBOUND`
 */
function requireSomethingNew(instance: string, maps: SlotMaps, { family, key }: Place, seat: Seat): void {
  const what = `instance '${instance}': slot '${slotText(seat)}'`;
  const { raw } = maps[SLOT_FORMATS[family].name];
  const recordAt = (at: Uint8Array): SlotRecord | undefined => {
    const value = raw.get(at);
    return value && getSlotRecord(viewOf(value), 0, family);
  };
  const former = recordAt(key);
  if (seat.outside === undefined) {
    const back =
      former?.state === SLOT_STATES.bound ? recordAt(slotKeyOf(family, 0, former.address)) : undefined;
    const isNew = (record: SlotRecord | undefined): boolean =>
      record !== undefined &&
      (!sameHardware(record, seat) || (seat.station !== 0 && seat.station !== record.station));
    if (isNew(former) || isNew(back)) return;
    throw new InstanceError('EEXIST', `${what} is reserved already; nothing was reserved`);
  }
  if (former?.state !== SLOT_STATES.bound) return;
  throw new InstanceError(
    'EBOUND',
    `${what} has outside ${formatAddress(former.address)} already: 'tsnat slot rebind ${instance} ${slotText(seat)}=${formatAddress(seat.outside)}' gives it another`,
  );
}

/** An index may be known under another name. @throws InstanceError with code `ESTALE` */
function requireNoOther(instance: string, book: Book, seat: Seat): void {
  const name = book.devices.get(seat.ifindex)?.name;
  if (name === undefined || name === seat.interface) return;
  throw new InstanceError(
    'ESTALE',
    `instance '${instance}': interface '${seat.interface}' (index ${seat.ifindex}) was called '${name}' when slots were reserved on it: 'tsnat slot remove ${instance} ${name}' gives those up`,
  );
}

function usesOf(seats: readonly Seat[], { allow }: SlotPolicy): Uses {
  const uses = new Set<Use>();
  for (const { inside } of seats) {
    const six = familyOf(inside) === 6;
    uses.add(six ? 'slots6' : 'slots');
    if (allow !== undefined) uses.add(six ? 'slot_lists6' : 'slot_lists');
  }
  return uses;
}

/** Two for each slot, since it is to be bound, and one for its interface. @throws InstanceError with code `EFULL` */
function requireRoom({ pins, opened: { maps }, book }: Bench, more: number): void {
  const { maxEntries } = maps.slots.raw;
  const most = 3 * (book.places.length + more);
  if (most <= maxEntries) return;
  throw new InstanceError(
    'EFULL',
    `instance '${pins.name}' has room for ${Math.floor(maxEntries / 3)} slots and has ${book.places.length}: ${more} more do not fit; attach it with a larger --capacity (three for each slot)`,
  );
}
