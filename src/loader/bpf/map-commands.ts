// The map commands of bpf(2) on single elements, in bytes. A result is what the kernel says: undefined or
// false for a key that is not there, an error for everything unexpected.
// Left out: lookup-and-delete, freeze, map-in-map by name.

import { btf, bytes, type MapSpec, struct, u32, u64 } from '../../asm/index.ts';
import { ERRNO, type LoaderError, systemError } from '../errors.ts';
import {
  BPF_ANY,
  BPF_EXIST,
  BPF_MAP_CREATE,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_FREEZE,
  BPF_MAP_GET_NEXT_KEY,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_UPDATE_ELEM,
  BPF_NOEXIST,
  BPF_OBJ_NAME_LEN,
  MAP_TYPES,
} from './abi.ts';
import { withBtf } from './btf-commands.ts';
import { Frame, spaceFor } from './frame.ts';
import { permissionHint, raiseMemlock } from './privilege.ts';

const createAttr = struct('bpf_attr_map_create', {
  map_type: u32,
  key_size: u32,
  value_size: u32,
  max_entries: u32,
  map_flags: u32,
  inner_map_fd: u32,
  numa_node: u32,
  map_name: bytes(BPF_OBJ_NAME_LEN),
  map_ifindex: u32,
  btf_fd: u32,
  btf_key_type_id: u32,
  btf_value_type_id: u32,
});

const { offsets: elem, size: elemSize } = struct('bpf_attr_elem', {
  map_fd: u32,
  pad: bytes(4),
  key: u64,
  value: u64,
  flags: u64,
});

/** An open map as these commands need it: the descriptor, and sizes that include every CPU's value. */
export interface MapHandle {
  readonly fd: number;
  readonly name: string;
  readonly keySize: number;
  /** Bytes that a look-up fills: for a per-CPU map all CPUs, each rounded up to 8. */
  readonly transferSize: number;
  readonly maxEntries: number;
}

/** What an update may find: anything, no element with this key, or one. */
export type UpdateMode = 'any' | 'noexist' | 'exist';
const MODES: { readonly [M in UpdateMode]: number } = {
  any: BPF_ANY,
  noexist: BPF_NOEXIST,
  exist: BPF_EXIST,
};

/**
 * How often a failed allocation of an element is tried again: a map without preallocation refills its
 * per-CPU reserve in the background and can answer ENOMEM when it is filled faster than that.
 */
const ENOMEM_RETRIES = 16;

const encoder = new TextEncoder();

/** @returns the descriptor, close-on-exec. The map has the types of its key and value where the kernel takes them. */
export function createMap(spec: MapSpec, options: { innerMapFd?: number } = {}): number {
  const types = btf.mapBtf(spec);
  const attempt = (btfFd?: number): number => {
    const frame = new Frame(createAttr.size);
    const { offsets } = createAttr;
    frame.u32(offsets.map_type, MAP_TYPES[spec.type]);
    frame.u32(offsets.key_size, spec.keySize);
    frame.u32(offsets.value_size, spec.valueSize);
    frame.u32(offsets.max_entries, spec.maxEntries);
    frame.u32(offsets.map_flags, spec.flags);
    frame.u32(offsets.inner_map_fd, options.innerMapFd ?? 0);
    frame.bytes.set(encoder.encode(spec.name), offsets.map_name);
    if (btfFd !== undefined && types !== undefined) {
      frame.u32(offsets.btf_fd, btfFd);
      frame.u32(offsets.btf_key_type_id, types.keyType);
      frame.u32(offsets.btf_value_type_id, types.valueType);
    }
    return frame.call(BPF_MAP_CREATE);
  };
  let result = withBtf(types?.data, attempt);
  // Types are an extra: without them it is the same map.
  if (result < 0 && types !== undefined) result = attempt();
  if ((result === -ERRNO.EPERM || result === -ERRNO.ENOMEM) && raiseMemlock()) result = attempt();
  if (result >= 0) return result;
  throw mapError(result, 'BPF_MAP_CREATE', `cannot create map '${spec.name}'`, spec);
}

/** Nobody but programs writes to it any more, and where the map is read-only to these, nobody at all. */
export function freezeMap(fd: number, map: MapSpec): void {
  const frame = new Frame(elemSize);
  frame.u32(elem.map_fd, fd);
  const result = frame.call(BPF_MAP_FREEZE);
  if (result < 0) throw mapError(result, 'BPF_MAP_FREEZE', `cannot freeze map '${map.name}'`, map);
}

