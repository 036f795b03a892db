// Network namespaces: by the names that iproute2 gives them (files under /run/netns), by path, process or descriptor.
// Only the calling thread ever moves, only for the length of a synchronous function, and it comes back.

import { closeSync, fstatSync, mkdirSync, openSync, rmSync, unlinkSync } from 'node:fs';
import { ERRNO, errnoName, LoaderError, systemError } from './errors.ts';
import { libc } from './ffi.ts';

/** Where iproute2 keeps its names. */
export const NETNS_FOLDER = '/run/netns';
const FOLDER = NETNS_FOLDER;
const OWN = '/proc/thread-self/ns/net';
/** include/uapi/linux/sched.h */
const CLONE_NEWNET = 0x4000_0000;
/** include/uapi/linux/mount.h */
const MS_BIND = 4096;
const MS_REC = 16384;
const MS_SHARED = 1 << 20;
const MNT_DETACH = 2;

/** Set when a thread could not come back: nothing may be looked up by name any more. */
let lost = false;

/** @throws RangeError for a name that no file under /run/netns can have. */
export function requireNetnsName(name: string): void {
  if (!/^[^/\0]{1,255}$/.test(name) || name === '.' || name === '..') {
    throw new RangeError(`network namespace '${name}': a name has 1 to 255 characters and no '/'`);
  }
}

/** A network namespace: its name, a path (anything with a '/'), one a process is in, or an open descriptor. */
export type NetnsRef = string | { readonly pid: number } | { readonly fd: number };

interface Place {
  readonly path: string;
  /** For errors: "network namespace 'blue'". */
  readonly words: string;
  readonly hint: string;
}

/** @throws RangeError for what cannot be one. */
function locate(ref: NetnsRef): Place {
  if (typeof ref === 'string') {
    if (ref.includes('/'))
      return { path: ref, words: `network namespace '${ref}'`, hint: 'is the path right?' };
    requireNetnsName(ref);
    return {
      path: `${FOLDER}/${ref}`,
      words: `network namespace '${ref}'`,
      hint: `'ip netns list' shows the names, 'ip netns add ${ref}' makes it`,
    };
  }
  const number = 'pid' in ref ? ref.pid : ref.fd;
  const what = 'pid' in ref ? 'process' : 'descriptor';
  if (!Number.isInteger(number) || number < 0) throw new RangeError(`network namespace of ${what} ${number}`);
  return {
    path: 'pid' in ref ? `/proc/${number}/ns/net` : `/proc/self/fd/${number}`,
    words: `network namespace of ${what} ${number}`,
    hint: 'pid' in ref ? 'has it ended?' : 'is it open?',
  };
}

/** How a network namespace is called in errors. */
export const netnsWords = (ref: NetnsRef): string => locate(ref).words;

/**
 * A descriptor of a network namespace, or of the calling thread's own; the caller closes it.
 *
 * @throws LoaderError with code `ENOENT` for one that is not there (any more).
 */
export function openNetns(ref?: NetnsRef): number {
  if (ref === undefined) return openSync(OWN, 'r');
  const { path, words, hint } = locate(ref);
  try {
    return openSync(path, 'r');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'EIO';
    const missing = code === 'ENOENT' || code === 'ESRCH';
    throw new LoaderError(missing ? `there is no ${words} (ENOENT)` : `cannot open ${words}: ${code}`, {
      code: missing ? 'ENOENT' : code,
      syscall: 'open',
      object: words,
      cause: error,
      ...(missing ? { hint } : {}),
    });
  }
}

/** The inode of a namespace, which tells one from another for as long as it lives. */
export function netnsInode(ref?: NetnsRef): number {
  const fd = openNetns(ref);
  try {
    return fstatSync(fd).ino;
  } finally {
    closeSync(fd);
  }
}

/**
 * Runs a synchronous function inside a network namespace; where it is left out, right here.
 * Sockets that it opens, and what it looks up by interface, belong to that namespace.
 *
 * @throws LoaderError with code `ENETNSLOST` if the thread cannot come back; every later call throws it too.
 */
