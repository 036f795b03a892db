// What can be asked of the slots of an instance, as plain data.

import type { Address } from '../../address.ts';
import type { Prefix } from '../../prefix.ts';
import type { Counters } from '../types.ts';

/** A slot that there shall be. */
export interface SlotWish {
  /** Name of an interface in the network namespace of the instance. */
  readonly interface: string;
  /** What the slot calls itself; other slots may do so too. */
  readonly inside: string | Address;
  /** Its MAC, where the kernel cannot ask for it or need not: `52:54:00:12:34:56`. */
  readonly station?: string;
}

/** What slots may send, besides being translated. */
export interface SlotPolicy {
  /** Packets from other sources than the interface's insides are dropped; true where left out. */
  readonly antiSpoof?: boolean;
  /** Nothing for 169.254.0.0/16 and fe80::/10, where metadata services live; false where left out. */
  readonly denyLinkLocal?: boolean;
  /** The only destinations; all where left out. Of a family that none is of, none is allowed. */
  readonly allow?: readonly Prefix[];
}

export interface SlotState {
  readonly interface: string;
  readonly ifindex: number;
  readonly inside: Address;
  /** `stale`: the interface is gone, or has another index or name than when the slot was reserved. */
  readonly state: 'reserved' | 'bound' | 'stale';
  /** Of a bound slot, a stale one too. */
  readonly outside?: Address;
  /** CLOCK_MONOTONIC in nanoseconds: since when it is bound, or reserved. */
  readonly since: bigint;
  /** The same as an age, in milliseconds. */
  readonly age: number;
  /** Since it was bound. */
  readonly outbound: Counters;
  readonly inbound: Counters;
  readonly policy: Required<Omit<SlotPolicy, 'allow'>> & Pick<SlotPolicy, 'allow'>;
  readonly station?: string;
  /** What is wrong with a stale one, or with one whose interface has another MAC or MTU now, and what to do. */
  readonly problem?: string;
}

/** An outside that was released a short time ago, and reaches nobody until then. */
export interface QuarantinedOutside {
  readonly outside: Address;
  /** CLOCK_MONOTONIC in nanoseconds. */
  readonly until: bigint;
  /** Milliseconds left. */
  readonly left: number;
  /** The slot that had it. */
  readonly interface: string;
  readonly inside: Address;
}

export interface QuarantineOptions {
  /** Seconds in which what arrives for the outside that is given up reaches nobody; 0 where left out. */
  readonly quarantine?: number;
}

/** A slot, by the name of its interface or as INSIDE%INTERFACE, and the outside it is to have. */
export type SlotBinding = readonly [slot: string, outside: string | Address];
