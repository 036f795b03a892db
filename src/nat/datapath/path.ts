// What all parts of a program are given: what they are written with, which way packets go, and how to leave.

import type { PacketBuilder, TcBuilder, Value, Variable } from '../../asm/index.ts';
import type { InstanceMaps } from '../maps.ts';
import type { Direction, Reason } from '../reason.ts';
import { hasIpv6, type Uses } from '../uses.ts';
import type { Redirect } from './redirect/way.ts';
import type { Tunnels } from './tunnel/index.ts';

/** Ends the path for a reason; what is turned round goes back where it came from, or in as if it had arrived. */
export type Leave = (reason: Reason, turned?: 'back' | 'in') => void;

export interface Path<P extends PacketBuilder = PacketBuilder> {
  readonly p: P;
  readonly direction: Direction;
  readonly maps: InstanceMaps;
  readonly uses: Uses;
  readonly leave: Leave;
  /** Bytes of the frame. */
  readonly length: () => Value<'u32'>;
}

export interface TcPath extends Path<TcBuilder> {
  /** Where the program sits: on the outside interface, on those of slots, or on those inside. */
  readonly hook: 'uplink' | 'slot' | 'inside';
  /** Where what slots send is translated: where it comes in, or where it leaves. */
  readonly slots: 'device' | 'uplink';
  /** Left out where the instance has no tunnels. */
  readonly tunnels?: Tunnels;
  /** Undefined where no packets are sent on past the stack. */
  readonly redirect?: Redirect | undefined;
}

/**
 * What all paths have in common from here on is verified once, not for each value of these: for places that many paths
 * lead to. With IPv4 addresses alone there are few enough.
 */
export function forget({ p, uses }: Path, ...variables: readonly Variable<'u32'>[]): void {
  if (!hasIpv6(uses) && !uses.has('prefixes') && !uses.has('ports')) return;
  for (const variable of variables) variable.set(p.forget(variable));
}
