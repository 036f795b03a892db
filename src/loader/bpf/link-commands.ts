// Links: BPF_LINK_CREATE on an interface, BPF_LINK_UPDATE, BPF_LINK_DETACH.
// A link lives as long as a descriptor or a pin holds it. Left out: links to anything but interfaces.

import { bytes, struct, u32, u64 } from '../../asm/data.ts';
import { ERRNO, LoaderError, systemError } from '../errors.ts';
import { BPF_F_REPLACE, BPF_LINK_CREATE, BPF_LINK_DETACH, BPF_LINK_UPDATE } from './abi.ts';
import { Frame } from './frame.ts';
import { linkInfoOf, programInfoOf } from './info-commands.ts';
import { permissionHint } from './privilege.ts';

const { offsets: create, size: createSize } = struct('bpf_attr_link_create', {
  prog_fd: u32,
  target_ifindex: u32,
  attach_type: u32,
  flags: u32,
  relative: u32,
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

/** The arguments of BPF_LINK_CREATE. */
export interface LinkTarget {
  readonly ifindex: number;
  /** `enum bpf_attach_type` */
  readonly attachType: number;
  /** BPF_F_* of TCX and netkit, XDP_FLAGS_* of XDP. */
  readonly flags?: number;
  /** A descriptor or an identifier, as `flags` says. */
  readonly relative?: number;
  readonly expectedRevision?: number;
}

/**
 * Makes a link. The interface is looked up in the network namespace of the calling thread.
 *
 * @returns the descriptor, or -errno: what it means depends on the hook.
 */
export function tryCreateLink(programFd: number, target: LinkTarget): number {
  const frame = new Frame(createSize);
  frame.u32(create.prog_fd, programFd);
  frame.u32(create.target_ifindex, target.ifindex);
  frame.u32(create.attach_type, target.attachType);
  frame.u32(create.flags, target.flags ?? 0);
  frame.u32(create.relative, target.relative ?? 0);
  frame.u64(create.expected_revision, target.expectedRevision ?? 0);
  return frame.call(BPF_LINK_CREATE);
}

/**
 * Swaps the program of a link: each packet meets the old one or the new one.
 *
 * @param oldProgramFd when given, the program that has to be attached for the swap to happen.
 * @throws LoaderError with code `ESTALE` when another program is attached than that, `ENOLINK` when the interface is
 * gone or the link detached.
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
  if (result >= 0) return;
  // To the kernel another program is EPERM, as a missing privilege is (net/core/dev.c, kernel/bpf/tcx.c).
  const another =
    result === -ERRNO.EPERM && oldProgramFd !== undefined ? anotherProgram(linkFd, oldProgramFd) : undefined;
  throw another ?? linkError(result, 'BPF_LINK_UPDATE', 'cannot swap the program of a link');
}

/** What to say where a link runs another program than the one expected; undefined where it does not, or none may ask. */
function anotherProgram(linkFd: number, expectedFd: number): LoaderError | undefined {
  try {
    const { id, programId } = linkInfoOf(linkFd);
    const expected = programInfoOf(expectedFd).id;
    if (programId === expected) return undefined;
    const object = `link ${id}`;
    return new LoaderError(
      `cannot swap the program of ${object}: it runs program ${programId}, not program ${expected} as expected (ESTALE)`,
      {
        code: 'ESTALE',
        syscall: 'bpf(BPF_LINK_UPDATE)',
        errno: ERRNO.EPERM,
        object,
        hint: 'somebody else has swapped it meanwhile: look who, then swap that one',
      },
    );
  } catch (error) {
    if (error instanceof LoaderError) return undefined;
    throw error;
  }
}

/** Takes the program off the interface at once, whoever still holds the link. Since Linux 5.9. */
export function detachLink(linkFd: number): void {
  const frame = new Frame(detachSize);
  frame.u32(detach.link_fd, linkFd);
  const result = frame.call(BPF_LINK_DETACH);
  if (result < 0) throw linkError(result, 'BPF_LINK_DETACH', 'cannot detach a link');
}

function linkError(result: number, command: string, what: string): LoaderError {
  const hint = result === -ERRNO.EPERM ? { hint: permissionHint() } : {};
  const detail = result === -ERRNO.ENOLINK ? { detail: 'its interface is gone, or it was detached' } : {};
  return systemError(result, `bpf(${command})`, what, { object: 'link', ...hint, ...detail });
}
