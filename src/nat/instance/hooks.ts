// What the hooks of an instance run, and putting another program there: never on the program of somebody else. To the
// devices of slots the jump table is the hook (slots/entry.ts).

import { type BpfProgram, listFilters, NetlinkSocket, replaceFilter, withNetns } from '../../loader/index.ts';
import { DIRECTIONS, type Direction } from '../reason.ts';
import { attempt } from './attempt.ts';
import type { Programs } from './changeover.ts';
import { InstanceError } from './error.ts';
import { findNamespace } from './namespace.ts';
import { pinnedLink } from './pinned.ts';
import type { Pins } from './pins.ts';
import { placeOf } from './placement.ts';
import type { InstanceRecord } from './record.ts';
import type { Role } from './roles.ts';
import { openSlotProgram, SLOT_PROGRAM_KEY } from './slots/entry.ts';

/** What a hook runs: a program's identifier, or why that cannot be said. */
type Running = number | 'gone';

/**
 * Makes the hooks run `wanted`, inbound first, wherever they run one of the programs `ours`.
 *
 * @param pins where the links are pinned
 * @throws InstanceError with code `EHALF` where a hook is gone or runs another program.
 */
export function putOn(pins: Pins, record: InstanceRecord, wanted: Programs, ours: ReadonlySet<number>): void {
  for (const [role, running] of exchange(pins, record, wanted, ours)) {
    const why =
      running === 'gone' ? 'its hook is gone' : `its hook runs program ${running}, which is not ours`;
    throw new InstanceError('EHALF', `instance '${pins.name}': ${role}: ${why}`);
  }
}

/** The same where that is possible. Without the namespace nothing is to be done. */
export function putBack(
  pins: Pins,
  record: InstanceRecord,
  wanted: Partial<Programs>,
  ours: ReadonlySet<number>,
): void {
  exchange(pins, record, wanted, ours);
}

function exchange(
  pins: Pins,
  record: InstanceRecord,
  wanted: Partial<Programs>,
  ours: ReadonlySet<number>,
): [Role, Running][] {
  const slot = inTable(pins, wanted.slot);
  const others = exchangePair(pins, record, wanted, ours);
  return slot === undefined ? others : [...others, ['slot', slot]];
}

function exchangePair(
  pins: Pins,
  record: InstanceRecord,
  wanted: Partial<Programs>,
  ours: ReadonlySet<number>,
): [Direction, Running][] {
  const directions = DIRECTIONS.toReversed();
  if (record.hook === 'tcx') {
    return refusals(directions, (direction) => onLink(pins, direction, wanted[direction], ours));
  }
  const where = findNamespace(record);
  if (where === undefined) return directions.map((direction) => [direction, 'gone']);
  return withNetns(where.enter, () => {
    using socket = new NetlinkSocket();
    return refusals(directions, (direction) => onFilter(socket, record, direction, wanted[direction], ours));
  });
}

function refusals(
  directions: readonly Direction[],
  run: (direction: Direction) => Running | undefined,
): [Direction, Running][] {
  return directions.flatMap((direction) => {
    const refusal = run(direction);
    return refusal === undefined ? [] : [[direction, refusal]];
  });
}

/** @returns undefined when it runs `wanted` now. */
function onLink(
  pins: Pins,
  direction: Direction,
  wanted: BpfProgram | undefined,
  ours: ReadonlySet<number>,
): Running | undefined {
  using link = attempt(() => pinnedLink(pins, direction));
  if (link === undefined || wanted === undefined) return 'gone';
  const { ifindex, programId } = link.info;
  if (ifindex === 0) return 'gone';
  if (programId === wanted.info.id) return undefined;
  if (!ours.has(programId)) return programId;
  link.update(wanted);
  return undefined;
}

function onFilter(
  socket: NetlinkSocket,
  record: InstanceRecord,
  direction: Direction,
  wanted: BpfProgram | undefined,
  ours: ReadonlySet<number>,
): Running | undefined {
  const place = placeOf(record, direction);
  const running = listFilters(socket, record.ifindex, place.direction).find(
    ({ priority, handle, kind }) => kind === 'bpf' && priority === place.priority && handle === place.handle,
  )?.programId;
  if (running === undefined || wanted === undefined) return 'gone';
  if (running === wanted.info.id) return undefined;
  if (!ours.has(running)) return running;
  replaceFilter(socket, record.ifindex, place, wanted);
  return undefined;
}

/**
 * Nobody but this instance has the table. Where no program is wanted it keeps what it names until no device goes there
 * any more (`forgetSlotProgram`): an empty one drops.
 *
 * @returns undefined when it names `wanted` now.
 */
function inTable(pins: Pins, wanted: BpfProgram | undefined): Running | undefined {
  if (wanted === undefined) return undefined;
  using table = attempt(() => openSlotProgram(pins));
  if (table === undefined) return 'gone';
  if (table.get(SLOT_PROGRAM_KEY) !== wanted.info.id) table.set(SLOT_PROGRAM_KEY, wanted.fd);
  return undefined;
}
