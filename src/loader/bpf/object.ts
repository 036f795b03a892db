// What holds for maps, programs, links and types alike: pins in a bpffs, and identifiers.

import { closeSync, readlinkSync } from 'node:fs';
import { struct, u32, u64 } from '../../asm/data.ts';
import { ERRNO, LoaderError, systemError } from '../errors.ts';
import {
  BPF_BTF_GET_FD_BY_ID,
  BPF_BTF_GET_NEXT_ID,
  BPF_LINK_GET_FD_BY_ID,
  BPF_LINK_GET_NEXT_ID,
  BPF_MAP_GET_FD_BY_ID,
  BPF_MAP_GET_NEXT_ID,
  BPF_OBJ_GET,
  BPF_OBJ_PIN,
  BPF_PROG_GET_FD_BY_ID,
  BPF_PROG_GET_NEXT_ID,
} from './abi.ts';
import { Frame, spaceFor } from './frame.ts';
import { permissionHint } from './privilege.ts';

const { offsets: pin, size: pinSize } = struct('bpf_attr_obj', {
  pathname: u64,
  bpf_fd: u32,
  file_flags: u32,
});
const { offsets: byId, size: byIdSize } = struct('bpf_attr_id', { id: u32, next_id: u32, open_flags: u32 });

/** What can be pinned. */
export type ObjectKind = 'program' | 'map' | 'link';
/** What has identifiers. */
export type NumberedKind = ObjectKind | 'btf';

const PATH_MAX = 4096;
const encoder = new TextEncoder();

/** Pins a descriptor at `path`, which must be in a bpffs. */
export function pinObject(fd: number, path: string): void {
  const result = pathCall(BPF_OBJ_PIN, path, fd);
  if (result >= 0) return;
  const hint =
    result === -ERRNO.EPERM
      ? { hint: 'a pin goes into a bpffs (mount -t bpf bpf /sys/fs/bpf) under a name without dots, by root' }
      : {};
  throw systemError(result, 'bpf(BPF_OBJ_PIN)', `cannot pin at '${path}'`, { object: path, ...hint });
}

/** What the kernel calls the descriptor of each kind in /proc/PID/fd; a link's once had an underscore. */
const ANON_INODE: { readonly [K in ObjectKind]: string } = {
  program: 'bpf-prog',
  map: 'bpf-map',
  link: 'bpf-link',
};

/**
 * @returns a descriptor for what is pinned at `path`, undefined where nothing is.
 * @throws LoaderError with code `EKIND` when something of another kind is pinned there.
 */
export function openPin(path: string, kind: ObjectKind): number | undefined {
  const result = pathCall(BPF_OBJ_GET, path, 0);
  if (result >= 0) {
    // Asking about a descriptor of the wrong kind would succeed and mean something else.
    const is = readlinkSync(`/proc/self/fd/${result}`);
    if (is.replace('_link', '-link').includes(ANON_INODE[kind])) return result;
    closeSync(result);
    throw new LoaderError(`the pin '${path}' is no ${kind} but '${is}'`, { code: 'EKIND', object: path });
  }
  if (result === -ERRNO.ENOENT) return undefined;
  const hint = result === -ERRNO.EPERM ? { hint: permissionHint() } : {};
  const detail = result === -ERRNO.EACCES ? { detail: 'not a BPF pin, or not ours to read' } : {};
  throw systemError(result, 'bpf(BPF_OBJ_GET)', `cannot open the pin '${path}'`, {
    object: path,
    ...hint,
    ...detail,
  });
}

function pathCall(command: number, path: string, fd: number): number {
  const name = encoder.encode(`${path}\0`);
  if (name.length > PATH_MAX)
    throw new RangeError(`path of ${name.length} bytes: at most ${PATH_MAX} are possible`);
  const frame = new Frame(pinSize, spaceFor(name.length));
  frame.pointer(pin.pathname, frame.put(name));
  frame.u32(pin.bpf_fd, fd);
  return frame.call(command);
}

const BY_ID: { readonly [K in NumberedKind]: { readonly open: number; readonly next: number } } = {
  program: { open: BPF_PROG_GET_FD_BY_ID, next: BPF_PROG_GET_NEXT_ID },
  map: { open: BPF_MAP_GET_FD_BY_ID, next: BPF_MAP_GET_NEXT_ID },
  link: { open: BPF_LINK_GET_FD_BY_ID, next: BPF_LINK_GET_NEXT_ID },
  btf: { open: BPF_BTF_GET_FD_BY_ID, next: BPF_BTF_GET_NEXT_ID },
};

/** @returns a descriptor for the object with this identifier, undefined where there is none (any more). */
export function openById(kind: NumberedKind, id: number): number | undefined {
  const frame = new Frame(byIdSize);
  frame.u32(byId.id, id);
  const result = frame.call(BY_ID[kind].open);
  if (result >= 0) return result;
  if (result === -ERRNO.ENOENT) return undefined;
  const hint = result === -ERRNO.EPERM ? { hint: permissionHint() } : {};
  throw systemError(result, 'bpf(BPF_*_GET_FD_BY_ID)', `cannot open ${kind} ${id}`, {
    object: `${kind} ${id}`,
    ...hint,
  });
}

/**
 * Every identifier there is of a kind, of whomever: needs CAP_SYS_ADMIN. What comes and goes meanwhile may be missing.
 */
export function* objectIds(kind: NumberedKind): Generator<number, void, undefined> {
  for (let id = 0; ; ) {
    const frame = new Frame(byIdSize);
    frame.u32(byId.id, id);
    const result = frame.call(BY_ID[kind].next);
    if (result === -ERRNO.ENOENT) return;
    if (result < 0) {
      const hint = result === -ERRNO.EPERM ? { hint: permissionHint() } : {};
      throw systemError(result, 'bpf(BPF_*_GET_NEXT_ID)', `cannot list ${kind}s`, hint);
    }
    id = frame.getU32(byId.next_id);
    yield id;
  }
}