export function lookupElement(map: MapHandle, key: Uint8Array): Uint8Array | undefined {
  const frame = keyed(map, key, map.transferSize);
  const at = frame.reserve(map.transferSize);
  frame.pointer(elem.value, at);
  const result = frame.call(BPF_MAP_LOOKUP_ELEM);
  if (result === 0) return frame.read(at, map.transferSize);
  if (result === -ERRNO.ENOENT) return undefined;
  throw mapError(result, 'BPF_MAP_LOOKUP_ELEM', `cannot read from map '${map.name}'`, map);
}

/**
 * @returns 'done', or 'exists' (mode noexist) or 'missing' (mode exist) with the map unchanged.
 * @throws LoaderError with code `E2BIG` when the map is full.
 */
export function updateElement(
  map: MapHandle,
  key: Uint8Array,
  value: Uint8Array,
  mode: UpdateMode,
): 'done' | 'exists' | 'missing' {
  requireSize(map, 'value', value, map.transferSize);
  for (let attempt = 0; ; attempt++) {
    const frame = keyed(map, key, map.transferSize);
    frame.pointer(elem.value, frame.put(value));
    frame.u64(elem.flags, MODES[mode]);
    const result = frame.call(BPF_MAP_UPDATE_ELEM);
    if (result === 0) return 'done';
    if (result === -ERRNO.EEXIST && mode === 'noexist') return 'exists';
    if (result === -ERRNO.ENOENT && mode === 'exist') return 'missing';
    if (result === -ERRNO.ENOMEM && attempt < ENOMEM_RETRIES) continue;
    throw mapError(result, 'BPF_MAP_UPDATE_ELEM', `cannot write to map '${map.name}'`, map);
  }
}

/** @returns whether the key was there. */
export function deleteElement(map: MapHandle, key: Uint8Array): boolean {
  const result = keyed(map, key, 0).call(BPF_MAP_DELETE_ELEM);
  if (result === 0) return true;
  if (result === -ERRNO.ENOENT) return false;
  throw mapError(result, 'BPF_MAP_DELETE_ELEM', `cannot delete from map '${map.name}'`, map);
}

/** The key behind `key` in the kernel's order, the first one for undefined; undefined at the end. */
export function nextKey(map: MapHandle, key: Uint8Array | undefined): Uint8Array | undefined {
  const frame = new Frame(elemSize, spaceFor(map.keySize) * 2);
  frame.u32(elem.map_fd, map.fd);
  if (key !== undefined) frame.pointer(elem.key, frame.put(key));
  const at = frame.reserve(map.keySize);
  frame.pointer(elem.value, at);
  const result = frame.call(BPF_MAP_GET_NEXT_KEY);
  if (result === 0) return frame.read(at, map.keySize);
  if (result === -ERRNO.ENOENT) return undefined;
  throw mapError(result, 'BPF_MAP_GET_NEXT_KEY', `cannot list map '${map.name}'`, map);
}

function keyed(map: MapHandle, key: Uint8Array, valueSize: number): Frame {
  requireSize(map, 'key', key, map.keySize);
  const frame = new Frame(elemSize, spaceFor(map.keySize) + spaceFor(valueSize));
  frame.u32(elem.map_fd, map.fd);
  frame.pointer(elem.key, frame.put(key));
  return frame;
}

function requireSize(map: MapHandle, what: string, data: Uint8Array, size: number): void {
  if (data.length !== size) {
    throw new RangeError(`map '${map.name}': a ${what} has ${size} bytes, not ${data.length}`);
  }
}

/** An error of a map command, explained where the number alone says little. */
export function mapError(
  result: number,
  command: string,
  what: string,
  map: { readonly name: string; readonly maxEntries: number },
): LoaderError {
  const object = `map '${map.name}'`;
  const syscall = `bpf(${command})`;
  if (result === -ERRNO.EPERM) return systemError(result, syscall, what, { object, hint: permissionHint() });
  if (result === -ERRNO.E2BIG && command !== 'BPF_MAP_CREATE') {
    return systemError(result, syscall, what, { object, detail: `full with ${map.maxEntries} entries` });
  }
  if (result === -ERRNO.ENOMEM) {
    return systemError(result, syscall, what, { object, detail: 'the kernel has no memory for it' });
  }
  return systemError(result, syscall, what, { object });
}
