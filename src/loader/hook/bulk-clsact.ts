// Filters on many interfaces: all qdiscs before all filters, so that the grace period that a first filter waits for
// is over by then.

import type { HookDirection } from '../bpf/mprog.ts';
import { LoaderError } from '../errors.ts';
import { addFilter } from '../netlink/filter.ts';
import { addRequest, type FilterPlace, type FilterWish, siteOf } from '../netlink/filter-request.ts';
import { addClsactRequest, clsactTaken, listClsacts } from '../netlink/qdisc.ts';
import { type BatchRequest, forInterfaces, type Subject } from '../netlink/request.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import type { BpfProgram } from '../program.ts';
import { detachFilter } from './clsact.ts';

/** One of many interfaces. */
export interface Target {
  /** As it was given. */
  readonly which: string | number;
  readonly ifindex: number;
}

/** What became of one interface: what its attachment has beyond the others', or an error. */
export type Outcome = object | LoaderError;

export function outcomeOf(run: () => object): Outcome {
  try {
    return run();
  } catch (error) {
    if (error instanceof LoaderError) return error;
    throw error;
  }
}

/** The same request for each target. @returns what went wrong with each. */
export function batch(
  socket: NetlinkSocket,
  action: string,
  targets: readonly Target[],
  template: BatchRequest,
): (LoaderError | undefined)[] {
  const requests = forInterfaces(
    template,
    targets.map(({ ifindex }) => ifindex),
  );
  return socket.batch(requests, (i): Subject => {
    const object = `interface '${targets[i]?.which}'`;
    return { request: 'a batch', what: `cannot ${action} ${object}`, object };
  });
}

/** Sees to it that there is a clsact qdisc. @returns for each whether it was made now, or why there can be none. */
export function makeQdiscs(
  socket: NetlinkSocket,
  targets: readonly Target[],
  directions: readonly HookDirection[],
): (boolean | LoaderError)[] {
  const errors = batch(socket, 'add the clsact qdisc to', targets, addClsactRequest(0));
  const found = errors.some((error) => error?.code === 'EEXIST') ? listClsacts(socket) : undefined;
  return errors.map((error, i) => {
    if (error === undefined) return true;
    if (error.code !== 'EEXIST') return error;
    // There is one already; its older half will do for the ingress.
    const { ifindex } = targets[i] as Target;
    const kind = found?.get(ifindex)?.kind;
    const serves = kind === 'clsact' || (kind === 'ingress' && !directions.includes('egress'));
    return serves ? false : clsactTaken(ifindex, kind, error);
  });
}

/** The kernel's own first choice (tcf_auto_prio in net/sched/cls_api.c). */
const FIRST_PRIORITY = 0xc000;
const FIRST_HANDLE = 1;

/** Where filters are tried to be put. */
export const placeOf = (
  direction: HookDirection,
  { priority = FIRST_PRIORITY, handle = FIRST_HANDLE, chain = 0 }: FilterWish,
): FilterPlace => ({ direction, priority, handle, ...(chain !== 0 && { chain }) });

/** @param made whether the qdisc of each is new */
export function attachFilters(
  socket: NetlinkSocket,
  targets: readonly Target[],
  made: readonly boolean[],
  direction: HookDirection,
  program: BpfProgram,
  { priority, handle, chain }: FilterWish,
): Outcome[] {
  const wish = {
    ...(priority !== undefined && { priority }),
    ...(handle !== undefined && { handle }),
    ...(chain !== undefined && { chain }),
  };
  const place = placeOf(direction, wish);
  const errors = batch(
    socket,
    `add a filter to the ${direction} of`,
    targets,
    addRequest(siteOf(0, direction), program, place),
  );
  return errors.map((error, i) => {
    const madeQdisc = made[i] === true;
    if (error === undefined) return { place, madeQdisc };
    // The place is taken; where no other is insisted on, the kernel shall find one.
    if (priority !== undefined || handle !== undefined || error.code === 'ENODEV') return error;
    const { ifindex } = targets[i] as Target;
    return outcomeOf(() => ({ place: addFilter(socket, ifindex, direction, program, wish), madeQdisc }));
  });
}

/** Removes what may be there. Of what failed there is nothing to report but the failure itself. */
export function clearFilter(
  socket: NetlinkSocket,
  ifindex: number,
  place: FilterPlace,
  program: BpfProgram,
  madeQdisc: boolean,
): void {
  outcomeOf(() => ({ removed: detachFilter(socket, ifindex, place, program.info.id, madeQdisc) }));
}
