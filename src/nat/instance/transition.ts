// Changes a running instance wholly or not at all, for packets as for whoever kills the command: new programs, new
// contents, or both. Everything new is made beside the old, in the shadow folder; one word turns both directions to
// it; then the instance itself is brought to the same, unseen, and takes over again. New contents stand in tables of
// their own meanwhile (stand-in.ts), so the maps of the instance stay the ones others have open.

import { type BpfProgram, removePin, renamePin, waitForPrograms } from '../../loader/index.ts';
import type { Mapping } from '../mapping.ts';
import type { Direction } from '../reason.ts';
import { afterwards } from './afterwards.ts';
import { attempt } from './attempt.ts';
import { Changeover, type Programs } from './changeover.ts';
import type { Contents, Owned } from './contents.ts';
import { putBack, putOn } from './hooks.ts';
import type { Making } from './making.ts';
import { openMaps } from './own-maps.ts';
import { loadPrograms } from './pair.ts';
import { pinnedProgram } from './pinned.ts';
import { Pins } from './pins.ts';
import { detachLinks, programIds } from './placement.ts';
import { datapathOptions, type InstanceRecord } from './record.ts';
import { prepareRedirect, settleRedirect, undoFilters } from './redirect/change.ts';
import { type Replaced, Replacement } from './replacement.ts';
import { ROLES, type Role } from './roles.ts';
import { settle } from './settlement.ts';
import { interfacesIn, readSlots } from './slots/contents.ts';
import { joinDevices, leaveStrays, missingDevices, withBlocks } from './slots/devices.ts';
import { forgetSlotProgram } from './slots/entry.ts';
import { hasSlotProgram, nextTurn } from './slots/record.ts';
import { StandIn } from './stand-in.ts';
import { rest, wake } from './stations.ts';
import { allOrNothing } from './undo.ts';
import { beginWork, endWork } from './work-mark.ts';
import { prepareXdp, settleXdp, type XdpWish } from './xdp/change.ts';

export interface Wanted {
  /** The record as it is to be; the programs' identifiers are filled in. */
  readonly record: InstanceRecord;
  /** New programs on the instance's own maps; left out, they stay. */
  readonly programs?: Programs;
  /** What these tables are to hold; those left out stay. */
  readonly contents?: Partial<Contents>;
  /** The mappings there are then: what new programs are tested on. */
  readonly mappings: readonly Mapping[];
  /** XDP as it is to be, or to be without; left out, it stays. */
  readonly xdp?: XdpWish | 'none';
}

/**
 * To be called with the lock held, on an instance that is whole.
 *
 * @returns what became of the mappings that are in `contents`.
 * @throws with everything as it was; InstanceError with code `EDONE` when all is done but the clearing up.
 */
export function change(pins: Pins, maps: Owned, wanted: Wanted, making: Making): Replaced {
  const shadow = new Pins(pins.instances, pins.name, true);
  const record = pins.record();
  const { contents = {} } = wanted;
  const replacement = new Replacement(maps, contents);
  if (wanted.programs === undefined && replacement.isNone) return replacement.summary;
  using outbound = pinnedProgram(pins, 'outbound');
  using inbound = pinnedProgram(pins, 'inbound');
  using slot = hasSlotProgram(record) ? pinnedProgram(pins, 'slot') : undefined;
  const former = { outbound, inbound, slot };
  const final = wanted.programs ?? former;
  allOrNothing((onFailure) => {
    onFailure(() => shadow.exist && undo(pins, shadow));
    beginWork(pins);
    shadow.make();
    rest(maps);
    const xdp = prepareXdp(pins, shadow, maps, wanted);
    const identified = { ...withIds(wanted.record, final), xdp };
    const joining = missingDevices(pins, identified, maps, contents);
    const next = withBlocks(
      pins,
      contents.slots === undefined ? identified : nextTurn(identified),
      joining,
      interfacesIn(readSlots(maps)).keys(),
    );
    shadow.pinRecord(next);
    if (wanted.programs !== undefined) prepareRedirect(pins, shadow, maps, next);
    if (wanted.programs !== undefined) {
      for (const role of ROLES) final[role]?.pin(shadow.path(`progs/${role}`));
    }
    using standIn = replacement.isNone ? undefined : StandIn.make(shadow, contents);
    using between =
      standIn &&
      loadPrograms(making.datapath(datapathOptions(wanted.record)), { ...maps, ...standIn.maps } as Owned);
    const test = (programs: Programs, own: Owned): void =>
      making.selfTest(pins.name, programs, own, wanted.mappings, wanted.record);
    if (between !== undefined) test(between.programs, { ...maps, ...standIn?.maps } as Owned);
    else test(final, maps);
    using changeover = Changeover.make(shadow, { former, next: between?.programs ?? final });
    const ours = programIds([pins, shadow]);
    putOn(pins, record, changeover.relays, ours);
    joinDevices(pins, next, joining);
    changeover.turn('next');
    onFailure(() => changeover.turn('former'));
    onFailure(() => replacement.undo());
    if (standIn !== undefined) {
      replacement.apply();
      if (wanted.programs !== undefined) test(final, maps);
    }
    onFailure(() => putBack(pins, record, changeover.relays, ours));
    putOn(pins, record, final, ours);
    onFailure(() => pins.writeRecord(record));
    pins.writeRecord(next);
  });
  afterwards(pins.name, () => tidy(pins, shadow));
  return replacement.summary;
}

