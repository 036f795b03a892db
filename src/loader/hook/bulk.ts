// One program on thousands of interfaces of one network namespace: netlink requests go out in batches, links are made
// one by one. All or nothing, unless the caller wants to keep what worked.

import { PROGRAM_TYPES } from '../bpf/abi.ts';
import type { HookDirection } from '../bpf/mprog.ts';
import { LoaderError } from '../errors.ts';
import { addFilter, addFilterRequest, type FilterPlace, type FilterWish } from '../netlink/filter.ts';
import { findIndexes } from '../netlink/interface-index.ts';
import { addClsactRequest, ensureClsact } from '../netlink/qdisc.ts';
import { type BatchRequest, forInterfaces, NetlinkSocket, type Subject } from '../netlink/socket.ts';
import { type XdpMode, xdpRequest } from '../netlink/xdp.ts';
import { netnsInode } from '../netns.ts';
import type { BpfProgram } from '../program.ts';
import { requireFitting, within } from './attach.ts';
import { detachMany } from './bulk-change.ts';
import { BulkError, type BulkFailure } from './bulk-error.ts';
import { detachFilter } from './clsact.ts';
import { attachOrderedProgram } from './ordered.ts';
import type { Attachment, AttachOptions, HookKind } from './types.ts';
import { attachXdp, explainXdpError, NOT_THE_DRIVER } from './xdp.ts';

export interface BulkOptions extends Omit<AttachOptions, 'interface' | 'anchor' | 'expectedRevision'> {
  /** Names or indexes, each once. */
  readonly interfaces: readonly (string | number)[];
  /**
   * `auto` is clsact, and XDP for XDP programs: at each attach to TCX the kernel waits for a grace period of RCU,
   * which for thousands adds up to minutes.
   */
  readonly hook: HookKind | 'auto';
  /** `undo`, the default, takes everything off again when something fails, and throws; `keep` keeps what worked. */
  readonly onFailure?: 'undo' | 'keep';
}

export interface BulkResult {
  /** In the order of the interfaces, without those that failed. */
  readonly attachments: readonly Attachment[];
  /** Empty unless `onFailure` is `keep`. */
  readonly failures: readonly BulkFailure[];
}

interface Target {
  readonly which: string | number;
  readonly ifindex: number;
}

/** What became of one interface: what its attachment has beyond the others', or an error. */
type Outcome = object | LoaderError;

/**
 * Attaches one program to many interfaces.
 *
 * @throws BulkError with every interface that failed and why, and nothing left attached; RangeError for an
 * interface that is named twice; otherwise as `attach`.
 */
export function attachMany(options: BulkOptions): BulkResult {
  const { interfaces, program, direction = 'ingress', netns, onFailure = 'undo' } = options;
  const hook = options.hook === 'auto' ? defaultHook(program) : options.hook;
  requireFitting(hook, direction, { ...options, hook });
  return within(options, (socket) => {
    const failures: BulkFailure[] = [];
    const fail = (which: string | number, error: LoaderError) => failures.push({ interface: which, error });
    const targets = resolve(interfaces, fail);
    const attachments: Attachment[] = [];
    if (failures.length === 0 || onFailure === 'keep') {
      const common = { hook, direction, netns, netnsInode: netnsInode(), programId: program.info.id };
      const outcomes = attachAll(socket, hook, targets, direction, options);
      for (const [i, { which, ifindex }] of targets.entries()) {
        const outcome = outcomes[i];
        if (outcome instanceof LoaderError) fail(which, outcome);
        else attachments.push({ ...common, ifindex, ...outcome } as Attachment);
      }
    }
    if (failures.length === 0 || onFailure === 'keep') return { attachments, failures };
    const left = detachMany(attachments, socket).failures;
    const outcome =
      left.length === 0 ? 'nothing stays attached' : `${left.length} could not be detached again`;
    throw new BulkError('attach to', interfaces.length, failures, outcome);
  });
}

const defaultHook = (program: BpfProgram): HookKind =>
  program.info.type === PROGRAM_TYPES.xdp ? 'xdp' : 'clsact';

function resolve(
  interfaces: readonly (string | number)[],
  fail: (which: string | number, error: LoaderError) => void,
): Target[] {
  const targets: Target[] = [];
  const seen = new Map<number, string | number>();
  const indexes = findIndexes(interfaces);
  for (const [i, which] of interfaces.entries()) {
    const ifindex = indexes[i];
    if (ifindex === undefined) {
      const what = `there is no interface '${which}' in this network namespace (ENODEV)`;
      fail(which, new LoaderError(what, { code: 'ENODEV', object: `${which}` }));
      continue;
    }
    const former = seen.get(ifindex);
    if (former !== undefined) throw new RangeError(`interfaces '${former}' and '${which}' are the same`);
    seen.set(ifindex, which);
    targets.push({ which, ifindex });
  }
  return targets;
}

function attachAll(
  socket: NetlinkSocket,
  hook: HookKind,
  targets: readonly Target[],
  direction: HookDirection,
  options: BulkOptions,
): Outcome[] {
  const { program, link, mode = 'auto' } = options;
  if (hook === 'clsact') return attachFilters(socket, targets, direction, program, options);
  if (hook === 'xdp') {
    if (link === false) return attachXdps(socket, targets, program, mode);
    return targets.map(({ ifindex }) => outcomeOf(() => attachXdp(socket, ifindex, program, { mode })));
  }
  const place = link === undefined ? {} : { link };
  return targets.map(({ ifindex }) =>
    outcomeOf(() => ({ link: attachOrderedProgram(program, { hook, ifindex, direction }, place) })),
  );
}

