// BPF_MAP_CREATE and BPF_MAP_FREEZE, and what errors of map commands say.

import { readFileSync } from 'node:fs';
import { bytes, type MapSpec, mapBtf, struct, u32, u64 } from '../../asm/data.ts';
import { ERRNO, type LoaderError, systemError } from '../errors.ts';
import { BPF_MAP_CREATE, BPF_MAP_FREEZE, BPF_OBJ_NAME_LEN, MAP_TYPES } from './abi.ts';
import { withBtf } from './btf-commands.ts';
import { Frame } from './frame.ts';
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

const encoder = new TextEncoder();

/** @returns the descriptor, close-on-exec. The map has the types of its key and value where the kernel takes them. */
export function createMap(spec: MapSpec, options: { innerMapFd?: number } = {}): number {
  const types = mapBtf(spec);
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

const { offsets: freeze, size: freezeSize } = struct('bpf_attr_map_freeze', {
  map_fd: u32,
  pad: bytes(4),
  key: u64,
  value: u64,
  flags: u64,
});

/** Nobody but programs writes to it any more, and where the map is read-only to these, nobody at all. Since 5.2. */
export function freezeMap(fd: number, map: { readonly name: string; readonly maxEntries: number }): void {
  const frame = new Frame(freezeSize);
  frame.u32(freeze.map_fd, fd);
  const result = frame.call(BPF_MAP_FREEZE);
  if (result < 0) throw mapError(result, 'BPF_MAP_FREEZE', `cannot freeze map '${map.name}'`, map);
}

/** Whether the map was frozen, by whomever; false also on kernels that do not tell (before Linux 5.2). */
export function isFrozen(fd: number): boolean {
  try {
    return /^frozen:\s*1$/m.test(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'));
  } catch {
    return false;
  }
}

/** An error of a map command, explained where the number alone says little. */
export function mapError(
  result: number,
  command: string,
  what: string,
  map: { readonly name: string; readonly maxEntries: number; readonly fd?: number },
): LoaderError {
  const object = `map '${map.name}'`;
  const syscall = `bpf(${command})`;
  if (result === -ERRNO.EPERM) {
    if (map.fd !== undefined && isFrozen(map.fd)) {
      return systemError(result, syscall, what, { object, detail: 'the map is frozen' });
    }
    return systemError(result, syscall, what, { object, hint: permissionHint() });
  }
  if (result === -ERRNO.E2BIG && command !== 'BPF_MAP_CREATE') {
    return systemError(result, syscall, what, { object, detail: `full with ${map.maxEntries} entries` });
  }
  return systemError(result, syscall, what, { object });
}
