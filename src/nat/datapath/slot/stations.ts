// The Ethernet addresses of the frame that a slot gets, as they lie in its record: the slot's MAC and that of its interface.

import {
  type Condition,
  LITTLE_ENDIAN,
  type PacketBuilder,
  type Place,
  type ScalarType,
  type StructType,
  struct,
  u32,
  u64,
  type Value,
  type ViewOf,
} from '../../../asm/index.ts';
import type { Slot } from './table.ts';

/** In a record as in a frame, 12 bytes. */
export const slotStations: StructType<{ first: ScalarType<'u64'>; rest: ScalarType<'u32'> }> = struct(
  'stations',
  { first: u64, rest: u32 },
);
/** What of `first` is the interface's MAC. */
const INTERFACE_BITS = 16;

export const stationsOf = (p: PacketBuilder, slot: Slot): ViewOf<typeof slotStations> =>
  p.overlay(slot.station.at(0), slotStations);

/** Whether the slot's own MAC is known. */
export const hasStation = (first: Place<'u64'> | Value<'u64'>): Condition =>
  (LITTLE_ENDIAN ? first.shl(INTERFACE_BITS) : first.shr(INTERFACE_BITS)).ne(0);
