// What the assembler hands on: a finished program and the maps it refers to, as plain data.
// Anything that can read these two shapes (a loader, an interpreter, an ELF writer) can use the assembler.

/** Program types the DSL emits, by libbpf's section names. */
export type ProgramType = 'sched_cls' | 'xdp';

/** Map types, by the kernel's names in lower case (`BPF_MAP_TYPE_*`, include/uapi/linux/bpf.h). */
export type MapType =
  | 'hash'
  | 'array'
  | 'prog_array'
  | 'percpu_hash'
  | 'percpu_array'
  | 'lru_hash'
  | 'lru_percpu_hash'
  | 'lpm_trie'
  | 'array_of_maps'
  | 'hash_of_maps'
  | 'devmap'
  | 'devmap_hash'
  | 'ringbuf';

/** What a map must be made as. Sizes in bytes. */
export interface MapSpec {
  /** At most 15 characters out of `[A-Za-z0-9_.]`: the kernel's limit. */
  readonly name: string;
  readonly type: MapType;
  readonly keySize: number;
  /** For per-CPU maps the size of one CPU's value. */
  readonly valueSize: number;
  readonly maxEntries: number;
  /** `BPF_F_*` bits. */
  readonly flags: number;
}

/** An instruction whose 64-bit immediate is to be replaced by the descriptor of a map. */
export interface MapRelocation {
  /** Index, in 8-byte units, of the first half of the `ld_imm64`. */
  readonly index: number;
  readonly map: MapSpec;
  /** Set where the immediate is an address *inside* the map's first value (`BPF_PSEUDO_MAP_VALUE`). */
  readonly valueOffset?: number;
}

/** Where in the TypeScript source an instruction came from. Lines and columns start at 1. */
export interface SourceLocation {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A program ready for `BPF_PROG_LOAD`, all but the map descriptors. */
export interface Program {
  /** At most 15 characters. */
  readonly name: string;
  readonly type: ProgramType;
  /** Licence declared to the kernel; GPL-compatible, since most helpers ask for it. */
  readonly license: string;
  /** Instructions in the byte order of this machine, 8 bytes each (RFC 9669, section 3). */
  readonly code: Uint8Array;
  readonly relocations: readonly MapRelocation[];
  /** One entry for each 8-byte unit of `code`; undefined where nothing is known. */
  readonly locations: readonly (SourceLocation | undefined)[];
}
