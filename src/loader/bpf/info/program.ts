// What the kernel says of a program: struct bpf_prog_info of include/uapi/linux/bpf.h.

import { bytes, LITTLE_ENDIAN, struct, u32, u64 } from '../../../asm/data.ts';
import { BPF_OBJ_NAME_LEN, BPF_TAG_SIZE } from '../abi.ts';
import { Answer } from './answer.ts';

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

export const PROGRAM_INFO_SIZE: number = program.size;

type Pointers =
  | 'jited_prog_len'
  | 'xlated_prog_len'
  | 'jited_prog_insns'
  | 'xlated_prog_insns'
  | 'nr_map_ids'
  | 'map_ids';

/** Offsets of what points to more, and of how much there is. */
export const PROGRAM_INFO: { readonly [F in Pointers]: number } = program.offsets;

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

/** A program uses at most 64 maps (MAX_USED_MAPS); more can be bound to it. */
const MAX_MAP_IDS = 65_536;
/** Code of a million instructions, however the JIT blows it up. */
const MAX_CODE = 256 * 1024 * 1024;

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
