// What can be asked of the tunnel slots of an instance, as plain data.

import type { Address } from '../../address.ts';
import type { TunnelKind, TunnelMark } from '../../tunnel-layout.ts';
import type { Counters } from '../types.ts';

export type { TunnelKind, TunnelMark } from '../../tunnel-layout.ts';

/** A tunnel slot that there shall be. */
export interface TunnelWish {
  /** The VNI of the tunnel as this host makes it: what the slot is called by. */
  readonly placeholder: number;
  /** `vxlan` where left out. */
  readonly kind?: TunnelKind;
  /** The UDP port; 4789 for VXLAN and 6081 for Geneve where left out. */
  readonly port?: number;
  /** The underlay address of the other end, or of this one. */
  readonly remote?: string | Address;
  readonly local?: string | Address;
  /** The slot's own inner addresses, one of each family at most. Nothing else of that family leaves or reaches it then. */
  readonly inside?: readonly (string | Address)[];
}

export interface TunnelReserveOptions {
  /**
   * What the slots of a port are told apart by on the way in, where the port has none yet. Left out, by their VNI, and by
   * `remote` and `local` where all of them have such. Without `vni` they are told apart whatever VNIs they get.
   */
  readonly by?: readonly TunnelMark[];
}

export interface TunnelBindOptions {
  /** What the other end knows the slot's inner addresses by; itself where left out. */
  readonly outside?: readonly (string | Address)[];
}

export interface TunnelState {
  readonly placeholder: number;
  readonly kind: TunnelKind;
  readonly port: number;
  readonly by: readonly TunnelMark[];
  readonly state: 'reserved' | 'bound';
  readonly vni?: number;
  readonly remote?: Address;
  readonly local?: Address;
  readonly inside: readonly Address[];
  /** Of a bound slot, in the order of `inside`. */
  readonly outside: readonly Address[];
  /** CLOCK_MONOTONIC in nanoseconds: since when it is bound, or reserved. */
  readonly since: bigint;
  /** The same as an age, in milliseconds. */
  readonly age: number;
  /** Since it was bound; bytes from the outer IP header on. */
  readonly outbound: Counters;
  readonly inbound: Counters;
}
