// What holds for maps, programs and links alike: pins in a bpffs, identifiers, and what the kernel knows of them.

import { closeSync, readlinkSync } from 'node:fs';
import { bytes, decode, struct, u32, u64 } from '../../asm/index.ts';
import { ERRNO, LoaderError, systemError } from '../errors.ts';
import {
  BPF_LINK_GET_FD_BY_ID,
  BPF_LINK_TYPE_NETKIT,
  BPF_LINK_TYPE_TCX,
  BPF_LINK_TYPE_XDP,
  BPF_MAP_GET_FD_BY_ID,
  BPF_OBJ_GET,
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_OBJ_NAME_LEN,
  BPF_OBJ_PIN,
  BPF_PROG_GET_FD_BY_ID,
  BPF_TAG_SIZE,
} from './abi.ts';
import { Frame, spaceFor } from './frame.ts';
import { permissionHint } from './privilege.ts';

const { offsets: pin, size: pinSize } = struct('bpf_attr_obj', {
  pathname: u64,
  bpf_fd: u32,
  file_flags: u32,
});
const { offsets: byId, size: byIdSize } = struct('bpf_attr_id', { id: u32, next_id: u32, open_flags: u32 });
const { offsets: info, size: infoSize } = struct('bpf_attr_info', { bpf_fd: u32, info_len: u32, info: u64 });

const programInfo = struct('bpf_prog_info', {
  type: u32,
  id: u32,
  tag: bytes(BPF_TAG_SIZE),
  jited_prog_len: u32,
  xlated_prog_len: u32,
  jited_prog_insns: u64,
  xlated_prog_insns: u64,
  load_time: u64,
  created_by_uid: u32,
  nr_map_ids: u32,
  map_ids: u64,
  name: bytes(BPF_OBJ_NAME_LEN),
});

const mapInfo = struct('bpf_map_info', {
  type: u32,
  id: u32,
  key_size: u32,
  value_size: u32,
  max_entries: u32,
  map_flags: u32,
  name: bytes(BPF_OBJ_NAME_LEN),
});

const linkInfo = struct('bpf_link_info', {
  type: u32,
  id: u32,
  prog_id: u32,
  pad: u32,
  // The union's members for TCX and netkit; for XDP the first of them.
  ifindex: u32,
  attach_type: u32,
});

export type ObjectKind = 'program' | 'map' | 'link';

export interface ProgramInfo {
  /** A number of `enum bpf_prog_type`. */
  readonly type: number;
  readonly id: number;
  /** The hash over its instructions, in hexadecimal, as bpftool prints it. */
  readonly tag: string;
  readonly name: string;
  readonly mapIds: readonly number[];
  /** Bytes of code after the verifier, and after the JIT (0 without one). */
  readonly translatedSize: number;
  readonly jitedSize: number;
}

export interface MapInfo {
  /** A number of `enum bpf_map_type`. */
  readonly type: number;
  readonly id: number;
  readonly name: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

export interface LinkInfo {
  /** A number of `enum bpf_link_type`. */
  readonly type: number;
  readonly id: number;
  readonly programId: number;
  /** Of TCX, netkit and XDP: 0 once the interface is gone or the link is detached. */
  readonly ifindex: number;
  /** Of TCX and netkit: a number of `enum bpf_attach_type`. */
  readonly attachType: number;
}

const PATH_MAX = 4096;
const U32 = 4;
/** Enough for every program of ours; more are asked for when the kernel says so. */
const MAP_IDS = 64;

const encoder = new TextEncoder();
const text = (field: Uint8Array): string =>
  new TextDecoder().decode(field.subarray(0, Math.max(0, field.indexOf(0))));

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

const BY_ID: { readonly [K in ObjectKind]: number } = {
  program: BPF_PROG_GET_FD_BY_ID,
  map: BPF_MAP_GET_FD_BY_ID,
  link: BPF_LINK_GET_FD_BY_ID,
};

/** @returns a descriptor for the object with this identifier, undefined where there is none (any more). */
export function openById(kind: ObjectKind, id: number): number | undefined {
  const frame = new Frame(byIdSize);
  frame.u32(byId.id, id);
  const result = frame.call(BY_ID[kind]);
  if (result >= 0) return result;
  if (result === -ERRNO.ENOENT) return undefined;
  const hint = result === -ERRNO.EPERM ? { hint: permissionHint() } : {};
  throw systemError(result, 'bpf(BPF_*_GET_FD_BY_ID)', `cannot open ${kind} ${id}`, {
    object: `${kind} ${id}`,
    ...hint,
  });
}

/** @throws LoaderError with code `EINVAL` or `EBADF` when `fd` is no program. */
export function programInfoOf(fd: number): ProgramInfo {
  let room = MAP_IDS;
  for (;;) {
    const frame = new Frame(infoSize, spaceFor(programInfo.size) + spaceFor(room * U32));
    const at = infoFrame(frame, fd, programInfo.size);
    const ids = frame.reserve(room * U32);
    frame.u32(at + programInfo.offsets.nr_map_ids, room);
    frame.pointer(at + programInfo.offsets.map_ids, ids);
    run(frame, 'program', fd);
    const raw = decode(programInfo, frame.read(at, programInfo.size));
    if (raw.nr_map_ids > room) {
      room = raw.nr_map_ids;
      continue;
    }
    return {
      type: raw.type,
      id: raw.id,
      tag: Buffer.from(raw.tag).toString('hex'),
      name: text(raw.name),
      mapIds: Array.from({ length: raw.nr_map_ids }, (_, i) => frame.getU32(ids + i * U32)),
      translatedSize: raw.xlated_prog_len,
      jitedSize: raw.jited_prog_len,
    };
  }
}

export function mapInfoOf(fd: number): MapInfo {
  const frame = new Frame(infoSize, spaceFor(mapInfo.size));
  const at = infoFrame(frame, fd, mapInfo.size);
  run(frame, 'map', fd);
  const raw = decode(mapInfo, frame.read(at, mapInfo.size));
  return {
    type: raw.type,
    id: raw.id,
    name: text(raw.name),
    keySize: raw.key_size,
    valueSize: raw.value_size,
    maxEntries: raw.max_entries,
    flags: raw.map_flags,
  };
}

export function linkInfoOf(fd: number): LinkInfo {
  const frame = new Frame(infoSize, spaceFor(linkInfo.size));
  const at = infoFrame(frame, fd, linkInfo.size);
  run(frame, 'link', fd);
  const raw = decode(linkInfo, frame.read(at, linkInfo.size));
  // In links of other types the same bytes mean something else.
  const ordered = raw.type === BPF_LINK_TYPE_TCX || raw.type === BPF_LINK_TYPE_NETKIT;
  return {
    type: raw.type,
    id: raw.id,
    programId: raw.prog_id,
    ifindex: ordered || raw.type === BPF_LINK_TYPE_XDP ? raw.ifindex : 0,
    attachType: ordered ? raw.attach_type : 0,
  };
}

function infoFrame(frame: Frame, fd: number, size: number): number {
  const at = frame.reserve(size);
  // The kernel refuses input in fields that it only writes.
  frame.bytes.fill(0, at, at + size);
  frame.u32(info.bpf_fd, fd);
  frame.u32(info.info_len, size);
  frame.pointer(info.info, at);
  return at;
}

function run(frame: Frame, kind: string, fd: number): void {
  const result = frame.call(BPF_OBJ_GET_INFO_BY_FD);
  if (result < 0) {
    const object = `${kind} descriptor ${fd}`;
    throw systemError(result, 'bpf(BPF_OBJ_GET_INFO_BY_FD)', `cannot ask about ${object}`, { object });
  }
}
