// Swapping and taking off what was attached to many interfaces, in batches where that is possible.

import { LoaderError } from '../errors.ts';
import { decodeFilter } from '../netlink/filter.ts';
import {
  deleteRequest,
  type FilterPlace,
  type FilterSite,
  getRequest,
  replaceRequest,
  siteOf,
} from '../netlink/filter-request.ts';
import { deleteClsactRequest } from '../netlink/qdisc.ts';
import { type BatchRequest, forInterfaces } from '../netlink/request.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import { BpfProgram } from '../program.ts';
import { again, detach, requireFitting, swap } from './attach.ts';
import { BulkError, type BulkFailure } from './bulk-error.ts';
import { isClsactEmpty } from './clsact.ts';
import type { Attachment, ClsactAttachment } from './types.ts';

export interface BulkDetached {
  /** How many were there. */
  readonly detached: number;
  /** Those that could not be detached; the others are off nevertheless. */
  readonly failures: readonly BulkFailure[];
}

/** Takes everything off that is still ours; does not stop at a failure. */
export function detachMany(attachments: readonly Attachment[], socket?: NetlinkSocket): BulkDetached {
  const failures: BulkFailure[] = [];
  let detached = 0;
  const attempt = (ifindex: number, run: () => number): void => {
    try {
      detached += run();
    } catch (error) {
      if (!(error instanceof LoaderError)) throw error;
      failures.push({ interface: ifindex, error });
    }
  };
  const filters: ClsactAttachment[] = [];
  for (const attachment of attachments) {
    if (attachment.hook === 'clsact') filters.push(attachment);
    else attempt(attachment.ifindex, () => (detach(attachment, socket) ? 1 : 0));
  }
  for (const group of byNamespace(filters)) {
    const [first] = group;
    if (first === undefined) continue;
    try {
      again(first, socket, (open) => {
        const there = areThere(open, group);
        for (const [i, error] of there.entries()) {
          if (error instanceof LoaderError) failures.push({ interface: group[i]?.ifindex ?? 0, error });
        }
        const own = group.filter((_, i) => there[i] === true);
        const errors = open.batch(requestsAbout(own, deleteRequest), (i) =>
          subjectOf('cannot delete the filter of', own[i]?.ifindex),
        );
        for (const [i, error] of errors.entries()) {
          if (error !== undefined && error.code !== 'ENOENT' && error.code !== 'ENODEV') {
            failures.push({ interface: own[i]?.ifindex ?? 0, error });
          } else if (error === undefined) detached++;
        }
        const made = new Set(group.filter(({ madeQdisc }) => madeQdisc).map(({ ifindex }) => ifindex));
        const empty = [...made].filter((ifindex) => isClsactEmpty(open, ifindex));
        // Gone already, or used again this very moment: either is well.
        open.batch(empty.map(deleteClsactRequest), (i) =>
          subjectOf('cannot delete the clsact qdisc of', empty[i]),
        );
      });
    } catch (error) {
      if (!(error instanceof LoaderError)) throw error;
      for (const { ifindex } of group) failures.push({ interface: ifindex, error });
    }
  }
  return { detached, failures };
}

/**
 * Swaps the program everywhere: on each interface each packet meets the old or the new one.
 *
 * @returns the attachments as they are now.
 * @throws BulkError with the interfaces that failed, and the old program back on all others.
 */
export function swapMany(
  attachments: readonly Attachment[],
  program: BpfProgram,
  socket?: NetlinkSocket,
): Attachment[] {
  // Held for the way back: swapped everywhere, it may be that nobody else holds them.
  const former = new Map<number, BpfProgram>();
  try {
    for (const { programId } of attachments) {
      const old = former.has(programId) ? undefined : BpfProgram.openById(programId);
      if (old !== undefined) former.set(programId, old);
    }
    const { swapped, unsure, failures } = swapAll(attachments, program, socket);
    if (failures.length === 0) return swapped.map(({ now }) => now);
    const stuck = swapBack(swapped, former, socket) + swapBack(unsure, former);
    const outcome = stuck === 0 ? 'the others run the old program again' : `${stuck} run the new program`;
    throw new BulkError('swap the program of', attachments.length, failures, outcome);
  } finally {
    for (const old of former.values()) old.close();
  }
}

/** @returns how many could not be swapped back. */
function swapBack(
  swaps: readonly Swap[],
  former: ReadonlyMap<number, BpfProgram>,
  socket?: NetlinkSocket,
): number {
  let stuck = swaps.filter(({ was }) => !former.has(was.programId)).length;
  for (const [id, old] of former) {
    const group = swaps.filter(({ was }) => was.programId === id).map(({ now }) => now);
    // Those that do not run the new program need no way back.
    stuck += swapAll(group, old, socket).failures.filter(({ error }) => error.code !== 'ENOENT').length;
  }
  return stuck;
}

/** An attachment before and after. */
interface Swap {
  readonly was: Attachment;
  readonly now: Attachment;
}

interface Swaps {
  readonly swapped: Swap[];
  /** Failed without an answer: it is not known what they run. */
  readonly unsure: Swap[];
  readonly failures: BulkFailure[];
}

