// What the kernel says of programs, maps, links and BTF (struct bpf_*_info of include/uapi/linux/bpf.h), decoded from
// bytes alone. A kernel fills in as much as it knows of and says how much that was; what lies behind is undefined here.
// An answer that cannot be one is refused: nothing is allocated by a number that has not been looked at.

import { bytes, LITTLE_ENDIAN, type StructType, struct, u32, u64 } from '../../asm/index.ts';
import { LoaderError } from '../errors.ts';
import {
  BPF_LINK_TYPE_NETKIT,
  BPF_LINK_TYPE_TCX,
  BPF_LINK_TYPE_XDP,
  BPF_OBJ_NAME_LEN,
  BPF_TAG_SIZE,
} from './abi.ts';

const program = struct('bpf_prog_info', {
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
  ifindex: u32,
  /** A bit field: the first bit. */
  gpl_compatible: u32,
  netns_dev: u64,
  netns_ino: u64,
  nr_jited_ksyms: u32,
  nr_jited_func_lens: u32,
  jited_ksyms: u64,
  jited_func_lens: u64,
  btf_id: u32,
  func_info_rec_size: u32,
  func_info: u64,
  nr_func_info: u32,
  nr_line_info: u32,
  line_info: u64,
  jited_line_info: u64,
  nr_jited_line_info: u32,
  line_info_rec_size: u32,
  jited_line_info_rec_size: u32,
  nr_prog_tags: u32,
  prog_tags: u64,
  run_time_ns: u64,
  run_cnt: u64,
  recursion_misses: u64,
  verified_insns: u32,
  attach_btf_obj_id: u32,
  attach_btf_id: u32,
  pad: u32,
});

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

const link = struct('bpf_link_info', {
  type: u32,
  id: u32,
  prog_id: u32,
  pad: u32,
  // The union's members for TCX and netkit; for XDP the first of them.
  ifindex: u32,
  attach_type: u32,
});

const btf = struct('bpf_btf_info', {
  btf: u64,
  btf_size: u32,
  id: u32,
  name: u64,
  name_len: u32,
  kernel_btf: u32,
});

/** Sizes and offsets for whoever asks. */
export const INFO_SIZE: { readonly [K in 'program' | 'map' | 'link' | 'btf']: number } = {
  program: program.size,
  map: map.size,
  link: link.size,
  btf: btf.size,
};
type Pointers =
  | 'jited_prog_len'
  | 'xlated_prog_len'
  | 'jited_prog_insns'
  | 'xlated_prog_insns'
  | 'nr_map_ids'
  | 'map_ids';
export const PROGRAM_INFO: { readonly [F in Pointers]: number } = program.offsets;
export const BTF_INFO: { readonly [F in 'btf' | 'btf_size' | 'name' | 'name_len']: number } = btf.offsets;

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
  /** Nanoseconds from the machine's start, sleep included. */
  readonly loadTime: bigint;
  /** Who loaded it. */
  readonly uid: number;
  /** The device it is bound to, 0 where it is not. */
  readonly ifindex: number | undefined;
  readonly gplCompatible: boolean | undefined;
  /** The types it came with, 0 without. Since Linux 5.0. */
  readonly btfId: number | undefined;
  /** How often it ran and for how many nanoseconds, while statistics were on. Since Linux 5.1. */
  readonly runCount: bigint | undefined;
  readonly runTime: bigint | undefined;
  /** Runs that were left out because it was running already on that CPU. Since Linux 5.12. */
  readonly recursionMisses: bigint | undefined;
  /** Instructions that the verifier went through. Since Linux 5.16. */
  readonly verifiedInstructions: number | undefined;
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
  /** Types of key and value, 0 where there are none. Since Linux 4.18. */
  readonly btfId: number | undefined;
  readonly btfKeyType: number | undefined;
  readonly btfValueType: number | undefined;
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

export interface BtfInfo {
  readonly id: number;
  /** Bytes of the types as they were loaded. */
  readonly size: number;
  /** Whether these are the kernel's or a module's own. Since Linux 5.11. */
  readonly kernel: boolean | undefined;
  /** Bytes of the name, without the zero at its end; the kernel's and its modules' have one. */
  readonly nameLength: number | undefined;
}

/** A program uses at most 64 maps (MAX_USED_MAPS); more can be bound to it. */
const MAX_MAP_IDS = 65_536;
/** Code of a million instructions, however the JIT blows it up. */
const MAX_CODE = 256 * 1024 * 1024;
/** BTF_MAX_SIZE of newer kernels is 16 MiB; their own types may be larger. */
const MAX_BTF = 256 * 1024 * 1024;
/** A module's name (MODULE_NAME_LEN), and some. */
const MAX_BTF_NAME = 1024;
/** A key or value larger than this is none (KMALLOC_MAX_SIZE, and INT_MAX for arrays). */
const MAX_ELEMENT = 0x7fff_ffff;
const NAME = /^[A-Za-z0-9_.]*$/;

/** The fields of one answer: those within `length` bytes are there. */
class Answer<F extends string> {
  readonly #what: string;
  readonly #layout: { readonly size: number; readonly offsets: { readonly [N in F]: number } };
  readonly #data: Uint8Array;
  readonly #view: DataView;
  readonly #length: number;

  constructor(
    what: string,
    layout: StructType & { readonly offsets: { readonly [N in F]: number } },
    data: Uint8Array,
    length: number,
    needed: number,
  ) {
    this.#what = what;
    this.#layout = layout;
    this.#data = data;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.#length = length;
    if (!Number.isInteger(length) || length > data.length || length < needed) {
      throw this.bad(`${length} bytes of at least ${needed} and at most ${data.length}`);
    }
    if (this.u32('id' as F) === 0) throw this.bad('identifier 0');
  }

