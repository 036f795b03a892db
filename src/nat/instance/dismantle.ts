// Takes an instance apart, however much of it there is: a whole one, a half-present one, or what a failed or killed
// attach left in the shadow folder. And makes good what a killed replace left.

import {
  type BpfProgram,
  isFilterOf,
  NetlinkSocket,
  renamePin,
  replaceFilter,
  withNetns,
} from '../../loader/index.ts';
import { DIRECTIONS, type Direction } from '../reason.ts';
import { findNamespace } from './namespace.ts';
import { listNames, Pins } from './pins.ts';
import { attempt, detachFilters, detachLinks, placeOf, programIds } from './placement.ts';
import type { InstanceRecord } from './record.ts';

/** Takes off the programs, then removes the pins, so that what fails can be tried again. */
export function dismantle(...folders: readonly Pins[]): void {
  const ours = programIds(folders);
  const record = folders.map((pins) => attempt(() => pins.record())).find((found) => found !== undefined);
  for (const pins of folders) detachLinks(pins);
  const qdiscStays = ours.size > 0 && detachFilters(record, ours);
  if (qdiscStays && record !== undefined && folders[0] !== undefined) bequeath(folders[0], record);
  for (const pins of folders.toReversed()) {
    attempt(() => pins.revoke());
    pins.remove();
  }
}

/** Another instance on the same qdisc becomes the one that deletes it in the end. */
function bequeath({ instances, name: own }: Pins, record: InstanceRecord): void {
  for (const name of listNames(instances)) {
    const heir = new Pins(instances, name);
    const theirs = name === own ? undefined : attempt(() => heir.record());
    const shares =
      theirs?.hook === 'clsact' &&
      theirs.ifindex === record.ifindex &&
      theirs.netnsInode === record.netnsInode;
    if (!shares) continue;
    heir.writeRecord({ ...theirs, madeQdisc: true });
    return;
  }
}

/**
 * Cleans up after a command on this instance that was killed. To be called with the lock held.
 * A killed attach is undone; a killed replace is undone unless its record was written already, then completed.
 */
export function recover(instances: string, name: string): void {
  const shadow = new Pins(instances, name, true);
  if (!shadow.exist) return;
  const pins = new Pins(instances, name);
  const record = attempt(() => pins.record());
  if (!pins.exist || record === undefined) {
    // Without the instance's own record there is nothing to complete.
    if (!pins.exist) dismantle(shadow);
    return;
  }
  for (const direction of DIRECTIONS) settle(pins, shadow, record, direction);
  shadow.remove();
}

/** Makes the hook run, and the pin be, the program that the record names. */
function settle(pins: Pins, shadow: Pins, record: InstanceRecord, direction: Direction): void {
  using mine = attempt(() => pins.program(direction));
  using other = attempt(() => shadow.program(direction));
  if (other === undefined) return;
  const isOther = other.info.id === record.programs[direction].id;
  const wanted = isOther ? other : mine;
  if (wanted !== undefined) {
    const unwanted = isOther ? mine : other;
    attempt(() => ensureRuns(pins, record, direction, wanted, unwanted));
  }
  if (isOther) renamePin(shadow.path(`progs/${direction}`), pins.path(`progs/${direction}`));
}

function ensureRuns(
  pins: Pins,
  record: InstanceRecord,
  direction: Direction,
  wanted: BpfProgram,
  unwanted: BpfProgram | undefined,
): void {
  if (record.hook === 'tcx') {
    using link = pins.link(direction);
    if (link.info.programId !== wanted.info.id) link.update(wanted);
    return;
  }
  const where = findNamespace(record);
  if (where === undefined || unwanted === undefined) return;
  const place = placeOf(record, direction);
  withNetns(where.enter, () => {
    using socket = new NetlinkSocket();
    if (isFilterOf(socket, record.ifindex, place, unwanted.info.id)) {
      replaceFilter(socket, record.ifindex, place, wanted);
    }
  });
}
