// Reserving slots: entries for them and their interfaces, and the entry program on these. All of it or nothing: a journal
// says what has to go until it is done.

import { BpfProgram, blocksFor, NetlinkSocket, spread, withNetns } from '../../../loader/index.ts';
import { type Address, type Family, familyOf } from '../../address.ts';
import { viewOf } from '../../entries.ts';
import { getSlotRecord, putSlotRecord, SLOT_FORMATS, type SlotRecord } from '../../slot-entries.ts';
import { SLOT_FLAGS, SLOT_STATES } from '../../slot-layout.ts';
import type { Use, Uses } from '../../uses.ts';
import { InstanceError } from '../error.ts';
import type { Making } from '../making.ts';
import { requireNamespace } from '../namespace.ts';
import type { Opened } from '../parts.ts';
import type { Pins } from '../pins.ts';
import type { InstanceRecord } from '../record.ts';
import { extendUses } from '../replace.ts';
import { afterwards, inTurn } from '../transition.ts';
import { type Book, FAMILIES, type Place, type SlotMaps, slotKeyOf, slotText } from './book.ts';
import { ENTRY_PIN } from './entry.ts';
import { beginSlotJournal, endSlotJournal, makeAmends, turnSlotJournal } from './journal.ts';
import { flagsOf, listFor } from './policy.ts';
import { leaveDevices, replaySlots } from './recover.ts';
import { goneWith } from './remove.ts';
import { sweepLists, sweepQuarantined } from './sweep.ts';
import type { SlotPolicy } from './types.ts';
import { type Seat, seatsFor, type Wanted } from './wish.ts';
import { Writing } from './writing.ts';

/** What reserving works on. */
export interface Ground {
  readonly pins: Pins;
  readonly opened: Opened;
  readonly record: InstanceRecord;
  readonly book: Book;
  readonly making: Making;
}

/** To be called with the lock held. */
export function reserveSlots(ground: Ground, wanted: readonly Wanted[], policy: SlotPolicy): void {
  const { pins, opened, record, making } = ground;
  if (record.xdp !== undefined) throw noXdp(pins.name);
  const { maps } = opened;
  const where = requireNamespace(pins.name, record);
  withNetns(where.enter, () => {
    using socket = new NetlinkSocket();
    const seats = seatsFor(socket, pins.name, wanted, record);
    const moved = movedPlaces(ground, seats);
    sweepLists(maps);
    requireRoom(ground, seats.length);
    const { list, make } = listFor(pins.name, maps, policy.allow);
    const writing = new Writing(maps);
    const former = new Set(ground.book.places.map(({ ifindex }) => ifindex));
    for (const seat of seats) addInterface(pins.name, maps, writing, seat, policy, former);
    for (const seat of seats) addSlot(maps, writing, seat, moved.get(seat), flagsOf(policy), list);
    const fresh = new Map(seats.filter(({ ifindex }) => !former.has(ifindex)).map((seat) => [seat.ifindex, seat.interface]));
    const uses = usesOfSlots(seats, policy);
    inTurn(
      () => extendUses(pins, uses, making),
      () => {
        make();
        place(ground, socket, writing, fresh, [...moved.values()]);
      },
    );
  });
}

/** Writes and attaches. */
function place(
  { pins, opened: { maps }, book }: Ground,
  socket: NetlinkSocket,
  writing: Writing,
  fresh: ReadonlyMap<number, string>,
  moved: readonly Place[],
): void {
  const record = pins.record();
  const { slots } = record;
  using entry = slots.place === 'device' && fresh.size > 0 ? BpfProgram.openPin(pins.path(ENTRY_PIN)) : undefined;
  const ours = [...new Set(book.places.map(({ ifindex }) => ifindex))];
  const blocks = entry === undefined ? slots.blocks : blocksFor(socket, slots.blocks, entry.info.id, ours);
  const next = { ...record, slots: { ...slots, turn: (slots.turn + 1) >>> 0, blocks } };
  const amends = writing.amends();
  beginSlotJournal(pins, amends);
  try {
    pins.writeRecord(next);
    writing.write();
    if (entry !== undefined && blocks !== undefined) spread({ socket, interfaces: fresh, program: entry, blocks });
    if (moved.length > 0) turnSlotJournal(pins, goneWith(book, moved));
    else endSlotJournal(pins);
  } catch (error) {
    makeAmends(maps, amends);
    leaveDevices(pins, next, [...fresh.keys()]);
    endSlotJournal(pins);
    throw error;
  }
  if (moved.length > 0) afterwards(pins.name, () => replaySlots(pins));
}

