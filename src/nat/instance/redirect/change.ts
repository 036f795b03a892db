// Redirect through the changes of an instance, while it rests: its program is made and put on new interfaces beside what is
// there, before the change is decided; taken over, or taken off again, when it is. The record says beforehand which
// interfaces those are, so that whoever finds the change unfinished knows where to look.

import {
  attach,
  type BpfProgram,
  deleteClsactIfEmpty,
  findInterface,
  listFilters,
  loadProgram,
  NetlinkSocket,
  removePin,
  renamePin,
  replaceFilter,
  withNetns,
} from '../../../loader/index.ts';
import { redirectProgram } from '../../datapath/redirect/index.ts';
import { attempt } from '../attempt.ts';
import type { Owned } from '../contents.ts';
import { findNamespace } from '../namespace.ts';
import { REDIRECT_PROGRAM, redirectLink } from '../pin-parts.ts';
import { pinnedRedirectLink, pinnedRedirectProgram } from '../pinned.ts';
import type { Pins } from '../pins.ts';
import { deleteOurs } from '../placement.ts';
import { datapathOptions, type InstanceRecord, sidesOf } from '../record.ts';

/** Makes in the shadow what is not in `pins` yet: the program, and its places on interfaces that have none. */
export function prepareRedirect(pins: Pins, shadow: Pins, maps: Owned, record: InstanceRecord): void {
  const { hook } = record;
  const sides = sidesOf(record);
  if (sides === undefined) return;
  using program = loadProgram(redirectProgram(datapathOptions(record), sides), maps);
  program.pin(shadow.path(REDIRECT_PROGRAM));
  inNamespace(record, (socket) => {
    for (const ifindex of sides.insides) {
      // One that is gone since it was asked for is no reason to change nothing: status tells of it.
      if (findInterface(socket, ifindex) === undefined || runs(socket, pins, record, ifindex)) continue;
      const attachment = attach({ socket, hook, direction: 'ingress', interface: ifindex, program });
      if (attachment.hook === 'clsact') continue;
      using link = attachment.link;
      link?.pin(shadow.path(redirectLink(ifindex)));
    }
  });
}

/** Whether the program that is pinned there is on the interface. */
export function runs(socket: NetlinkSocket, pins: Pins, record: InstanceRecord, ifindex: number): boolean {
  if (record.hook === 'tcx') {
    if (!pins.has(redirectLink(ifindex))) return false;
    using link = attempt(() => pinnedRedirectLink(pins, ifindex));
    return link?.info.ifindex === ifindex;
  }
  using program = attempt(() => pinnedRedirectProgram(pins));
  return program !== undefined && filtersOf(socket, ifindex, program).length > 0;
}

/** Brings redirect to what the record says, with what the shadow has for it. Again is no error. */
export function settleRedirect(pins: Pins, shadow: Pins): void {
  const record = pins.record();
  const { redirect } = record;
  const insides = new Set(redirect?.insides);
  const isNew = shadow.has(REDIRECT_PROGRAM);
  for (const ifindex of pins.redirectLinks()) {
    if (!insides.has(ifindex)) drop(pins, ifindex);
    else if (isNew) update(pins, shadow, ifindex);
  }
  for (const ifindex of shadow.redirectLinks()) {
    renamePin(shadow.path(redirectLink(ifindex)), pins.path(redirectLink(ifindex)));
  }
  if (redirect !== undefined && record.hook === 'clsact') settleFilters(pins, shadow, record, redirect);
  if (insides.size === 0) removePin(pins.path(REDIRECT_PROGRAM));
  // It goes last: as long as it is here, interfaces may run what is older.
  else if (isNew) renamePin(shadow.path(REDIRECT_PROGRAM), pins.path(REDIRECT_PROGRAM));
  if (redirect !== undefined && redirect.leaving.length > 0)
    pins.writeRecord(withoutLeaving(record, redirect));
}

type Redirect = NonNullable<InstanceRecord['redirect']>;

