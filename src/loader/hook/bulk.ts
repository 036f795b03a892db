// Programs on thousands of interfaces of one network namespace: netlink requests go out in batches, links are made
// one by one. All or nothing, unless the caller wants to keep what worked; an interface is never left half done.

import { PROGRAM_TYPES } from '../bpf/abi.ts';
import type { HookDirection } from '../bpf/mprog.ts';
import { LoaderError } from '../errors.ts';
import { findIndexes } from '../netlink/interface-index.ts';
import type { BatchRequest } from '../netlink/request.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { type XdpMode, xdpRequest } from '../netlink/xdp.ts';
import { netnsInode } from '../netns.ts';
import type { BpfProgram } from '../program.ts';
import { requireFitting, within } from './attach.ts';
import { detachMany } from './bulk-change.ts';
import {
  attachFilters,
  batch,
  clearFilter,
  makeQdiscs,
  type Outcome,
  outcomeOf,
  placeOf,
  type Target,
} from './bulk-clsact.ts';
import { BulkError, type BulkFailure } from './bulk-error.ts';
import { resolveTargets } from './bulk-target.ts';
import { attachOrderedProgram } from './ordered.ts';
import type { Attachment, AttachOptions, HookKind } from './types.ts';
import { attachXdp, detachXdp, explainXdpError, NOT_THE_DRIVER } from './xdp.ts';

type SingleOnly = 'interface' | 'program' | 'direction' | 'anchor' | 'expectedRevision';

export interface BulkOptions extends Omit<AttachOptions, SingleOnly> {
  /** Names or indexes, each once. */
  readonly interfaces: readonly (string | number)[];
  /** What to attach to each of them, on one side or on both. */
  readonly programs: { readonly [D in HookDirection]?: BpfProgram };
  /**
   * `auto` is clsact, and XDP for XDP programs: at each attach to TCX the kernel waits for a grace period of RCU,
   * which for thousands adds up to minutes.
   */
  readonly hook: HookKind | 'auto';
  /** `undo`, the default, takes everything off again when something fails, and throws; `keep` keeps what worked. */
  readonly onFailure?: 'undo' | 'keep';
}

export interface BulkResult {
  /** One for each interface and side, without the interfaces that failed. */
  readonly attachments: readonly Attachment[];
  /** Empty unless `onFailure` is `keep`. */
  readonly failures: readonly BulkFailure[];
}

/** A program and where it goes. */
interface Side {
  readonly direction: HookDirection;
  readonly program: BpfProgram;
}

/**
 * Attaches to many interfaces.
 *
 * @throws BulkError with every interface that failed and why, and nothing left attached; RangeError for an
 * interface that is named twice; otherwise as `attach`.
 */
export function attachMany(options: BulkOptions): BulkResult {
  const { interfaces, programs, onFailure = 'undo' } = options;
  const sides = (['ingress', 'egress'] as const).flatMap((direction): Side[] => {
    const program = programs[direction];
    return program === undefined ? [] : [{ direction, program }];
  });
  const [first] = sides;
  if (first === undefined) throw new TypeError('attachMany: there is no program to attach');
  const isXdp = first.program.info.type === PROGRAM_TYPES.xdp;
  const hook = options.hook === 'auto' ? (isXdp ? 'xdp' : 'clsact') : options.hook;
  for (const side of sides) requireFitting(hook, side.direction, { ...options, ...side, hook });
  return within(options, (socket) => {
    const failures: BulkFailure[] = [];
    const targets = resolveTargets(interfaces, findIndexes(interfaces), failures);
    if (failures.length > 0 && onFailure === 'undo') throw refused(interfaces, failures, 0);
    const attachments = attachAll(socket, hook, targets, sides, options, failures);
    if (failures.length === 0 || onFailure === 'keep') return { attachments, failures };
    throw refused(interfaces, failures, detachMany(attachments, socket).failures.length);
  });
}

function refused(interfaces: readonly unknown[], failures: readonly BulkFailure[], stuck: number): BulkError {
  const outcome = stuck === 0 ? 'nothing stays attached' : `${stuck} could not be detached again`;
  return new BulkError('attach to', interfaces.length, failures, outcome);
}

