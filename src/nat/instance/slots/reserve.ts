// Reserving slots: entries for them and their interfaces, and the entry program on these. All of it or nothing: a journal
// says what has to go until it is done.

import { NetlinkSocket, withNetns } from '../../../loader/index.ts';
import { type Address, type Family, familyOf, formatAddress } from '../../address.ts';
import { viewOf } from '../../entries.ts';
import type { SlotMapping } from '../../mapping.ts';
import { getSlotRecord, putSlotRecord, SLOT_FORMATS, type SlotRecord } from '../../slot-entries.ts';
import { SLOT_FLAGS, SLOT_STATES } from '../../slot-layout.ts';
import type { Use, Uses } from '../../uses.ts';
import { InstanceError } from '../error.ts';
import { requireNamespace } from '../namespace.ts';
import type { Pins } from '../pins.ts';
import { nextTurn } from '../record.ts';
import { extendUses } from '../replace.ts';
import { widenOutsides } from '../subnet.ts';
import { afterwards, inTurn } from '../transition.ts';
import { type Book, FAMILIES, type Place, type SlotMaps, slotKeyOf, slotText } from './book.ts';
import type { Bench } from './desk.ts';
import { joinDevices, leaveStrays, withBlocks } from './devices.ts';
import { beginSlotJournal, endSlotJournal, makeAmends, turnSlotJournal } from './journal.ts';
import { requireUnslotted, Taken } from './outside.ts';
import { requireNoXdp } from './plan.ts';
import { flagsOf, listFor } from './policy.ts';
import { replaySlots } from './recover.ts';
import { goneWith } from './remove.ts';
import { sweepLists, sweepQuarantined } from './sweep.ts';
import type { SlotPolicy } from './types.ts';
import { type Seat, seatsFor, type Wanted } from './wish.ts';
import { Writing } from './writing.ts';

/**
 * To be called with the lock held. Of the wishes, those with an outside are bound to it in the same step, also where the
 * slot is reserved already.
 */
export function reserveSlots(bench: Bench, wanted: readonly Wanted[], policy: SlotPolicy): void {
  const { pins, opened, record, making, book } = bench;
  const { maps } = opened;
  requireNoXdp(pins.name, record.xdp);
  const seats = seatsOf(bench, wanted);
  requireOutsides(bench, seats);
  const moved = movedPlaces(bench, seats);
  sweepLists(maps);
  requireRoom(bench, seats.length);
  const { list, make } = listFor(pins.name, maps, policy.allow);
  const writing = new Writing(maps);
  const fresh = new Map<number, string>();
  for (const seat of seats) addInterface(pins.name, maps, writing, seat, policy, fresh);
  for (const seat of seats) addSlot(maps, writing, seat, moved.get(seat), flagsOf(policy), list);
  const mappings = seats.flatMap(mappingOf);
  inTurn(
    () => extendUses(pins, usesOf(seats, policy), making),
    () => {
      make();
      widenOutsides(maps.interface, mappings);
      place(pins, maps, book, writing, fresh, [...moved.values()]);
    },
  );
}

function seatsOf({ pins, record, book }: Bench, wanted: readonly Wanted[]): Seat[] {
  return withNetns(requireNamespace(pins.name, record).enter, () => {
    using socket = new NetlinkSocket();
    return seatsFor(socket, pins.name, wanted, record, (ifindex, inside) => book.has(ifindex, inside));
  });
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
  const taken = new Taken(pins.name, maps, record.uses);
  for (const mapping of seats.flatMap(mappingOf)) {
    const family = familyOf(mapping.outside);
    const there = maps[SLOT_FORMATS[family].name].raw.get(slotKeyOf(family, 0, mapping.outside));
    requireUnslotted(pins.name, mapping.outside, there, now);
    taken.require(mapping);
  }
}

/** Slots that are reserved already under an index that their interface has no more. @throws InstanceError */
function movedPlaces({ pins, book, opened: { maps } }: Bench, seats: readonly Seat[]): Map<Seat, Place> {
  const known = new Map(book.places.map((place) => [slotText(place), place]));
  const moved = new Map<Seat, Place>();
  for (const seat of seats) {
    const there = known.get(slotText(seat));
    if (there?.ifindex === seat.ifindex) requireToBind(pins.name, maps, there, seat);
    else if (there !== undefined) moved.set(seat, there);
    requireNoOther(pins.name, maps, seat);
  }
  return moved;
}

/** A slot that is reserved already may be wished to be bound. @throws InstanceError with code `EEXIST` or `EBOUND` */
function requireToBind(instance: string, maps: SlotMaps, { family, key }: Place, seat: Seat): void {
  const what = `instance '${instance}': slot '${slotText(seat)}'`;
  if (seat.outside === undefined) {
    throw new InstanceError('EEXIST', `${what} is reserved already; nothing was reserved`);
  }
  const value = maps[SLOT_FORMATS[family].name].raw.get(key);
  const former = value && getSlotRecord(viewOf(value), 0, family);
  if (former?.state !== SLOT_STATES.bound) return;
  throw new InstanceError(
    'EBOUND',
    `${what} has outside ${formatAddress(former.address)} already: 'tsnat slot rebind ${instance} ${slotText(seat)}=${formatAddress(seat.outside)}' gives it another`,
  );
}

