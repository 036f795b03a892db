// What can be asked of an instance, as plain data: the contract between the command line and src/nat/instance.

import type { AddressMapping } from '../mapping.ts';
import type { Direction, Reason } from '../reason.ts';

/** Where the programs sit. `auto` is TCX where the kernel has it, else clsact. */
export type Hook = 'tcx' | 'clsact';
/** What becomes of IPv4 (and other IP) packets that no mapping names. */
export type Policy = 'pass' | 'drop';

export interface AttachOptions {
  /** Name of the outside interface, in `netns` where that is given. */
  readonly interface: string;
  /** Name of the instance and of its pin folder; the interface's name where left out. */
  readonly name?: string;
  readonly hook?: Hook | 'auto';
  /** Name of a network namespace under /run/netns. */
  readonly netns?: string;
  readonly unmapped?: Policy;
  /** Most address mappings the instance can hold. */
  readonly capacity?: number;
  /** Left out with `replace`: the mappings stay as they are. */
  readonly mappings?: readonly AddressMapping[];
  /** Swap the programs of a running instance instead of refusing. */
  readonly replace?: boolean;
}

export interface Counters {
  readonly packets: bigint;
  readonly bytes: bigint;
}

export interface MappingState {
  readonly mapping: AddressMapping;
  readonly outbound: Counters;
  readonly inbound: Counters;
}

export interface ProgramState {
  readonly id: number;
  readonly tag: string;
}

export interface InstanceStatus {
  readonly name: string;
  readonly interface: string;
  readonly ifindex: number;
  readonly netns?: string;
  readonly hook: Hook;
  readonly unmapped: Policy;
  /** False when something of it is missing, each thing named in `problems`. */
  readonly healthy: boolean;
  readonly problems: readonly string[];
  readonly programs: { readonly [D in Direction]?: ProgramState };
  readonly mappings: number;
  readonly capacity: number;
  /** Sum over the mappings that are there now. */
  readonly translated: { readonly [D in Direction]: Counters };
  readonly reasons: { readonly [D in Direction]: { readonly [R in Reason]: bigint } };
}
