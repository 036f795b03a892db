// What surrounds a program: its maps, the helpers, a clock, the routing table. Everything that is not the program's own
// doing comes from here, so that a run can be repeated exactly.

import type { MapSpec } from '../asm/index.ts';
import type { Machine } from './core/machine.ts';
import type { Trap } from './fault.ts';
import type { VmMap } from './map/map.ts';

/** A helper: reads r1 to r5, leaves its result in r0. @throws Trap for arguments the verifier would refuse */
export type HelperModel = (machine: Machine) => void;

/** Some helpers by their names. */
export type HelperModels<N extends string> = { readonly [name in N]: HelperModel };

/**
 * Answers `bpf_fib_lookup`: fills in `struct bpf_fib_lookup` (64 bytes, as in include/uapi/linux/bpf.h) and returns
 * `BPF_FIB_LKUP_RET_*` or a negative error number.
 */
export type FibLookup = (params: Uint8Array, flags: number) => number;

export interface Environment {
  readonly helpers: ReadonlyMap<number, HelperModel>;
  /** Kernel functions by BTF id. */
  readonly kfuncs: ReadonlyMap<number, HelperModel>;
  /** A map by its declaration, or by the descriptor a raw program has. */
  mapOf(map: MapSpec | number): VmMap | undefined;
  /** What to say of a helper that is not modelled. */
  unknownHelper(id: number): Trap;
  /** Nanoseconds since some start. */
  now(): bigint;
  /** 32 random bits. */
  random(): number;
  readonly cpu: number;
  readonly fibLookup: FibLookup;
}

/** A packet sent elsewhere: by an interface, or by an entry of a map. */
export interface Redirect {
  readonly helper: 'redirect' | 'redirect_peer' | 'redirect_neigh' | 'redirect_map';
  readonly ifindex?: number;
  readonly map?: VmMap;
  readonly key?: number;
  readonly flags: number;
  /** `struct bpf_redir_neigh`, where the program gave one. */
  readonly neighbour?: Uint8Array;
}

/** A copy of the packet sent on the way. */
export interface Clone {
  readonly ifindex: number;
  readonly flags: number;
  readonly packet: Uint8Array;
}

/** What a run leaves behind besides its result, packet and maps. */
export interface Effects {
  /** The last one counts, and only if the program's result says so. */
  redirect: Redirect | undefined;
  readonly clones: Clone[];
  /** Lines of `bpf_trace_printk`. */
  readonly trace: string[];
}

export const newEffects = (): Effects => ({ redirect: undefined, clones: [], trace: [] });
