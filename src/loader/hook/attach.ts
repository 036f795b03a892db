// One way to put a program on an interface, to swap it and to take it off, whatever the hook and wherever the
// interface is: the process is in its own network namespace before and after.

import { PROGRAM_TYPES } from '../bpf/abi.ts';
import type { HookDirection } from '../bpf/mprog.ts';
import { LoaderError } from '../errors.ts';
import { findInterface } from '../netlink/link.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { type NetnsRef, netnsInode, netnsWords, withNetns } from '../netns.ts';
import type { BpfProgram } from '../program.ts';
import { attachFilter, detachFilter, listClsact, swapFilter } from './clsact.ts';
import { attachOrderedProgram, detachOrderedProgram, hasTcx, listOrdered, swapOrdered } from './ordered.ts';
import type { Attachment, AttachmentOf, AttachOptions, FoundProgram, HookKind, HookTarget } from './types.ts';
import { attachXdp, detachXdp, listXdp, swapXdp } from './xdp.ts';

/**
 * Attaches a program.
 *
 * @example
 * const attachment = attach({ interface: 'eth0', netns: 'blue', hook: 'auto', program });
 * swap(attachment, newer);
 *
 * @throws LoaderError, with nothing left behind: `ENODEV` for an interface and `ENOENT` for a namespace that is not
 * there, `ENOTSUP` for a hook that the kernel has not, `EBUSY` where somebody else is in the way, `EPROGTYPE` for a
 * program of another type than the hook takes. TypeError for options that do not go with the hook.
 */
export function attach<H extends HookKind | 'auto'>(options: AttachOptions<H>): AttachmentOf<H> {
  const { program, direction = 'ingress', netns } = options;
  return within(options, (socket) => {
    const ifindex = requireIfindex(socket, options.interface, netns);
    const hook: HookKind = options.hook === 'auto' ? chooseHook(options, ifindex) : options.hook;
    requireFitting(hook, direction, options);
    const common = { ifindex, direction, netns, netnsInode: netnsInode(), programId: program.info.id };
    return { ...common, ...attachTo(socket, hook, ifindex, direction, options) } as AttachmentOf<H>;
  });
}

function attachTo(
  socket: NetlinkSocket,
  hook: HookKind,
  ifindex: number,
  direction: HookDirection,
  options: AttachOptions,
): object {
  const { program } = options;
  if (hook === 'clsact') return { hook, ...attachFilter(socket, ifindex, direction, program, options) };
  if (hook === 'xdp') return { hook, ...attachXdp(socket, ifindex, program, options) };
  const { anchor, expectedRevision, link } = options;
  const place = {
    ...(anchor !== undefined && { anchor }),
    ...(expectedRevision !== undefined && { expectedRevision }),
    ...(link !== undefined && { link }),
  };
  return { hook, link: attachOrderedProgram(program, { hook, ifindex, direction }, place) };
}

/**
 * Swaps the program in place: each packet meets the old or the new one.
 *
 * @returns the attachment as it is now; a link stays the same.
 * @throws LoaderError, with the old program still there; `ENOENT` or `ENOLINK` when it is not there any more.
 */
export function swap<A extends Attachment>(attachment: A, program: BpfProgram, socket?: NetlinkSocket): A {
  const { hook, direction, ifindex, programId } = attachment;
  requireFitting(hook, direction, { program });
  // Asked before anything is changed, for it may fail.
  const { id } = program.info;
  if (hook !== 'clsact' && attachment.link !== undefined) attachment.link.update(program);
  else {
    again(attachment, socket, (open) => {
      if (hook === 'clsact') swapFilter(open, ifindex, attachment.place, programId, program);
      else if (hook === 'xdp') swapXdp(open, ifindex, attachment.mode, programId, program);
      else swapOrdered({ hook, ifindex, direction }, programId, program);
    });
  }
  return { ...attachment, programId: id };
}

/**
 * Takes a program off and closes its link. What runs another program by now is left alone; a qdisc goes only if it
 * was made for this and nobody else uses it.
 *
 * @returns whether the program was there.
 */
export function detach(attachment: Attachment, socket?: NetlinkSocket): boolean {
  const { hook, direction, ifindex, programId } = attachment;
  if (hook !== 'clsact' && attachment.link !== undefined) {
    const { link } = attachment;
    const attached = link.info.ifindex !== 0;
    if (attached) link.detach();
    link.close();
    return attached;
  }
  return again(attachment, socket, (open) => {
    if (hook === 'clsact') {
      return detachFilter(open, ifindex, attachment.place, programId, attachment.madeQdisc);
    }
    if (hook === 'xdp') return detachXdp(open, ifindex, attachment.mode, programId);
    return detachOrderedProgram({ hook, ifindex, direction }, programId);
  });
}

