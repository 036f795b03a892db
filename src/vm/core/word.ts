// Integers between registers and bytes, in the machine's byte order.

import { LITTLE_ENDIAN } from '../../asm/index.ts';
import type { Machine } from './machine.ts';
import type { Region } from './region.ts';

const LOW_HALF = LITTLE_ENDIAN ? 0 : 4;
const HIGH_HALF = LITTLE_ENDIAN ? 4 : 0;

/** Register `d` = the unsigned integer of `size` bytes at `at`. Its tag is left alone. */
export function readInteger(machine: Machine, d: number, { view }: Region, at: number, size: number): void {
  machine.hi[d] = size === 8 ? view.getInt32(at + HIGH_HALF, LITTLE_ENDIAN) : 0;
  if (size === 1) machine.lo[d] = view.getUint8(at);
  else if (size === 2) machine.lo[d] = view.getUint16(at, LITTLE_ENDIAN);
  else machine.lo[d] = view.getInt32(size === 8 ? at + LOW_HALF : at, LITTLE_ENDIAN);
}

/** The low `size` bytes of register `s` to `at`. */
export function writeInteger(machine: Machine, s: number, { view }: Region, at: number, size: number): void {
  const low = machine.lo[s]!;
  if (size === 1) view.setInt8(at, low);
  else if (size === 2) view.setInt16(at, low, LITTLE_ENDIAN);
  else view.setInt32(size === 8 ? at + LOW_HALF : at, low, LITTLE_ENDIAN);
  if (size === 8) view.setInt32(at + HIGH_HALF, machine.hi[s]!, LITTLE_ENDIAN);
}