export function withNetns<T>(ref: NetnsRef | undefined, run: () => T): T {
  requireHome();
  if (ref === undefined) return run();
  const target = openNetns(ref);
  try {
    return inside(() => enter(target, ref), run);
  } finally {
    closeSync(target);
  }
}

/** @throws LoaderError with code `ENETNSLOST` if this thread could not come back from another namespace. */
export function requireHome(): void {
  if (lost) throw lostError();
}

function inside<T>(go: () => void, run: () => T): T {
  const home = openSync(OWN, 'r');
  try {
    go();
    try {
      const result = run();
      if (result instanceof Promise) {
        throw new TypeError(
          'withNetns: a promise would be fulfilled outside; the function must be synchronous',
        );
      }
      return result;
    } finally {
      const back = libc('setns', home, CLONE_NEWNET);
      if (back < 0) {
        lost = true;
        // biome-ignore lint/correctness/noUnsafeFinally: whatever went wrong before, this is worse.
        throw lostError(errnoName(-back));
      }
    }
  } finally {
    closeSync(home);
  }
}

function enter(fd: number, ref: NetnsRef): void {
  const result = libc('setns', fd, CLONE_NEWNET);
  if (result === 0) return;
  const { path, words } = locate(ref);
  const hint =
    result === -ERRNO.EPERM
      ? { hint: 'this needs root or CAP_SYS_ADMIN' }
      : result === -ERRNO.EINVAL
        ? { hint: `'${path}' is no network namespace` }
        : {};
  throw systemError(result, 'setns', `cannot enter ${words}`, { object: words, ...hint });
}

function lostError(why = 'as reported before'): LoaderError {
  return new LoaderError(`this thread is stuck in a foreign network namespace: ${why}`, {
    code: 'ENETNSLOST',
    syscall: 'setns',
    hint: 'end this process',
  });
}

/**
 * Makes a named network namespace, with its loopback interface down, as `ip netns add` does.
 *
 * @throws LoaderError with code `EEXIST` when there is one.
 */
export function createNetns(name: string): void {
  requireNetnsName(name);
  const path = `${FOLDER}/${name}`;
  shareFolder();
  try {
    closeSync(openSync(path, 'wx', 0));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'EIO';
    throw new LoaderError(`cannot make network namespace '${name}': ${code}`, {
      code,
      syscall: 'open',
      object: name,
      cause: error,
      ...(code === 'EEXIST' ? { hint: `there is one already: ip netns delete ${name}` } : {}),
    });
  }
  try {
    inside(
      () => demand('unshare', libc('unshare', CLONE_NEWNET), name),
      () => demand('mount', libc('mount', OWN, path, 'none', MS_BIND, null), name),
    );
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
}

/** Takes the name away; the namespace goes with its last process and socket. */
export function deleteNetns(name: string): void {
  requireNetnsName(name);
  const path = `${FOLDER}/${name}`;
  const result = libc('umount2', path, MNT_DETACH);
  // EINVAL: nothing is mounted there, which leaves the file to remove.
  if (result < 0 && result !== -ERRNO.EINVAL) {
    throw systemError(result, 'umount2', `cannot delete network namespace '${name}'`, { object: name });
  }
  unlinkSync(path);
}

/** Mounts under /run/netns shall be seen in every mount namespace, as `ip netns` arranges it. */
function shareFolder(): void {
  mkdirSync(FOLDER, { recursive: true, mode: 0o755 });
  const share = () => libc('mount', '', FOLDER, 'none', MS_SHARED | MS_REC, null);
  let result = share();
  if (result === -ERRNO.EINVAL) {
    demand('mount', libc('mount', FOLDER, FOLDER, 'none', MS_BIND | MS_REC, null), FOLDER);
    result = share();
  }
  demand('mount', result, FOLDER);
}

function demand(syscall: string, result: number, object: string): void {
  if (result < 0) {
    throw systemError(result, syscall, `cannot make network namespace '${object}'`, {
      object,
      ...(result === -ERRNO.EPERM ? { hint: 'this needs root or CAP_SYS_ADMIN' } : {}),
    });
  }
}