/** Every program on an interface, at all hooks, whoever attached it. */
export function listPrograms(target: HookTarget): FoundProgram[] {
  return within(target, (socket) => {
    const ifindex = requireIfindex(socket, target.interface, target.netns);
    return [
      ...listXdp(socket, ifindex),
      ...listOrdered('tcx', ifindex),
      ...listOrdered('netkit', ifindex),
      ...listClsact(socket, ifindex),
    ];
  });
}

/** Runs in the namespace of a target with a socket there. */
export function within<T>(
  { netns, socket }: Pick<HookTarget, 'netns' | 'socket'>,
  run: (socket: NetlinkSocket) => T,
): T {
  return withNetns(netns, () => {
    if (socket !== undefined) return run(socket);
    using own = new NetlinkSocket();
    return run(own);
  });
}

/** Goes back to where something was attached. @throws LoaderError with code `ENETNS` when that is not there. */
export function again<T>(
  { netns, netnsInode: inode }: Pick<Attachment, 'netns' | 'netnsInode'>,
  socket: NetlinkSocket | undefined,
  run: (socket: NetlinkSocket) => T,
): T {
  return within(
    { ...(netns !== undefined && { netns }), ...(socket !== undefined && { socket }) },
    (open) => {
      if (netnsInode() === inode) return run(open);
      const words = netns === undefined ? "the calling thread's network namespace" : netnsWords(netns);
      throw new LoaderError(`${words} is not the one it was attached in (ENETNS)`, {
        code: 'ENETNS',
        object: words,
        hint: 'that one is gone, or has another name',
      });
    },
  );
}

/** @throws LoaderError with code `ENODEV` */
function requireIfindex(socket: NetlinkSocket, which: string | number, netns: NetnsRef | undefined): number {
  if (typeof which === 'number') return which;
  const found = findInterface(socket, which);
  if (found !== undefined) return found.index;
  const where = netns === undefined ? 'this network namespace' : netnsWords(netns);
  throw new LoaderError(`there is no interface '${which}' in ${where} (ENODEV)`, {
    code: 'ENODEV',
    object: which,
  });
}

/** By what the program is, what is wished for, and what the kernel has. */
function chooseHook(
  { program, priority, handle, chain, anchor, expectedRevision }: AttachOptions,
  ifindex: number,
): HookKind {
  if (program.info.type === PROGRAM_TYPES.xdp) return 'xdp';
  if (priority !== undefined || handle !== undefined || chain !== undefined) return 'clsact';
  if (anchor !== undefined || expectedRevision !== undefined) return 'tcx';
  return hasTcx(ifindex) ? 'tcx' : 'clsact';
}

/** Options that only some hooks understand. */
const OPTIONS: { readonly [O in keyof AttachOptions]?: readonly HookKind[] } = {
  anchor: ['tcx', 'netkit'],
  expectedRevision: ['tcx', 'netkit'],
  link: ['tcx', 'netkit', 'xdp'],
  priority: ['clsact'],
  handle: ['clsact'],
  chain: ['clsact'],
  mode: ['xdp'],
};

/** @throws LoaderError with code `EPROGTYPE`; TypeError where an option is of another hook. */
export function requireFitting(
  hook: HookKind,
  direction: HookDirection,
  options: Pick<AttachOptions, 'program'> & Partial<AttachOptions>,
): void {
  const wanted = hook === 'xdp' ? 'xdp' : 'sched_cls';
  const { type } = options.program.info;
  if (type !== PROGRAM_TYPES[wanted]) {
    const is = Object.entries(PROGRAM_TYPES).find(([, value]) => value === type)?.[0] ?? type;
    const object = `program '${options.program.name}'`;
    throw new LoaderError(`${object} is of type ${is}, ${hook} takes ${wanted} (EPROGTYPE)`, {
      code: 'EPROGTYPE',
      object,
    });
  }
  if (hook === 'xdp' && direction === 'egress') throw new TypeError('XDP sees incoming packets only');
  for (const [option, hooks] of Object.entries(OPTIONS)) {
    const value = options[option as keyof typeof OPTIONS];
    if (value === undefined || hooks.includes(hook) || (option === 'link' && value === true)) continue;
    throw new TypeError(`option '${option}' is of ${hooks.join(', ')}, not of ${hook}`);
  }
}
