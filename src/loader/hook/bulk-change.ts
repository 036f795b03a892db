// Swapping and taking off what was attached to many interfaces, in batches where that is possible.

import { LoaderError } from '../errors.ts';
import { decodeFilter } from '../netlink/filter.ts';
import {
  deleteRequest,
  type FilterPlace,
  getRequest,
  replaceRequest,
  siteOf,
} from '../netlink/filter-request.ts';
import { deleteClsactRequest } from '../netlink/qdisc.ts';
import type { BatchRequest } from '../netlink/request.ts';
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
        const own = group.filter((_, i) => there[i]);
        const errors = open.batch(
          own.map(({ ifindex, place }) => deleteRequest(siteOf(ifindex, place.direction), place)),
          (i) => subjectOf('cannot delete the filter of', own[i]?.ifindex),
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
  const { swapped, failures } = swapAll(attachments, program, socket);
  if (failures.length === 0) return swapped;
  const back: BulkFailure[] = [];
  for (const attachment of swapped) {
    const { ifindex, direction } = attachment;
    const former =
      attachments.find((each) => each.ifindex === ifindex && each.direction === direction)?.programId ?? 0;
    using old = BpfProgram.openById(former);
    if (old !== undefined) back.push(...swapAll([attachment], old, socket).failures);
  }
  const outcome =
    back.length === 0 ? 'the others run the old program again' : `${back.length} others run the new program`;
  throw new BulkError('swap the program of', attachments.length, failures, outcome);
}

function swapAll(
  attachments: readonly Attachment[],
  program: BpfProgram,
  socket: NetlinkSocket | undefined,
): { readonly swapped: Attachment[]; readonly failures: BulkFailure[] } {
  const { id: programId } = program.info;
  const results = new Map<Attachment, Attachment | LoaderError>();
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
    const [first] = group;
    if (first === undefined) continue;
    again(first, socket, (open) => {
      const requests: BatchRequest[] = [];
      const own: ClsactAttachment[] = [];
      const there = areThere(open, group);
      for (const [i, attachment] of group.entries()) {
        const { ifindex, place, programId: old } = attachment;
        if (there[i]) {
          requests.push(replaceRequest(siteOf(ifindex, place.direction), place, program));
          own.push(attachment);
        } else results.set(attachment, gone(ifindex, place, old));
      }
      const errors = open.batch(requests, (i) => subjectOf('cannot replace the filter of', own[i]?.ifindex));
      for (const [i, attachment] of own.entries()) {
        results.set(attachment, errors[i] ?? { ...attachment, programId });
      }
    });
  }
  const swapped: Attachment[] = [];
  const failures: BulkFailure[] = [];
  for (const attachment of attachments) {
    const result = results.get(attachment);
    if (result instanceof LoaderError) failures.push({ interface: attachment.ifindex, error: result });
    else if (result !== undefined) swapped.push(result);
  }
  return { swapped, failures };
}

/** For each whether its filter is there and runs its program. */
function areThere(socket: NetlinkSocket, attachments: readonly ClsactAttachment[]): boolean[] {
  const answers = socket.batchGet(
    attachments.map(({ ifindex, place }) => getRequest(siteOf(ifindex, place.direction), place)),
    (i) => subjectOf('cannot look for the filter of', attachments[i]?.ifindex),
  );
  return answers.map((answer, i) => {
    const attachment = attachments[i];
    if (answer === undefined || answer instanceof LoaderError || attachment === undefined) return false;
    const { kind, programId, handle } = decodeFilter(answer.payload, attachment.direction);
    return kind === 'bpf' && handle === attachment.place.handle && programId === attachment.programId;
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