/** @returns the attachments of the interfaces on which every side worked; the others are in `failures`. */
function attachAll(
  socket: NetlinkSocket,
  hook: HookKind,
  all: readonly Target[],
  sides: readonly Side[],
  options: BulkOptions,
  failures: BulkFailure[],
): Attachment[] {
  const inode = netnsInode();
  let made: readonly boolean[] = [];
  let targets = all;
  try {
    if (hook === 'clsact') {
      const directions = sides.map(({ direction }) => direction);
      const qdiscs = makeQdiscs(socket, all, directions);
      for (const [i, { which }] of all.entries()) {
        const error = qdiscs[i];
        if (error instanceof LoaderError) failures.push({ interface: which, error });
      }
      targets = all.filter((_, i) => !(qdiscs[i] instanceof LoaderError));
      made = qdiscs.filter((each) => typeof each === 'boolean');
    }
    const found = targets.map((): Attachment[] => []);
    const errors = new Map<number, LoaderError>();
    for (const { direction, program } of sides) {
      const common = { hook, direction, netns: options.netns, netnsInode: inode, programId: program.info.id };
      const outcomes = attachSide(socket, hook, targets, made, { direction, program }, options);
      for (const [i, outcome] of outcomes.entries()) {
        if (outcome instanceof LoaderError) errors.set(i, outcome);
        else found[i]?.push({ ...common, ifindex: targets[i]?.ifindex, ...outcome } as Attachment);
      }
    }
    for (const [i, error] of errors) {
      const { which, ifindex } = targets[i] as Target;
      failures.push({ interface: which, error });
      // What another side has got, and the qdisc where no side has got anything.
      detachMany(found[i] ?? [], socket);
      if (made[i]) {
        for (const { direction, program } of sides) {
          clearFilter(socket, ifindex, placeOf(direction, options), program, true);
        }
      }
    }
    return found.flatMap((each, i) => (errors.has(i) ? [] : each));
  } catch (error) {
    // It is not known what was done, nor whether this socket can be trusted.
    using other = new NetlinkSocket();
    for (const [i, { ifindex }] of targets.entries()) {
      for (const { direction, program } of sides) {
        if (hook === 'clsact') {
          clearFilter(other, ifindex, placeOf(direction, options), program, made[i] === true);
        } else if (hook === 'xdp' && options.link === false) {
          for (const mode of ['native', 'generic'] as const) {
            outcomeOf(() => ({ removed: detachXdp(other, ifindex, mode, program.info.id) }));
          }
        }
      }
    }
    throw error;
  }
}

function attachSide(
  socket: NetlinkSocket,
  hook: HookKind,
  targets: readonly Target[],
  made: readonly boolean[],
  { direction, program }: Side,
  options: BulkOptions,
): Outcome[] {
  const { link, mode = 'auto' } = options;
  if (hook === 'clsact') return attachFilters(socket, targets, made, direction, program, options);
  if (hook === 'xdp') {
    if (link === false) return attachXdps(socket, targets, program, mode);
    return targets.map(({ ifindex }) => outcomeOf(() => attachXdp(socket, ifindex, program, { mode })));
  }
  const place = link === undefined ? {} : { link };
  return targets.map(({ ifindex }) =>
    outcomeOf(() => ({ link: attachOrderedProgram(program, { hook, ifindex, direction }, place) })),
  );
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
  const refusedAt = [...outcomes.keys()].filter((i) => {
    const outcome = outcomes[i];
    return mode === 'auto' && outcome instanceof LoaderError && !NOT_THE_DRIVER.has(outcome.code);
  });
  const rest = refusedAt.map((i) => targets[i] as Target);
  for (const [at, error] of batch(socket, 'attach generic XDP to', rest, request('generic')).entries()) {
    outcomes[refusedAt[at] as number] = error ?? { mode: 'generic', link: undefined };
  }
  return outcomes.map((outcome, i) =>
    outcome instanceof LoaderError
      ? (explainXdpError(socket, (targets[i] as Target).ifindex, first, outcome) as LoaderError)
      : outcome,
  );
}