function withoutLeaving(record: InstanceRecord, { insides, madeQdiscs }: Redirect): InstanceRecord {
  if (insides.length === 0) return { ...record, redirect: undefined };
  const made = madeQdiscs.filter((index) => insides.includes(index));
  return { ...record, redirect: { insides, leaving: [], madeQdiscs: made } };
}

function drop(pins: Pins, ifindex: number): void {
  using link = attempt(() => pinnedRedirectLink(pins, ifindex));
  if (link !== undefined && link.info.ifindex !== 0) link.detach();
  removePin(pins.path(redirectLink(ifindex)));
}

function update(pins: Pins, shadow: Pins, ifindex: number): void {
  using link = attempt(() => pinnedRedirectLink(pins, ifindex));
  if (link === undefined || link.info.ifindex === 0) return;
  using program = pinnedRedirectProgram(shadow);
  link.update(program);
}

function settleFilters(pins: Pins, shadow: Pins, record: InstanceRecord, redirect: Redirect): void {
  const { insides, leaving, madeQdiscs } = redirect;
  const ours = idsOf(pins, shadow);
  using former = attempt(() => pinnedRedirectProgram(pins));
  using next = attempt(() => pinnedRedirectProgram(shadow));
  inNamespace(record, (socket) => {
    for (const ifindex of insides) {
      if (former === undefined || next === undefined) break;
      for (const place of filtersOf(socket, ifindex, former)) replaceFilter(socket, ifindex, place, next);
    }
    for (const ifindex of leaving) takeOff(socket, ifindex, ours, madeQdiscs.includes(ifindex));
  });
}

/**
 * Takes off the filters that only the shadow's change has put on interfaces, which its record names.
 *
 * @param former the record that holds again
 */
export function undoFilters(shadow: Pins, former: InstanceRecord): void {
  const next = attempt(() => shadow.record());
  if (next?.redirect === undefined || next.hook !== 'clsact') return;
  const { redirect } = next;
  const ours = idsOf(shadow);
  const kept = former.redirect?.madeQdiscs ?? [];
  inNamespace(next, (socket) => {
    for (const ifindex of redirect.insides) {
      takeOff(socket, ifindex, ours, redirect.madeQdiscs.includes(ifindex) && !kept.includes(ifindex));
    }
  });
}

/** Takes off every filter of redirect that the record knows of. */
export function detachInsideFilters(record: InstanceRecord, ours: ReadonlySet<number>): void {
  const { redirect } = record;
  if (redirect === undefined || record.hook !== 'clsact') return;
  inNamespace(record, (socket) => {
    for (const ifindex of [...redirect.insides, ...redirect.leaving]) {
      takeOff(socket, ifindex, ours, redirect.madeQdiscs.includes(ifindex));
    }
  });
}

/** Of redirect alone: others of the instance may sit on the same interfaces. */
function idsOf(...folders: readonly Pins[]): Set<number> {
  const ids = new Set<number>();
  for (const pins of folders) {
    using program = attempt(() => pinnedRedirectProgram(pins));
    if (program !== undefined) ids.add(program.info.id);
  }
  return ids;
}

function takeOff(
  socket: NetlinkSocket,
  ifindex: number,
  ours: ReadonlySet<number>,
  madeQdisc: boolean,
): void {
  if (findInterface(socket, ifindex) === undefined) return;
  deleteOurs(socket, ifindex, ours);
  if (madeQdisc) deleteClsactIfEmpty(socket, ifindex);
}

const filtersOf = (socket: NetlinkSocket, ifindex: number, { info: { id } }: BpfProgram) =>
  listFilters(socket, ifindex, 'ingress').filter(({ kind, programId }) => kind === 'bpf' && programId === id);

/** Without the namespace nothing is to be done. */
function inNamespace(record: InstanceRecord, run: (socket: NetlinkSocket) => void): void {
  const where = findNamespace(record);
  if (where === undefined) return;
  withNetns(where.enter, () => {
    using socket = new NetlinkSocket();
    run(socket);
  });
}