function withIds(record: InstanceRecord, programs: Programs): InstanceRecord {
  const idOf = (direction: Direction) => ({
    ...record.programs[direction],
    id: programs[direction].info.id,
  });
  return { ...record, programs: { outbound: idOf('outbound'), inbound: idOf('inbound') } };
}

/** Takes back a change that the word has not made. */
export function undo(pins: Pins, shadow: Pins): void {
  const record = attempt(() => pins.record());
  if (record !== undefined) {
    using former = openPrograms(pins);
    putBack(pins, record, former.programs, programIds([shadow]));
    detachLinks(shadow);
    undoFilters(shadow, record);
    wake(pins, record);
    const next = attempt(() => shadow.record());
    leaveDevicesFor(pins, next ?? record, record);
  }
  shadow.remove();
  endWork(pins);
}

/** Completes a change that the word has made, however far it has come. */
export function complete(pins: Pins, shadow: Pins): void {
  const next = shadow.record();
  using made = openPrograms(shadow);
  using former = openPrograms(pins);
  const slot = hasSlotProgram(next) ? (made.programs.slot ?? former.programs.slot) : undefined;
  using own = openMaps(pins, next.capacity);
  using standIn = StandIn.open(shadow);
  new Replacement(own.maps, standIn.contents()).apply();
  const programs = { ...former.programs, ...made.programs, slot };
  putBack(pins, next, programs, programIds([pins, shadow]));
  pins.writeRecord(next);
  tidy(pins, shadow);
}

/** The last of an attach, when packets are translated already: the hooks run the programs themselves. */
export function settleAttach(pins: Pins, shadow: Pins, record: InstanceRecord, programs: Programs): void {
  putOn(shadow, record, programs, programIds([shadow]));
  renamePin(shadow.folder, pins.folder);
}

/** What is left to do once the hooks run the final programs and the record names them. */
function tidy(pins: Pins, shadow: Pins): void {
  using standIn = StandIn.open(shadow);
  if (Object.keys(standIn.maps).length > 0) {
    using own = openMaps(pins, pins.record().capacity);
    waitForPrograms();
    settle(standIn.maps, own.maps);
  }
  if (!hasSlotProgram(pins.record())) removePin(pins.path('progs/slot'));
  for (const role of ROLES) {
    if (shadow.has(`progs/${role}`)) renamePin(shadow.path(`progs/${role}`), pins.path(`progs/${role}`));
  }
  settleXdp(pins, shadow);
  settleRedirect(pins, shadow);
  wake(pins, pins.record());
  leaveDevicesFor(pins, pins.record(), pins.record());
  shadow.remove();
  endWork(pins);
}

/** Takes the entry off interfaces that have it for nothing. @param blocks the record that knows where it may be */
function leaveDevicesFor(pins: Pins, blocks: InstanceRecord, record: InstanceRecord): void {
  if (blocks.slots.blocks !== undefined) {
    using own = openMaps(pins, record.capacity);
    leaveStrays(pins, blocks, own.maps);
  }
  if (!hasSlotProgram(record)) forgetSlotProgram(pins);
}

/** The programs that are pinned here. */
export function openPrograms(
  pins: Pins,
): Disposable & { readonly programs: Partial<Programs> & Pick<Programs, 'slot'> } {
  const found: { [R in Role]?: BpfProgram } = {};
  const close = (): void => {
    for (const program of Object.values(found)) program.close();
  };
  try {
    for (const role of ROLES) {
      const program = attempt(() => pinnedProgram(pins, role));
      if (program !== undefined) found[role] = program;
    }
    return { programs: { ...found, slot: found.slot }, [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}
