// Changes a running instance wholly or not at all, for packets as for whoever kills the command: new programs, new
// contents, or both. Everything new is made beside the old, in the shadow folder; one word turns both directions to
// it; then the instance itself is brought to the same, unseen, and takes over again. New contents stand in tables of
// their own meanwhile (stand-in.ts), so the maps of the instance stay the ones others have open.

import { type BpfProgram, renamePin, waitForPrograms } from '../../loader/index.ts';
import type { Mapping } from '../mapping.ts';
import { DIRECTIONS, type Direction } from '../reason.ts';
import { Changeover, type Pair } from './changeover.ts';
import type { Contents, Owned } from './contents.ts';
import { InstanceError } from './error.ts';
import { putBack, putOn } from './hooks.ts';
import type { Making } from './making.ts';
import { openMaps } from './own-maps.ts';
import { loadPair } from './pair.ts';
import { Pins } from './pins.ts';
import { attempt, detachLinks, programIds } from './placement.ts';
import { datapathOptions, type InstanceRecord } from './record.ts';
import { prepareRedirect, settleRedirect, undoFilters } from './redirect/change.ts';
import { type Replaced, Replacement } from './replacement.ts';
import { settle } from './settlement.ts';
import { StandIn } from './stand-in.ts';
import { rest, wake } from './stations.ts';
import { allOrNothing } from './undo.ts';
import { prepareXdp, settleXdp, type XdpWish } from './xdp/change.ts';

export interface Wanted {
  /** The record as it is to be; the programs' identifiers are filled in. */
  readonly record: InstanceRecord;
  /** New programs on the instance's own maps; left out, they stay. */
  readonly programs?: Pair;
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
  using outbound = pins.program('outbound');
  using inbound = pins.program('inbound');
  const former = { outbound, inbound };
  const final = wanted.programs ?? former;
  allOrNothing((onFailure) => {
    onFailure(() => shadow.exist && undo(pins, shadow));
    shadow.make();
    rest(maps);
    const xdp = prepareXdp(pins, shadow, maps, wanted);
    const next = { ...withIds(wanted.record, final), xdp };
    shadow.pinRecord(next);
    if (wanted.programs !== undefined) prepareRedirect(pins, shadow, maps, next);
    if (wanted.programs !== undefined) {
      for (const direction of DIRECTIONS) final[direction].pin(shadow.path(`progs/${direction}`));
    }
    using standIn = replacement.isNone ? undefined : StandIn.make(shadow, contents);
    using between =
      standIn &&
      loadPair(making.datapath(datapathOptions(wanted.record)), { ...maps, ...standIn.maps } as Owned);
    const test = (pair: Pair, own: Owned): void =>
      making.selfTest(pins.name, pair, own, wanted.mappings, wanted.record);
    if (between !== undefined) test(between.pair, { ...maps, ...standIn?.maps } as Owned);
    else test(final, maps);
    using changeover = Changeover.make(shadow, { former, next: between?.pair ?? final });
    const ours = programIds([pins, shadow]);
    putOn(pins, record, changeover.relays, ours);
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

function withIds(record: InstanceRecord, pair: Pair): InstanceRecord {
  const idOf = (direction: Direction) => ({
    ...record.programs[direction],
    id: pair[direction].info.id,
  });
  return { ...record, programs: { outbound: idOf('outbound'), inbound: idOf('inbound') } };
}

/** Takes back a change that the word has not made. */
export function undo(pins: Pins, shadow: Pins): void {
  const record = attempt(() => pins.record());
  if (record !== undefined) {
    using former = openPair(pins);
    putBack(pins, record, former.pair, programIds([shadow]));
    detachLinks(shadow);
    undoFilters(shadow, record);
    wake(pins, record);
  }
  shadow.remove();
}

/** Completes a change that the word has made, however far it has come. */
export function complete(pins: Pins, shadow: Pins): void {
  const next = shadow.record();
  using made = openPair(shadow);
  using former = openPair(pins);
  using own = openMaps(pins, next.capacity);
  using standIn = StandIn.open(shadow);
  new Replacement(own.maps, standIn.contents()).apply();
  putBack(pins, next, { ...former.pair, ...made.pair }, programIds([pins, shadow]));
  pins.writeRecord(next);
  tidy(pins, shadow);
}

/** The last of an attach, when packets are translated already: the hooks run the programs themselves. */
export function settleAttach(pins: Pins, shadow: Pins, record: InstanceRecord, pair: Pair): void {
  putOn(shadow, record, pair, programIds([shadow]));
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
  for (const direction of DIRECTIONS) {
    if (!shadow.has(`progs/${direction}`)) continue;
    renamePin(shadow.path(`progs/${direction}`), pins.path(`progs/${direction}`));
  }
  settleXdp(pins, shadow);
  settleRedirect(pins, shadow);
  wake(pins, pins.record());
  shadow.remove();
}

/**
 * What comes after an instance is as it was asked to be; once more if it fails.
 *
 * @throws InstanceError with code `EDONE`
 */
export function afterwards<T>(name: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof InstanceError) throw error;
  }
  try {
    return run();
  } catch (error) {
    if (error instanceof InstanceError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    const message = `instance '${name}' is as it was asked to be, but what came after that failed: ${why}; 'tsnat status ${name}' shows it, and removes what was left over`;
    throw new InstanceError('EDONE', message, error);
  }
}

/** Runs both, the second one also where the first is done but for the clearing up, which is told in the end. */
export function inTurn<T>(first: () => T, second: () => void): T {
  const done = (() => {
    try {
      return { result: first() };
    } catch (late) {
      if (late instanceof InstanceError && late.code === 'EDONE') return { late };
      throw late;
    }
  })();
  second();
  if ('late' in done) throw done.late;
  return done.result;
}

export function openPair(pins: Pins): Disposable & { readonly pair: Partial<Pair> } {
  const pair: { [D in Direction]?: BpfProgram } = {};
  const close = (): void => {
    for (const program of Object.values(pair)) program.close();
  };
  try {
    for (const direction of DIRECTIONS) {
      const program = attempt(() => pins.program(direction));
      if (program !== undefined) pair[direction] = program;
    }
    return { pair, [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}
