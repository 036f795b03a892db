// TCX links: the kernel's own way, since Linux 6.6, to put programs on an interface without a qdisc.
// A link lives as long as a descriptor or a pin holds it. Left out: order among several programs.

import { bytes, struct, u32, u64 } from '../../asm/index.ts';
import { ERRNO, type LoaderError, systemError } from '../errors.ts';
import {
  BPF_F_REPLACE,
  BPF_LINK_CREATE,
  BPF_LINK_DETACH,
  BPF_LINK_UPDATE,
  BPF_PROG_QUERY,
  BPF_TCX_EGRESS,
  BPF_TCX_INGRESS,
} from './abi.ts';
import { Frame, spaceFor } from './frame.ts';
import { permissionHint } from './privilege.ts';

/** Which way packets pass the interface: `ingress` comes in by it, `egress` leaves by it. */
export type HookDirection = 'ingress' | 'egress';

export const TCX_ATTACH_TYPES: { readonly [D in HookDirection]: number } = {
  ingress: BPF_TCX_INGRESS,
  egress: BPF_TCX_EGRESS,
};

const { offsets: create, size: createSize } = struct('bpf_attr_link_create', {
  prog_fd: u32,
  target_ifindex: u32,
  attach_type: u32,
  flags: u32,
  relative_fd: u32,
  pad: bytes(4),
  expected_revision: u64,
});

const { offsets: update, size: updateSize } = struct('bpf_attr_link_update', {
  link_fd: u32,
  new_prog_fd: u32,
  flags: u32,
  old_prog_fd: u32,
});

const { offsets: detach, size: detachSize } = struct('bpf_attr_link_detach', { link_fd: u32 });

const { offsets: query, size: querySize } = struct('bpf_attr_query', {
  target_ifindex: u32,
  attach_type: u32,
  query_flags: u32,
  attach_flags: u32,
  prog_ids: u64,
  prog_cnt: u32,
  pad: bytes(4),
});

const U32 = 4;
/** BPF_MPROG_MAX: the kernel takes no more programs at one hook. */
const MPROG_MAX = 64;

/** Attaches behind the programs that are there. The interface is looked up in the network namespace of the calling thread. */
export function createTcxLink(programFd: number, ifindex: number, direction: HookDirection): number {
  const frame = new Frame(createSize);
  frame.u32(create.prog_fd, programFd);
  frame.u32(create.target_ifindex, ifindex);
  frame.u32(create.attach_type, TCX_ATTACH_TYPES[direction]);
  const result = frame.call(BPF_LINK_CREATE);
  if (result >= 0) return result;
  throw linkError(result, 'BPF_LINK_CREATE', `cannot attach to TCX ${direction}`, `interface ${ifindex}`);
}

/**
 * Swaps the program of a link: each packet meets the old one or the new one.
 *
 * @param oldProgramFd when given, the swap fails with EPERM unless this program is the one attached.
 */
export function updateLink(linkFd: number, programFd: number, oldProgramFd?: number): void {
  const frame = new Frame(updateSize);
  frame.u32(update.link_fd, linkFd);
  frame.u32(update.new_prog_fd, programFd);
  if (oldProgramFd !== undefined) {
    frame.u32(update.flags, BPF_F_REPLACE);
    frame.u32(update.old_prog_fd, oldProgramFd);
  }
  const result = frame.call(BPF_LINK_UPDATE);
  if (result < 0) throw linkError(result, 'BPF_LINK_UPDATE', 'cannot swap the program of a link', 'link');
}

/** Takes the program off the interface at once, whoever still holds the link. Since Linux 5.9. */
export function detachLink(linkFd: number): void {
  const frame = new Frame(detachSize);
  frame.u32(detach.link_fd, linkFd);
  const result = frame.call(BPF_LINK_DETACH);
  if (result < 0) throw linkError(result, 'BPF_LINK_DETACH', 'cannot detach a link', 'link');
}

/**
 * The programs at one TCX hook in the order they run, by identifier; undefined where the kernel has no TCX.
 *
 * @throws LoaderError with code `ENODEV` when there is no such interface in this network namespace.
 */
export function queryTcx(ifindex: number, direction: HookDirection): number[] | undefined {
  const frame = new Frame(querySize, spaceFor(MPROG_MAX * U32));
  const ids = frame.reserve(MPROG_MAX * U32);
  frame.u32(query.target_ifindex, ifindex);
  frame.u32(query.attach_type, TCX_ATTACH_TYPES[direction]);
  frame.pointer(query.prog_ids, ids);
  frame.u32(query.prog_cnt, MPROG_MAX);
  const result = frame.call(BPF_PROG_QUERY);
  if (result === -ERRNO.EINVAL) return undefined;
  if (result === -ERRNO.ENOENT) return [];
  if (result < 0)
    throw linkError(result, 'BPF_PROG_QUERY', `cannot query TCX ${direction}`, `interface ${ifindex}`);
  return Array.from({ length: Math.min(frame.getU32(query.prog_cnt), MPROG_MAX) }, (_, i) =>
    frame.getU32(ids + i * U32),
  );
}

function linkError(result: number, command: string, what: string, object: string): LoaderError {
  const hint = result === -ERRNO.EPERM ? { hint: permissionHint() } : {};
  const detail = result === -ERRNO.ENODEV ? { detail: 'no such interface in this network namespace' } : {};
  const on = object === 'link' ? what : `${what} of ${object}`;
  return systemError(result, `bpf(${command})`, on, { object, ...hint, ...detail });
}