function outcomeOf(run: () => object): Outcome {
  try {
    return run();
  } catch (error) {
    if (error instanceof LoaderError) return error;
    throw error;
  }
}

/** The kernel's own first choice (tcf_auto_prio in net/sched/cls_api.c). */
const FIRST_PRIORITY = 0xc000;
const FIRST_HANDLE = 1;

function attachFilters(
  socket: NetlinkSocket,
  targets: readonly Target[],
  direction: HookDirection,
  program: BpfProgram,
  { priority, handle, chain }: FilterWish,
): Outcome[] {
  const wish = {
    priority: priority ?? FIRST_PRIORITY,
    handle: handle ?? FIRST_HANDLE,
    ...(chain && { chain }),
  };
  const place: FilterPlace = { direction, ...wish };
  const outcomes = new Array<Outcome | undefined>(targets.length);
  const made = new Array<boolean>(targets.length).fill(false);
  const open = (): number[] => [...targets.keys()].filter((i) => outcomes[i] === undefined);
  try {
    // All qdiscs before all filters: then the grace period that a first filter waits for is over already.
    makeQdiscs(socket, targets, direction, made, outcomes);
    const some = open();
    const errors = batch(
      socket,
      `add a filter to the ${direction} of`,
      some.map((i) => targets[i] as Target),
      addFilterRequest(0, direction, program, wish),
    );
    // The place is taken, and no other was insisted on: the kernel shall find one.
    const flexible = priority === undefined && handle === undefined;
    for (const [at, i] of some.entries()) {
      const { ifindex } = targets[i] as Target;
      const madeQdisc = made[i] === true;
      const error = errors[at];
      const again = error !== undefined && flexible && error.code !== 'ENODEV';
      outcomes[i] = again
        ? outcomeOf(() => ({
            place: addFilter(socket, ifindex, direction, program, chain === undefined ? {} : { chain }),
            madeQdisc,
          }))
        : (error ?? { place, madeQdisc });
      if (madeQdisc && outcomes[i] instanceof LoaderError) clearAway(socket, ifindex, place, program, true);
    }
  } catch (error) {
    // It is not known what was done, nor whether this socket can be trusted.
    using other = new NetlinkSocket();
    for (const [i, { ifindex }] of targets.entries())
      clearAway(other, ifindex, place, program, made[i] === true);
    throw error;
  }
  return outcomes as Outcome[];
}

/** Notes in `made` which qdiscs are new, and in `outcomes` where there can be none. */
function makeQdiscs(
  socket: NetlinkSocket,
  targets: readonly Target[],
  direction: HookDirection,
  made: boolean[],
  outcomes: (Outcome | undefined)[],
): void {
  const errors = batch(socket, 'add the clsact qdisc to', targets, addClsactRequest(0));
  for (const [i, { ifindex }] of targets.entries()) {
    const error = errors[i];
    made[i] = error === undefined;
    if (error === undefined) continue;
    // There is one already: whether it will do is asked in particular.
    const outcome =
      error.code === 'EEXIST' ? outcomeOf(() => ({ made: ensureClsact(socket, ifindex, direction) })) : error;
    if (outcome instanceof LoaderError) outcomes[i] = outcome;
  }
}

/** Of what failed there is nothing to report but the failure itself. */
function clearAway(
  socket: NetlinkSocket,
  ifindex: number,
  place: FilterPlace,
  program: BpfProgram,
  madeQdisc: boolean,
): void {
  outcomeOf(() => ({ removed: detachFilter(socket, ifindex, place, program.info.id, madeQdisc) }));
}

function attachXdps(
  socket: NetlinkSocket,
  targets: readonly Target[],
  program: BpfProgram,
  mode: XdpMode | 'auto',
): Outcome[] {
  const first: XdpMode = mode === 'auto' ? 'native' : mode;
  const request = (wanted: XdpMode): BatchRequest =>
    xdpRequest({ ifindex: 0, mode: wanted, fd: program.fd, expected: 'none' });
  const outcomes: Outcome[] = batch(socket, `attach ${first} XDP to`, targets, request(first)).map(
    (error) => error ?? { mode: first, link: undefined },
  );
  const refused = [...outcomes.keys()].filter((i) => {
    const outcome = outcomes[i];
    return mode === 'auto' && outcome instanceof LoaderError && !NOT_THE_DRIVER.has(outcome.code);
  });
  const rest = refused.map((i) => targets[i] as Target);
  for (const [at, error] of batch(socket, 'attach generic XDP to', rest, request('generic')).entries()) {
    outcomes[refused[at] as number] = error ?? { mode: 'generic', link: undefined };
  }
  return outcomes.map((outcome, i) =>
    outcome instanceof LoaderError
      ? (explainXdpError(socket, (targets[i] as Target).ifindex, first, outcome) as LoaderError)
      : outcome,
  );
}

/** The same request for each target. @returns what went wrong with each. */
function batch(
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
