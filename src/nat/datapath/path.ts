// What all parts of a program are given: what they are written with, which way packets go, and how to leave.

import type { PacketBuilder, TcBuilder, Value } from '../../asm/index.ts';
import type { InstanceMaps } from '../maps.ts';
import type { Direction, Reason } from '../reason.ts';
import type { Uses } from '../uses.ts';

/** Ends the path for a reason. */
export type Leave = (reason: Reason) => void;

export interface Path<P extends PacketBuilder = PacketBuilder> {
  readonly p: P;
  readonly direction: Direction;
  readonly maps: InstanceMaps;
  readonly uses: Uses;
  readonly leave: Leave;
  /** Bytes of the frame. */
  readonly length: () => Value<'u32'>;
}

export type TcPath = Path<TcBuilder>;
