// What the kernel says of a map: struct bpf_map_info of include/uapi/linux/bpf.h.

import { bytes, struct, u32, u64 } from '../../../asm/data.ts';
import { BPF_OBJ_NAME_LEN } from '../abi.ts';
import { Answer } from './answer.ts';

const map = struct('bpf_map_info', {
  type: u32,
  id: u32,
  key_size: u32,
  value_size: u32,
  max_entries: u32,
  map_flags: u32,
  name: bytes(BPF_OBJ_NAME_LEN),
  ifindex: u32,
  btf_vmlinux_value_type_id: u32,
  netns_dev: u64,
  netns_ino: u64,
  btf_id: u32,
  btf_key_type_id: u32,
  btf_value_type_id: u32,
  pad: u32,
  map_extra: u64,
});

export const MAP_INFO_SIZE: number = map.size;

export interface MapInfo {
  /** A number of `enum bpf_map_type`. */
  readonly type: number;
  readonly id: number;
  readonly name: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** Types of key and value, 0 where there are none. Since Linux 4.18. */
  readonly btfId: number | undefined;
  readonly btfKeyType: number | undefined;
  readonly btfValueType: number | undefined;
}

/** A key or value larger than this is none (KMALLOC_MAX_SIZE, and INT_MAX for arrays). */
const MAX_ELEMENT = 0x7fff_ffff;

/** @param data as long as `INFO_SIZE.map`, of which the kernel has written `length` bytes. @throws LoaderError `EINFO` */
export function decodeMapInfo(data: Uint8Array, length: number, what: string): MapInfo {
  const { offsets } = map;
  const answer = new Answer<keyof typeof offsets>(what, map, data, length, offsets.ifindex);
  return {
    type: answer.u32('type'),
    id: answer.u32('id'),
    name: answer.name('name'),
    keySize: answer.most('key_size', MAX_ELEMENT),
    valueSize: answer.most('value_size', MAX_ELEMENT),
    maxEntries: answer.u32('max_entries'),
    flags: answer.u32('map_flags'),
    btfId: answer.u32IfKnown('btf_id'),
    btfKeyType: answer.u32IfKnown('btf_key_type_id'),
    btfValueType: answer.u32IfKnown('btf_value_type_id'),
  };
}