/** Slots that are reserved already under an index that their interface has no more. @throws InstanceError */
function movedPlaces({ pins, book, opened: { maps } }: Ground, seats: readonly Seat[]): Map<Seat, Place> {
  const known = new Map(book.places.map((place) => [slotText(place), place]));
  const moved = new Map<Seat, Place>();
  for (const seat of seats) {
    const there = known.get(slotText(seat));
    if (there !== undefined && there.ifindex === seat.ifindex) {
      throw new InstanceError(
        'EEXIST',
        `instance '${pins.name}': slot '${slotText(seat)}' is reserved already; nothing was reserved`,
      );
    }
    if (there !== undefined) moved.set(seat, there);
    requireNoOther(pins.name, maps, seat);
  }
  return moved;
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

function addInterface(
  instance: string,
  maps: SlotMaps,
  writing: Writing,
  seat: Seat,
  { antiSpoof = true }: SlotPolicy,
  done: Set<number>,
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
  if (done.has(seat.ifindex)) return;
  done.add(seat.ifindex);
  for (const family of FAMILIES) {
    writing.set(family, keyOf(family), valueOf(family, seat, { state: 'interface', flags }), undefined);
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
  const key = slotKeyOf(family, seat.ifindex, seat.inside);
  const former = moved && maps[SLOT_FORMATS[family].name].raw.get(moved.key);
  if (former === undefined) {
    writing.set(family, key, valueOf(family, seat, { state: 'reserved', flags, list }), undefined);
    return;
  }
  // What it was bound to it stays bound to.
  const { state, address, since, packets, bytes } = getSlotRecord(viewOf(former), 0, family);
  const name = state === SLOT_STATES.bound ? 'bound' : 'reserved';
  writing.set(
    family,
    key,
    valueOf(family, seat, { state: name, flags, list, address, since, packets, bytes }),
    undefined,
  );
  if (name !== 'bound') return;
  const outsideKey = slotKeyOf(family, 0, address);
  const there = maps[SLOT_FORMATS[family].name].raw.get(outsideKey);
  if (there === undefined) return;
  const counted = getSlotRecord(viewOf(there), 0, family);
  writing.set(
    family,
    outsideKey,
    valueOf(family, seat, {
      ...{ state: 'bound', flags, list, address: seat.inside, since },
      ...{ packets: counted.packets, bytes: counted.bytes },
    }),
    there,
  );
}

function valueOf(
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

function usesOfSlots(seats: readonly Seat[], { allow }: SlotPolicy): Uses {
  const uses = new Set<Use>();
  for (const { inside } of seats) {
    const six = familyOf(inside) === 6;
    uses.add(six ? 'slots6' : 'slots');
    if (allow !== undefined) uses.add(six ? 'slot_lists6' : 'slot_lists');
  }
  return uses;
}

/** Two for each slot, since it is to be bound, and one for its interface. @throws InstanceError with code `EFULL` */
function requireRoom({ pins, opened: { maps }, book }: Ground, more: number): void {
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

const noXdp = (instance: string): InstanceError =>
  new InstanceError(
    'ENOTSUP',
    `instance '${instance}' is on XDP, which knows no slots yet: 'tsnat attach ... --replace --hook auto' takes XDP off`,
  );
