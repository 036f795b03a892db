// What the reference is told besides the frame, and what it says.

import type { SlotEntry } from '../slots.ts';
import type { Address, Bytes } from '../wire.ts';
import type { Destination, Mapping } from './mappings.ts';

export type { SlotEntry };
export type Direction = 'outbound' | 'inbound';
export type Policy = 'pass' | 'drop';

/** What the programs know of their interface. */
export interface Station {
  readonly mac: Bytes;
  readonly subnets: readonly { readonly network: number; readonly mask: number }[];
  /** On-link prefixes of IPv6. */
  readonly subnets6?: readonly { readonly network: bigint; readonly length: number }[];
}

export interface World {
  readonly unmapped: { readonly [D in Direction]: Policy };
  readonly spoofed?: Policy;
  readonly link?: 'ethernet' | 'none';
  readonly mss?: number;
  readonly mappings: readonly Mapping[];
  readonly destinations?: readonly Destination[];
  /** Whether IPv6 is any of its business. */
  readonly ipv6?: boolean;
  readonly station?: Station;
  readonly slots?: readonly SlotEntry[];
  /** What slots with the flag may reach; undefined where the programs know no lists. */
  readonly slotLists?: readonly SlotList[];
  /** Which families slots are known of, and where they are translated. */
  readonly ipv4Slots?: boolean;
  readonly ipv6Slots?: boolean;
  readonly slotsAt?: 'device' | 'uplink';
  /** What leaves for an address in there may be for an outside. */
  readonly isNearOutsides?: (address: Address) => boolean;
}

export interface SlotList {
  readonly list: number;
  readonly network: Address;
  readonly length: number;
}

/** What the run of a packet is about, besides the packet. */
export interface Circumstances {
  /** A super-packet: the lengths in its headers may be zero. */
  readonly super?: boolean;
  readonly gsoSize?: number;
  /** Where it is, and where it has come from. */
  readonly ifindex?: number;
  readonly ingressIfindex?: number;
}

export interface Outcome {
  /** `turn`: back where it came from, to whoever asked, or in again where it would have left. */
  readonly verdict: 'next' | 'drop' | 'turn';
  readonly frame: Bytes;
  readonly reason?: string;
  /** The mapping whose counters move: its place in the list. */
  readonly counted?: number;
  /** The slot's entry whose counters move. */
  readonly countedSlot?: SlotEntry;
  /** Where a `turn` goes: out of the interface, or into it; or to a slot. */
  readonly to?: string;
}

/** Reasons that no policy is asked about. */
const FATES: { readonly [reason: string]: 'next' | 'drop' } = {
  arp: 'next',
  ndp: 'next',
  excluded: 'next',
  expired: 'next',
  unmappable: 'drop',
};

/** The frame leaves as it came, or not at all. */
export function leave(frame: Bytes, world: World, direction: Direction, reason: string): Outcome {
  const policy = reason === 'spoofed' ? (world.spoofed ?? 'drop') : world.unmapped[direction];
  const verdict = FATES[reason] ?? (policy === 'drop' ? 'drop' : 'next');
  return { verdict, reason, frame };
}
