// Programs on XDP, by link where the kernel has such (5.9) and by rtnetlink. When it is refused the error says why:
// somebody else's program is there, or what the driver has against it, in its own words.

import { BPF_LINK_TYPE_XDP, BPF_XDP } from '../bpf/abi.ts';
import { tryCreateLink } from '../bpf/link-commands.ts';
import { objectIds } from '../bpf/object.ts';
import { permissionHint } from '../bpf/privilege.ts';
import { ERRNO, LoaderError, systemError } from '../errors.ts';
import { BpfLink } from '../link.ts';
import { findInterface } from '../netlink/link.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import { changeXdp, queryXdp, XDP_MODE_FLAGS, type XdpMode } from '../netlink/xdp.ts';
import { BpfProgram } from '../program.ts';
import type { FoundProgram } from './types.ts';

export interface XdpOptions {
  readonly mode?: XdpMode | 'auto';
  readonly link?: boolean;
}

/** Codes that are about who may and what is there, not about what the driver can. */
export const NOT_THE_DRIVER: ReadonlySet<string> = new Set([
  'EBUSY',
  'EEXIST',
  'EPERM',
  'EACCES',
  'ENODEV',
  'ENOMEM',
  'EBADF',
]);

/** @throws LoaderError, with nothing left behind. */
export function attachXdp(
  socket: NetlinkSocket,
  ifindex: number,
  program: BpfProgram,
  { mode = 'auto', link = true }: XdpOptions,
): { readonly mode: XdpMode; readonly link: BpfLink | undefined } {
  const attach = link ? attachByLink : attachByNetlink;
  if (mode !== 'auto') return { mode, link: attach(socket, ifindex, program, mode) };
  try {
    return { mode: 'native', link: attach(socket, ifindex, program, 'native') };
  } catch (error) {
    if (!(error instanceof LoaderError) || NOT_THE_DRIVER.has(error.code)) throw error;
    return { mode: 'generic', link: attach(socket, ifindex, program, 'generic') };
  }
}

function attachByLink(
  socket: NetlinkSocket,
  ifindex: number,
  program: BpfProgram,
  mode: XdpMode,
): BpfLink | undefined {
  const result = tryCreateLink(program.fd, { ifindex, attachType: BPF_XDP, flags: XDP_MODE_FLAGS[mode] });
  if (result >= 0) return new BpfLink(result);
  const error = systemError(
    result,
    'bpf(BPF_LINK_CREATE)',
    `cannot attach ${mode} XDP to interface ${ifindex}`,
    {
      object: `interface ${ifindex}`,
      ...(result === -ERRNO.EPERM && { hint: permissionHint() }),
      ...(result === -ERRNO.ENODEV && { detail: 'no such interface in this network namespace' }),
    },
  );
  if (isOccupied(error)) throw occupied(socket, ifindex, error);
  if (NOT_THE_DRIVER.has(error.code)) throw error;
  // A link is refused without a word; the same by netlink comes with the driver's reason.
  attachByNetlink(socket, ifindex, program, mode);
  // EINVAL was the answer of a kernel that has no XDP links. Otherwise the link shall have the last word.
  if (error.code === 'EINVAL') return undefined;
  changeXdp(socket, { ifindex, mode, fd: undefined, expected: program.fd });
  throw error;
}

function attachByNetlink(
  socket: NetlinkSocket,
  ifindex: number,
  program: BpfProgram,
  mode: XdpMode,
): undefined {
  try {
    changeXdp(socket, { ifindex, mode, fd: program.fd, expected: 'none' });
  } catch (error) {
    throw explainXdpError(socket, ifindex, mode, error);
  }
}

const isOccupied = ({ code }: LoaderError): boolean => code === 'EBUSY' || code === 'EEXIST';

/** Adds to an error of rtnetlink what can be found out: who is there, or what to do about the driver. */
export function explainXdpError(
  socket: NetlinkSocket,
  ifindex: number,
  mode: XdpMode,
  error: unknown,
): unknown {
  if (!(error instanceof LoaderError)) return error;
  if (isOccupied(error)) return occupied(socket, ifindex, error);
  if (NOT_THE_DRIVER.has(error.code)) return error;
  return new LoaderError(error.message, {
    code: error.code,
    ...(error.syscall !== undefined && { syscall: error.syscall }),
    ...(error.errno !== undefined && { errno: error.errno }),
    ...(error.object !== undefined && { object: error.object }),
    hint: driverHint(socket, ifindex, mode, error.message),
    cause: error,
  });
}

