// What goes into a run of a program and what comes out of it.

import type { Clone, FibLookup, HelperModel, Redirect } from './environment.ts';
import type { VmMap } from './map/map.ts';
import type { ChecksumState } from './packet/checksum-state.ts';
import type { SkbOptions, VlanTag } from './packet/skb.ts';
import type { XdpOptions } from './packet/xdp.ts';
import type { Watcher } from './watch.ts';

export interface VmOptions {
  /** The program's maps by name. Those that are not given are made, empty. */
  readonly maps?: { readonly [name: string]: VmMap };
  /** Maps of a raw program by the descriptors in its code. */
  readonly descriptors?: ReadonlyMap<number, VmMap>;
  /** Instructions a run may take; 100 million where left out. */
  readonly instructionLimit?: number;
  /** Nanoseconds since some start; a clock that stands at 1 second where left out. */
  readonly now?: () => bigint;
  /** 32 random bits; the same sequence each time where left out. */
  readonly random?: () => number;
  /** The CPU it runs on; 0 where left out. */
  readonly cpu?: number;
  /** How many values the per-CPU maps made here have; 1 where left out. */
  readonly cpus?: number;
  /** The routing table; one that knows no route where left out. */
  readonly fibLookup?: FibLookup;
  /** More helpers, or others in the place of those modelled, by number. */
  readonly helpers?: ReadonlyMap<number, HelperModel>;
  /** Kernel functions by BTF id. */
  readonly kfuncs?: ReadonlyMap<number, HelperModel>;
  /** Sees every instruction before and after; a run that is watched is several times slower. */
  readonly watch?: readonly Watcher[];
}

/** A packet and what surrounds it. */
export interface PacketInput {
  /** From the link-layer header on; copied. */
  readonly packet: Uint8Array;
  /** How many of its bytes a program reaches directly; all where left out. */
  readonly linear?: number;
  /** For traffic control programs. */
  readonly skb?: SkbOptions;
  /** For XDP programs. */
  readonly xdp?: XdpOptions;
}

export interface RunResult {
  /** r0, 64 unsigned bits. */
  readonly r0: bigint;
  /** r0 as the kernel takes it from a packet program: 32 unsigned bits. */
  readonly returnValue: number;
  /** The packet as the program left it, from the link-layer header on. */
  readonly packet: Uint8Array;
  /** Metadata in front of it. */
  readonly meta: Uint8Array;
  /** `struct __sk_buff` as the program left it, pointers zero; of traffic control programs only. */
  readonly context: Uint8Array;
  /** Of traffic control programs only. */
  readonly checksum: ChecksumState | undefined;
  /** The tag beside the packet. */
  readonly vlan: VlanTag | undefined;
  readonly instructions: number;
  readonly redirect: Redirect | undefined;
  readonly clones: readonly Clone[];
  /** What `bpf_trace_printk` printed. */
  readonly trace: readonly string[];
}
