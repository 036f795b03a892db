// Where pins go: finds the bpffs, and makes names that it takes.
// `ip netns exec` hides it behind a fresh /sys; there it is reached through the root of a process outside.
// Folders and names change by way of ffi.ts, where tests of faults can stop every step.

import { readFileSync, readlinkSync, statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import process from 'node:process';
import { permissionHint } from './bpf/privilege.ts';
import { ERRNO, LoaderError, systemError } from './errors.ts';
import { libc } from './ffi.ts';

/** include/uapi/linux/magic.h */
const BPF_FS_MAGIC = 0xcafe_4a11;
const MOUNT_POINT = '/sys/fs/bpf';
/** Names another folder on a bpffs, such as one that belongs to a user who is not root. */
const VARIABLE = 'TSNAT_BPFFS';
const INIT = '1';
/** Of a file name, with room for what callers append. */
const NAME_LIMIT = 200;

/** Whether `path` is in a bpffs. */
export function isBpffs(path: string): boolean {
  try {
    return statfsSync(path).type === BPF_FS_MAGIC;
  } catch {
    return false;
  }
}

/**
 * The folder on a bpffs that pins go into: the one that the environment names in TSNAT_BPFFS, else the usual place,
 * where one is mounted when it is missing.
 *
 * @throws LoaderError with code `ENOBPFFS` when there is none and mounting one would not last, or the one named is none.
 */
export function findBpffs(): string {
  const named = namedBpffs();
  if (named !== undefined) return requireBpffs(named);
  if (isBpffs(MOUNT_POINT)) return MOUNT_POINT;
  // Nearest first, but pid 1 before all; where its root may not be entered, a shell's outside will do.
  const others = [INIT, ...ancestors()];
  const outside = others.map((pid) => `/proc/${pid}/root${MOUNT_POINT}`).find(isBpffs);
  if (outside !== undefined) return outside;
  const system = [INIT, ...ancestors().reverse()].map(namespaceOf).find((name) => name !== undefined);
  if (system !== namespaceOf('self')) {
    throw new LoaderError(
      `no bpffs at ${MOUNT_POINT}, and this mount namespace is not the system's (ENOBPFFS)`,
      {
        code: 'ENOBPFFS',
        object: MOUNT_POINT,
        hint: "run outside with --netns NAME, or enter by 'nsenter --net=/run/netns/NAME', which keeps /sys",
      },
    );
  }
  const result = libc('mount', 'bpf', MOUNT_POINT, 'bpf', 0, 'mode=0700');
  if (result < 0) {
    throw systemError(result, 'mount', `cannot mount a bpffs at ${MOUNT_POINT}`, {
      object: MOUNT_POINT,
      hint: `run 'mount -t bpf bpf ${MOUNT_POINT}' as root`,
    });
  }
  return MOUNT_POINT;
}

/** Where pins would go, whether a bpffs is there or not; nothing is mounted. */
export const bpffsPath = (): string => resolve(namedBpffs() ?? MOUNT_POINT);

function namedBpffs(): string | undefined {
  const named = process.env[VARIABLE];
  return named === '' ? undefined : named;
}

function requireBpffs(folder: string): string {
  const path = resolve(folder);
  if (isBpffs(path)) return path;
  throw new LoaderError(`'${folder}' is no folder on a bpffs, or may not be entered (ENOBPFFS)`, {
    code: 'ENOBPFFS',
    object: folder,
    hint: `as root: mkdir -p ${folder} && mount -t bpf bpf ${folder} && chown USER ${folder}`,
  });
}

function namespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return undefined;
  }
}

/** The parent of this process, its parent, and so on. */
function ancestors(): string[] {
  const pids: string[] = [];
  for (let pid = `${process.ppid}`; pid !== '0' && !pids.includes(pid); ) {
    pids.push(pid);
    try {
      pid = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
    } catch {
      break;
    }
  }
  return pids;
}

/**
 * A file name in a bpffs for any name: '.' becomes `%2E` (the kernel reserves dots) and '%' `%25`.
 *
 * @throws RangeError for '' and for names with '/' or control characters, or too long.
 */
export function escapePinName(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
  if (name === '' || /[/\u0000-\u001f\u007f]/.test(name)) {
    throw new RangeError(`name '${name}': it must not be empty, nor contain '/' or control characters`);
  }
  const escaped = name.replaceAll('%', '%25').replaceAll('.', '%2E');
  if (new TextEncoder().encode(escaped).length > NAME_LIMIT) {
    throw new RangeError(
      `name '${name}' is too long: at most ${NAME_LIMIT} bytes, a dot or a percent sign takes 3`,
    );
  }
  return escaped;
}

/** The name that a pin's file name stands for; undefined when `escapePinName` would not have made it. */
export function unescapePinName(file: string): string | undefined {
  const name = file.replace(/%2E|%25/g, (code) => (code === '%2E' ? '.' : '%'));
  try {
    return escapePinName(name) === file ? name : undefined;
  } catch {
    return undefined;
  }
}

/** Readable and writable by its owner alone. */
const PRIVATE = 0o700;

/** Makes a folder that only its owner can look into. @throws LoaderError with code `EEXIST` when it is there. */
export function makeFolder(path: string): void {
  demand('mkdir', libc('mkdir', path, PRIVATE), `cannot make '${path}'`, path);
}

/** Makes a folder and those above it, where they are missing. */
export function ensureFolder(path: string): void {
  const result = libc('mkdir', path, PRIVATE);
  if (result === -ERRNO.EEXIST) return;
  if (result === -ERRNO.ENOENT && dirname(path) !== path) {
    ensureFolder(dirname(path));
    ensureFolder(path);
  } else demand('mkdir', result, `cannot make '${path}'`, path);
}

/** Removes a folder that is empty. @returns whether it was there. */
export function removeFolder(path: string): boolean {
  const result = libc('rmdir', path);
  if (result === -ERRNO.ENOENT) return false;
  demand('rmdir', result, `cannot remove '${path}'`, path);
  return true;
}

/** Renames a pin or a folder of pins, in one step; a pin that is at `to` goes. */
export function renamePin(from: string, to: string): void {
  demand('rename', libc('rename', from, to), `cannot rename '${from}' to '${to}'`, from);
}

/** access(2): there, whether or not it may be opened. */
const F_OK = 0;
const ABSENT: ReadonlySet<number> = new Set([-ERRNO.ENOENT, -ERRNO.ENOTDIR, -ERRNO.EACCES]);

/** Whether there is something at `path`, a pin or a folder; not where that may not be looked at. */
export function isPinned(path: string): boolean {
  const result = libc('access', path, F_OK);
  if (ABSENT.has(result)) return false;
  demand('access', result, `cannot look for '${path}'`, path);
  return true;
}

/** Removes a pin. @returns whether it was there. */
export function removePin(path: string): boolean {
  const result = libc('unlink', path);
  if (result === -ERRNO.ENOENT) return false;
  demand('unlink', result, `cannot remove '${path}'`, path);
  return true;
}

function demand(syscall: string, result: number, what: string, object: string): void {
  if (result >= 0) return;
  const refused = result === -ERRNO.EPERM || result === -ERRNO.EACCES;
  throw systemError(result, syscall, what, { object, ...(refused && { hint: permissionHint() }) });
}