function swapAll(
  attachments: readonly Attachment[],
  program: BpfProgram,
  socket: NetlinkSocket | undefined,
): Swaps {
  const { id: programId } = program.info;
  const results = new Map<Attachment, Attachment | LoaderError>();
  const unsure: Swap[] = [];
  const filters: ClsactAttachment[] = [];
  for (const attachment of attachments) {
    if (attachment.hook !== 'clsact')
      results.set(
        attachment,
        outcomeOf(() => swap(attachment, program, socket)),
      );
    else filters.push(attachment);
  }
  if (filters.length > 0) requireFitting('clsact', 'ingress', { program });
  for (const group of byNamespace(filters)) {
    try {
      swapFilters(group, program, socket, results);
    } catch (error) {
      if (!(error instanceof LoaderError)) throw error;
      for (const attachment of group) {
        results.set(attachment, error);
        unsure.push({ was: attachment, now: { ...attachment, programId } });
      }
    }
  }
  const swapped: Swap[] = [];
  const failures: BulkFailure[] = [];
  for (const was of attachments) {
    const now = results.get(was);
    if (now instanceof LoaderError) failures.push({ interface: was.ifindex, error: now });
    else if (now !== undefined) swapped.push({ was, now });
  }
  return { swapped, unsure, failures };
}

/** Those of one namespace. @throws LoaderError when it is not known what was done */
function swapFilters(
  group: readonly ClsactAttachment[],
  program: BpfProgram,
  socket: NetlinkSocket | undefined,
  results: Map<Attachment, Attachment | LoaderError>,
): void {
  const [first] = group;
  if (first === undefined) return;
  const { id: programId } = program.info;
  again(first, socket, (open) => {
    const there = areThere(open, group);
    const own = group.filter((_, i) => there[i] === true);
    for (const [i, attachment] of group.entries()) {
      const { ifindex, place, programId: old } = attachment;
      const is = there[i];
      if (is !== true) results.set(attachment, is || gone(ifindex, place, old));
    }
    const requests = requestsAbout(own, (site, place) => replaceRequest(site, place, program));
    const errors = open.batch(requests, (i) => subjectOf('cannot replace the filter of', own[i]?.ifindex));
    for (const [i, attachment] of own.entries()) {
      results.set(attachment, errors[i] ?? { ...attachment, programId });
    }
  });
}

/** What the kernel answers where there is no such filter, chain, qdisc or interface. */
const NOT_THERE: ReadonlySet<string> = new Set(['ENOENT', 'EINVAL', 'ENODEV']);

/** For each whether its filter is there and runs its program, or why that is not known. */
function areThere(
  socket: NetlinkSocket,
  attachments: readonly ClsactAttachment[],
): (boolean | LoaderError)[] {
  const answers = socket.batchGet(requestsAbout(attachments, getRequest), (i) =>
    subjectOf('cannot look for the filter of', attachments[i]?.ifindex),
  );
  return answers.map((answer, i) => {
    const attachment = attachments[i];
    if (answer === undefined || attachment === undefined) return false;
    if (answer instanceof LoaderError) return NOT_THERE.has(answer.code) ? false : answer;
    const { kind, programId, handle } = decodeFilter(answer.payload, attachment.direction);
    return kind === 'bpf' && handle === attachment.place.handle && programId === attachment.programId;
  });
}

/** A request about each filter. Thousands have the same few places, so each place is encoded once. */
function requestsAbout(
  attachments: readonly ClsactAttachment[],
  encode: (site: FilterSite, place: FilterPlace) => BatchRequest,
): BatchRequest[] {
  const templates = new Map<string, BatchRequest>();
  return attachments.flatMap(({ ifindex, place }) => {
    const { direction, priority, handle, chain } = place;
    const key = `${direction} ${priority} ${handle} ${chain}`;
    const template = templates.get(key) ?? encode(siteOf(0, direction), place);
    templates.set(key, template);
    return forInterfaces(template, [ifindex]);
  });
}

function outcomeOf(run: () => Attachment): Attachment | LoaderError {
  try {
    return run();
  } catch (error) {
    if (error instanceof LoaderError) return error;
    throw error;
  }
}

function gone(ifindex: number, { priority, handle, direction }: FilterPlace, programId: number): LoaderError {
  const object = `interface ${ifindex}`;
  return new LoaderError(
    `there is no filter of program ${programId} with priority ${priority} and handle ${handle} on the ${direction} of ${object} (ENOENT)`,
    { code: 'ENOENT', object },
  );
}

const byNamespace = (attachments: readonly ClsactAttachment[]): Iterable<ClsactAttachment[]> => {
  const groups = new Map<number, ClsactAttachment[]>();
  for (const attachment of attachments) {
    const group = groups.get(attachment.netnsInode) ?? [];
    group.push(attachment);
    groups.set(attachment.netnsInode, group);
  }
  return groups.values();
};

const subjectOf = (what: string, ifindex: number | undefined) => {
  const object = `interface ${ifindex}`;
  return { request: 'a batch', what: `${what} ${object}`, object };
};
