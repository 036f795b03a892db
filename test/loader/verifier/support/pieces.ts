// What refused programs are: what is said of them, and the maps and sequences that many of them share.

import {
  defineMap,
  type Item,
  instruction,
  type Label,
  type MapDefinition,
  type ProgramType,
  u32,
  u64,
} from '../../../../src/asm/index.ts';

const { add, call, exit, jgt, label, load, loadMap, mov, storeImm } = instruction;

export interface RefusedProgram {
  /** What `VerifierError.kind` must be. */
  readonly kind: string;
  readonly items: readonly Item[];
  readonly type?: ProgramType;
  readonly license?: string;
  /** Index of the refused instruction; left out where the check is of the whole. */
  readonly at?: number;
  /** In the kernel's words, in what is said of the registers, and in the hint. */
  readonly reason: RegExp;
  readonly state?: RegExp;
  readonly hint: RegExp;
  /** `BPF_F_*` of BPF_PROG_LOAD. */
  readonly flags?: number;
  /** Only refused to whoever has CAP_BPF and CAP_NET_ADMIN, but not CAP_PERFMON. */
  readonly withoutPerfmon?: true;
}

export const colours: MapDefinition = defineMap({
  name: 'colours',
  type: 'hash',
  key: u32,
  value: u64,
  maxEntries: 4,
});
export const jumps: MapDefinition = defineMap({
  name: 'jumps',
  type: 'prog_array',
  key: u32,
  value: u32,
  maxEntries: 4,
});

/** bpf_map_lookup_elem, by its number in include/uapi/linux/bpf.h. */
export const MAP_LOOKUP = 1;
/** struct __sk_buff */
export const DATA = 76;
export const DATA_END = 80;

export const out: Label = label('out');
export const end: Item[] = [mov.imm(0, 0), exit()];
export const leave: Item[] = [{ place: out }, ...end];
export const lookup: Item[] = [
  storeImm(4, 10, -4, 7),
  mov.reg(2, 10),
  add.imm(2, -4),
  loadMap(1, colours),
  call(MAP_LOOKUP),
];
/** r2 is the packet, r3 its end, and 14 bytes are there. */
export const fourteen: Item[] = [
  load(4, 2, 1, DATA),
  load(4, 3, 1, DATA_END),
  mov.reg(4, 2),
  add.imm(4, 14),
  jgt.reg(4, 3, out),
];