/** An index may be known under another name. @throws InstanceError with code `ESTALE` */
function requireNoOther(instance: string, maps: SlotMaps, seat: Seat): void {
  const value = maps.slots.raw.get(slotKeyOf(4, seat.ifindex, 0));
  const name = value && getSlotRecord(viewOf(value), 0, 4).name;
  if (name === undefined || name === seat.interface) return;
  throw new InstanceError(
    'ESTALE',
    `instance '${instance}': interface '${seat.interface}' (index ${seat.ifindex}) was called '${name}' when slots were reserved on it: 'tsnat slot remove ${instance} ${name}' gives those up`,
  );
}

/** @param fresh gets those that have no slots yet */
function addInterface(
  instance: string,
  maps: SlotMaps,
  writing: Writing,
  seat: Seat,
  { antiSpoof = true }: SlotPolicy,
  fresh: Map<number, string>,
): void {
  const flags = antiSpoof ? 0 : SLOT_FLAGS.anySource;
  const keyOf = (family: Family): Uint8Array => slotKeyOf(family, seat.ifindex, family === 6 ? 0n : 0);
  const there = maps.slots.raw.get(keyOf(4));
  if (there !== undefined) {
    if (getSlotRecord(viewOf(there), 0, 4).flags === flags) return;
    const has = antiSpoof ? 'may send from any source' : 'may send from its insides only';
    throw new InstanceError(
      'ECONFLICT',
      `instance '${instance}': interface '${seat.interface}' ${has}, and it is one interface for all its slots: 'tsnat slot remove ${instance} ${seat.interface}' first`,
    );
  }
  if (fresh.has(seat.ifindex)) return;
  fresh.set(seat.ifindex, seat.interface);
  for (const family of FAMILIES) {
    writing.set(family, keyOf(family), recordOf(family, seat, { state: 'interface', flags }), undefined);
  }
}

function addSlot(
  maps: SlotMaps,
  writing: Writing,
  seat: Seat,
  moved: Place | undefined,
  flags: number,
  list: number,
): void {
  const family = familyOf(seat.inside);
  const { raw } = maps[SLOT_FORMATS[family].name];
  const key = slotKeyOf(family, seat.ifindex, seat.inside);
  const there = raw.get(key);
  const former = moved && raw.get(moved.key);
  const known = former && getSlotRecord(viewOf(former), 0, family);
  const wasBound = known?.state === SLOT_STATES.bound;
  // What it was bound to it stays bound to.
  const outside = seat.outside ?? (wasBound ? known.address : undefined);
  // Of a slot that is reserved already, policy and station are what they are.
  const own = there && getSlotRecord(viewOf(there), 0, family);
  const base =
    own === undefined ? { flags, list } : { flags: own.flags, list: own.list, station: own.station };
  if (outside === undefined) {
    writing.set(family, key, recordOf(family, seat, { state: 'reserved', ...base }), there);
    return;
  }
  const outsideKey = slotKeyOf(family, 0, outside);
  const back = raw.get(outsideKey);
  const kept = wasBound && outside === known.address ? known : undefined;
  const counted = kept && back ? getSlotRecord(viewOf(back), 0, family) : undefined;
  const since = kept === undefined ? {} : { since: kept.since };
  const counters = (of: SlotRecord | undefined) =>
    of === undefined ? {} : { packets: of.packets, bytes: of.bytes };
  const inward = { state: 'bound', ...base, address: seat.inside, ...since, ...counters(counted) } as const;
  writing.set(family, outsideKey, recordOf(family, seat, inward), back);
  const outward = { state: 'bound', ...base, address: outside, ...since, ...counters(kept) } as const;
  writing.set(family, key, recordOf(family, seat, outward), there);
}

function recordOf(
  family: Family,
  { interface: name, ifindex, station, mac, mtu }: Seat,
  { state, ...rest }: { readonly state: keyof typeof SLOT_STATES } & Partial<Omit<SlotRecord, 'state'>>,
): Uint8Array {
  const value = new Uint8Array(SLOT_FORMATS[family].valueSize);
  const nobody: Address = family === 6 ? 0n : 0;
  putSlotRecord(viewOf(value), 0, family, {
    ...{ address: nobody, interface: ifindex, station: state === 'interface' ? 0 : station, mac, mtu },
    ...{ list: 0, flags: 0, since: process.hrtime.bigint(), name, packets: 0n, bytes: 0n },
    ...rest,
    state: SLOT_STATES[state],
  });
  return value;
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
  if (most <= maxEntries) {
    sweepQuarantined(maps);
    return;
  }
  throw new InstanceError(
    'EFULL',
    `instance '${pins.name}' has room for ${Math.floor(maxEntries / 3)} slots and has ${book.places.length}: ${more} more do not fit; attach it with a larger --capacity (three for each slot)`,
  );
}