/** What may be done, by what the driver says. */
const REMEDIES: readonly (readonly [words: RegExp, remedy: string])[] = [
  [/\bmtu\b|too large|too big/i, "lower the MTU ('ip link set DEV mtu N', on a veth that of its peer)"],
  [/\blro\b|large receive|gro.?hw|\bGRO_HW\b/i, "switch it off ('ethtool -K DEV lro off rx-gro-hw off')"],
  [/queue|channel|ring/i, "change the number of queues ('ethtool -L DEV ...')"],
  [/does not support XDP|not supported/i, 'this driver has no native XDP'],
];

function driverHint(socket: NetlinkSocket, ifindex: number, mode: XdpMode, words: string): string {
  const remedy = REMEDIES.find(([pattern]) => pattern.test(words))?.[1];
  const { kind, mtu } = findInterface(socket, ifindex) ?? {};
  const about = mtu === undefined ? '' : ` (MTU ${mtu}${kind === undefined ? '' : `, ${kind}`})`;
  const generic = mode === 'native' ? ', or use generic XDP, which needs no driver but is slower' : '';
  return `${remedy ?? 'the driver refuses it'}${about}${generic}`;
}

/** Names the program in the way, and what holds it there. */
function occupied(socket: NetlinkSocket, ifindex: number, error: LoaderError): LoaderError {
  const there = listXdp(socket, ifindex).map(({ mode, programId, linkId }) => {
    using program = programId === undefined ? undefined : attempt(() => BpfProgram.openById(programId));
    const name = program === undefined || program.name === '' ? '' : ` '${program.name}'`;
    return `${mode} program ${programId}${name}, attached by ${linkId === undefined ? 'netlink' : `link ${linkId}`}`;
  });
  const who = there.length === 0 ? 'a program that is gone meanwhile' : there.join(' and ');
  const object = `interface ${ifindex}`;
  return new LoaderError(`cannot attach XDP to ${object}: it has ${who} (EBUSY)`, {
    code: 'EBUSY',
    ...(error.syscall !== undefined && { syscall: error.syscall }),
    ...(error.errno !== undefined && { errno: error.errno }),
    object,
    hint: 'there is room for one XDP program: detach that one first, or attach to TCX or clsact',
    cause: error,
  });
}

function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof LoaderError) return undefined;
    throw error;
  }
}

/** Swaps a program that has no link, if it is `oldProgramId`. */
export function swapXdp(
  socket: NetlinkSocket,
  ifindex: number,
  mode: XdpMode,
  oldProgramId: number,
  program: BpfProgram,
): void {
  using old = BpfProgram.openById(oldProgramId);
  if (old === undefined) {
    const object = `interface ${ifindex}`;
    throw new LoaderError(`${mode} XDP of ${object} does not run program ${oldProgramId} any more (ENOENT)`, {
      code: 'ENOENT',
      object,
    });
  }
  changeXdp(socket, { ifindex, mode, fd: program.fd, expected: old.fd });
}

/** Takes off a program that has no link. @returns whether it was there. */
export function detachXdp(socket: NetlinkSocket, ifindex: number, mode: XdpMode, programId: number): boolean {
  using program = BpfProgram.openById(programId);
  const found = queryXdp(socket, ifindex);
  if (program === undefined || found?.[mode] !== programId) return false;
  try {
    changeXdp(socket, { ifindex, mode, fd: undefined, expected: program.fd });
    return true;
  } catch (error) {
    if (error instanceof LoaderError && (error.code === 'EEXIST' || error.code === 'ENODEV')) return false;
    throw error;
  }
}

/** What is on XDP. */
export function listXdp(socket: NetlinkSocket, ifindex: number): FoundProgram[] {
  return Object.entries(queryXdp(socket, ifindex) ?? {}).map(([mode, programId]) => {
    const linkId = linkOf(ifindex, programId);
    return {
      hook: 'xdp' as const,
      direction: 'ingress' as const,
      programId,
      mode: mode as NonNullable<FoundProgram['mode']>,
      ...(linkId !== undefined && { linkId }),
    };
  });
}

/** The XDP link of an interface; undefined where there is none or links may not be listed. */
function linkOf(ifindex: number, programId: number): number | undefined {
  return attempt(() => [...objectIds('link')])?.find((id) => {
    using link = attempt(() => BpfLink.openById(id));
    const info = link?.info;
    return info?.type === BPF_LINK_TYPE_XDP && info.ifindex === ifindex && info.programId === programId;
  });
}