  bad(why: string): LoaderError {
    return new LoaderError(`the kernel's answer about ${this.#what} makes no sense: ${why}`, {
      code: 'EINFO',
      object: this.#what,
      syscall: 'bpf(BPF_OBJ_GET_INFO_BY_FD)',
    });
  }

  u32(field: F): number {
    return this.#view.getUint32(this.#layout.offsets[field], LITTLE_ENDIAN);
  }

  u64(field: F): bigint {
    return this.#view.getBigUint64(this.#layout.offsets[field], LITTLE_ENDIAN);
  }

  bytes(field: F, size: number): Uint8Array {
    const at = this.#layout.offsets[field];
    return this.#data.slice(at, at + size);
  }

  /** `read`, if the kernel knows of `field`, of so many bytes. */
  known<T>(field: F, size: number, read: (field: F) => T): T | undefined {
    return this.#layout.offsets[field] + size <= this.#length ? read(field) : undefined;
  }

  u32IfKnown(field: F): number | undefined {
    return this.known(field, u32.size, () => this.u32(field));
  }

  u64IfKnown(field: F): bigint | undefined {
    return this.known(field, u64.size, () => this.u64(field));
  }

  name(field: F): string {
    const raw = this.bytes(field, BPF_OBJ_NAME_LEN);
    const end = raw.indexOf(0);
    const name = new TextDecoder('latin1').decode(raw.subarray(0, Math.max(0, end)));
    if (end < 0 || !NAME.test(name)) throw this.bad('a name that is none');
    return name;
  }

  most(field: F, limit: number): number {
    const value = this.u32(field);
    if (value > limit) throw this.bad(`${field} ${value}`);
    return value;
  }
}

/**
 * @param data as long as `INFO_SIZE.program`, of which the kernel has written `length` bytes
 * @param mapIds what it has written where `map_ids` pointed to: identifiers of 32 bits
 * @returns 'more' with the number of maps where there are more than fit into `mapIds`
 * @throws LoaderError with code `EINFO`
 */
export function decodeProgramInfo(
  data: Uint8Array,
  length: number,
  mapIds: Uint8Array,
  what: string,
): ProgramInfo | { readonly more: number } {
  const { offsets } = program;
  const answer = new Answer<keyof typeof offsets>(what, program, data, length, offsets.ifindex);
  const maps = answer.most('nr_map_ids', MAX_MAP_IDS);
  if (maps * u32.size > mapIds.length) return { more: maps };
  const ids = new DataView(mapIds.buffer, mapIds.byteOffset, mapIds.byteLength);
  return {
    type: answer.u32('type'),
    id: answer.u32('id'),
    tag: Buffer.from(answer.bytes('tag', BPF_TAG_SIZE)).toString('hex'),
    name: answer.name('name'),
    mapIds: Array.from({ length: maps }, (_, i) => ids.getUint32(i * u32.size, LITTLE_ENDIAN)),
    translatedSize: answer.most('xlated_prog_len', MAX_CODE),
    jitedSize: answer.most('jited_prog_len', MAX_CODE),
    loadTime: answer.u64('load_time'),
    uid: answer.u32('created_by_uid'),
    ifindex: answer.u32IfKnown('ifindex'),
    gplCompatible: answer.known('gpl_compatible', u32.size, (field) => isFirstBitSet(answer.u32(field))),
    btfId: answer.u32IfKnown('btf_id'),
    runCount: answer.u64IfKnown('run_cnt'),
    runTime: answer.u64IfKnown('run_time_ns'),
    recursionMisses: answer.u64IfKnown('recursion_misses'),
    verifiedInstructions: answer.u32IfKnown('verified_insns'),
  };
}

/** The first bit of a bit field is the lowest on little-endian machines, the highest on others. */
const isFirstBitSet = (field: number): boolean => (LITTLE_ENDIAN ? field & 1 : field >>> 31) === 1;

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

/** @param data as long as `INFO_SIZE.link`, of which the kernel has written `length` bytes. @throws LoaderError `EINFO` */
export function decodeLinkInfo(data: Uint8Array, length: number, what: string): LinkInfo {
  const { offsets } = link;
  const answer = new Answer<keyof typeof offsets>(what, link, data, length, offsets.pad);
  const type = answer.u32('type');
  // In links of other types the same bytes mean something else.
  const ordered = type === BPF_LINK_TYPE_TCX || type === BPF_LINK_TYPE_NETKIT;
  return {
    type,
    id: answer.u32('id'),
    programId: answer.u32('prog_id'),
    ifindex: ordered || type === BPF_LINK_TYPE_XDP ? (answer.u32IfKnown('ifindex') ?? 0) : 0,
    attachType: ordered ? (answer.u32IfKnown('attach_type') ?? 0) : 0,
  };
}

/** @param data as long as `INFO_SIZE.btf`, of which the kernel has written `length` bytes. @throws LoaderError `EINFO` */
export function decodeBtfInfo(data: Uint8Array, length: number, what: string): BtfInfo {
  const { offsets } = btf;
  const answer = new Answer<keyof typeof offsets>(what, btf, data, length, offsets.name);
  return {
    id: answer.u32('id'),
    size: answer.most('btf_size', MAX_BTF),
    kernel: answer.known('kernel_btf', u32.size, (field) => answer.u32(field) !== 0),
    nameLength: answer.known('name_len', u32.size, (field) => answer.most(field, MAX_BTF_NAME)),
  };
}
