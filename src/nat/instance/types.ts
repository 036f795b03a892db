// What can be asked of an instance, as plain data: the contract between the command line and src/nat/instance.

import type { XdpMode } from '../../loader/index.ts';
import type { Counters } from '../entries.ts';
import type { Mapping } from '../mapping.ts';
import type { InstancePolicy } from '../policy.ts';
import type { Prefix } from '../prefix.ts';
import type { Direction, Policy, Reason } from '../reason.ts';

export type { Counters } from '../entries.ts';
export type { MappingState } from '../entries-decode.ts';

/** Where the programs sit. `auto` is TCX where the kernel has it, else clsact. */
export type Hook = 'tcx' | 'clsact';

/** Where slots are translated: at their own devices, before anything else sees a packet, or at the outside interface. */
export type SlotPlace = 'device' | 'uplink';

/** What packets begin with on an interface: an Ethernet header, or the IP header itself. */
export type LinkKind = 'ethernet' | 'none';

export interface AttachOptions {
  /** Name of the outside interface, in `netns` where that is given. */
  readonly interface: string;
  /** Name of the instance and of its pin folder; the interface's name where left out. */
  readonly name?: string;
  /** `xdp` is `auto`, and XDP on top of it. */
  readonly hook?: Hook | 'auto' | 'xdp';
  /** Translates and sends on past the stack what can be, between the outside interface and `inside`; not with `xdp`. */
  readonly redirect?: boolean;
  /**
   * With `xdp` or `redirect`: the interfaces that what is translated comes from and goes to, on the same host. XDP for slots
   * alone needs none.
   */
  readonly inside?: readonly string[];
  /** With `xdp`: `auto`, the default, is native where all the interfaces can and none is a veth, else generic. */
  readonly xdpMode?: XdpMode | 'auto';
  /** Name of a network namespace under /run/netns. */
  readonly netns?: string;
  /** What becomes of packets that no mapping names, in both directions or in each. */
  readonly unmapped?: Policy | InstancePolicy['unmapped'];
  readonly spoofed?: Policy;
  readonly mss?: number;
  /** `device` where left out. */
  readonly slots?: SlotPlace;
  readonly include?: readonly Prefix[];
  readonly exclude?: readonly Prefix[];
  /** Most address mappings of each family that the instance can hold. */
  readonly capacity?: number;
  /** Left out with `replace`: the mappings stay as they are. So do the settings above. */
  readonly mappings?: readonly Mapping[];
  /** Swap the programs of a running instance instead of refusing. */
  readonly replace?: boolean;
}

export interface ProgramState {
  readonly id: number;
  readonly tag: string;
}

/** XDP on top of the hook, and the interfaces it takes packets from besides the outside one; none where only slots are. */
export interface XdpState {
  readonly mode: XdpMode;
  readonly inside: readonly string[];
  /** Of all of them, those that are an end of a veth. */
  readonly veths: readonly string[];
}

/** Redirect, and the interfaces inside that it goes between. */
export interface RedirectState {
  readonly inside: readonly string[];
}

/** Where slots are translated, and how many there are. */
export interface SlotsSummary {
  readonly place: SlotPlace;
  readonly bound: number;
  readonly reserved: number;
  /** Of them, those whose interface is gone or another one. */
  readonly stale: number;
  /** Of an instance with XDP: those that XDP delivers to, and those that it leaves to TC. */
  readonly xdp?: { readonly delivered: number; readonly left: number };
}

/** How many tunnel slots there are. */
export interface TunnelsSummary {
  readonly bound: number;
  readonly reserved: number;
}

export interface InstanceStatus extends InstancePolicy {
  readonly name: string;
  readonly interface: string;
  readonly ifindex: number;
  readonly netns?: string;
  readonly hook: Hook;
  readonly slots: SlotsSummary;
  /** Left out where there are none. */
  readonly tunnels?: TunnelsSummary;
  readonly xdp?: XdpState;
  readonly redirect?: RedirectState;
  readonly link: LinkKind;
  /** False when something of it is missing, each thing named in `problems`. */
  readonly healthy: boolean;
  readonly problems: readonly string[];
  readonly programs: { readonly [D in Direction]?: ProgramState };
  readonly mappings: number;
  /** Most address mappings of each family. */
  readonly capacity: number;
  /** Sum over the mappings that are there now. */
  readonly translated: { readonly [D in Direction]: Counters };
  readonly reasons: { readonly [D in Direction]: { readonly [R in Reason]: bigint } };
}
