// What the assembler hands on: a finished program and the maps it refers to, as plain data.
// Anything that can read these two shapes (a loader, an interpreter, an ELF writer) can use the assembler.

import type { MapType, ProgramType } from './kernel.ts';

export type { MapType, ProgramType } from './kernel.ts';

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
  /** What the value at key 0 is to hold before a program runs: global data. At most `valueSize` bytes. */
  readonly initial?: Uint8Array;
  /** Nobody writes to it any more once `initial` is there (`BPF_MAP_FREEZE`): constants, to the verifier too. */
  readonly frozen?: boolean;
  /** Maps of maps: what every inner map looks like. */
  readonly inner?: MapSpec;
  /** Types of key and value where they come from elsewhere; else they are made from the layouts, where there are any. */
  readonly btf?: MapBtf;
}

/** Types of a map's key and value as `BPF_MAP_CREATE` takes them. A type of 0 is none. */
export interface MapBtf {
  /** For `BPF_BTF_LOAD`. */
  readonly data: Uint8Array;
  readonly keyType: number;
  readonly valueType: number;
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
  /** 0 where it is not known. */
  readonly column: number;
  /** The line itself, where it is known. */
  readonly text?: string;
}

/** A function inside `code`. */
export interface ProgramFunction {
  readonly name: string;
  /** Index of its first instruction, in 8-byte units. */
  readonly index: number;
}

/** Something an object file leaves to its loader, and which has not been done: the program cannot run like this. */
export interface Unresolved {
  /** `core`: a CO-RE relocation; `extern`: a variable, `kfunc`: a function of the kernel. */
  readonly kind: 'core' | 'extern' | 'kfunc';
  /** Index of the instruction, in 8-byte units. */
  readonly index: number;
  /** What is missing, in words. */
  readonly what: string;
  /** Its name, of a variable or function. */
  readonly name?: string;
}

/** Types and lines of a program as `BPF_PROG_LOAD` takes them. */
export interface ProgramBtf {
  /** For `BPF_BTF_LOAD`. */
  readonly data: Uint8Array;
  /** `struct bpf_func_info`, 8 bytes each: instruction, type. */
  readonly funcInfo: Uint8Array;
  /** `struct bpf_line_info`, 16 bytes each: instruction, file, text, line and column. */
  readonly lineInfo: Uint8Array;
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
  /** In the order of `code`, the program itself first; left out where it has no subprograms, or they no names. */
  readonly functions?: readonly ProgramFunction[];
  /** `enum bpf_attach_type`, where the kernel wants to know it when the program is loaded. */
  readonly attachType?: number;
  /** `BPF_F_*` bits of `BPF_PROG_LOAD`. */
  readonly flags?: number;
  /** Not empty: it can be looked at but not run. */
  readonly unresolved?: readonly Unresolved[];
  /** Types and lines where they come from elsewhere; else they are made from `functions` and `locations`. */
  readonly btf?: ProgramBtf;
}
