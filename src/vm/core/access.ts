// Loads and stores that the main loop does not do itself: contexts, pointers with odd halves, and everything that is
// out of bounds, which is described here as exactly as can be.

import { Trap } from '../fault.ts';
import type { Machine } from './machine.ts';
import { requireValue } from './pointer.ts';
import { forgetPointers, type Region, SCALAR, storedTag, storeTag } from './region.ts';
import { readInteger, writeInteger } from './word.ts';

const HALF = 0x1_0000_0000;

/** The region that a register points into. @throws Trap when it holds a plain number, or nothing. */
export function regionOf(machine: Machine, register: number): Region {
  requireValue(machine, register);
  const tag = machine.tag[register]!;
  if (tag !== SCALAR) return machine.regions[tag]!;
  const value = machine.bigInt(register);
  const what = value === 0n ? 'null' : `the number 0x${value.toString(16)}`;
  throw new Trap('ACCESS', `r${register} is ${what}, not a pointer`);
}

/**
 * Offset, in the region that `register` points into, of an access to `size` bytes at `displacement` from there.
 *
 * @throws Trap when they are not all in bounds
 */
export function locate(
  machine: Machine,
  register: number,
  displacement: number,
  size: number,
  writes: boolean,
): number {
  const region = regionOf(machine, register);
  const { start } = region;
  const end = writes ? region.writeEnd : region.end;
  const at = offsetOf(machine, register, region) + displacement;
  if (at >= start && at + size <= end) return at;
  throw outOfBounds(machine, register, region, at, size, writes);
}

/** Where in its region a pointer points; beyond its ends too. */
export function offsetOf(machine: Machine, register: number, region: Region): number {
  return (machine.hi[register]! - region.hi) * HALF + (machine.lo[register]! >>> 0);
}

function outOfBounds(
  machine: Machine,
  register: number,
  region: Region,
  at: number,
  size: number,
  writes: boolean,
): Trap {
  const hi = machine.hi[register]!;
  if (hi >= region.firstHi && hi < region.hi && (hi - region.hi) % 2 === 0) {
    const since = region.kind === 'stack' ? 'its function has returned' : `${region.name} has moved`;
    return new Trap('STALE', `r${register} points to where ${region.name} was before: ${since}`);
  }
  const verb = writes ? 'store' : 'load';
  const what = `${verb} of ${size} byte${size === 1 ? '' : 's'}`;
  if (region.end === region.start && region.kind !== 'packet') {
    return new Trap('ACCESS', `${what} through r${register}: ${region.name} has no bytes to ${verb}`);
  }
  if (writes && at >= region.start && at + size <= region.end) {
    return new Trap('ACCESS', `${what} through r${register}: ${region.name} is read-only`);
  }
  const length = region.end - region.start;
  const from = at - region.start;
  return new Trap('ACCESS', `${what} at ${from} of ${region.name}, which is ${length} bytes long`);
}

export function loadElsewhere(
  machine: Machine,
  size: number,
  d: number,
  s: number,
  displacement: number,
): void {
  const region = regionOf(machine, s);
  if (region.kind === 'context') {
    machine.context!.load(machine, d, offsetOf(machine, s, region) + displacement, size);
    return;
  }
  const at = locate(machine, s, displacement, size, false);
  const tag = size === 8 ? storedTag(region, at) : SCALAR;
  readInteger(machine, d, region, at, size);
  machine.tag[d] = tag;
}

export function loadSignedElsewhere(
  machine: Machine,
  size: number,
  d: number,
  s: number,
  displacement: number,
): void {
  loadElsewhere(machine, size, d, s, displacement);
  const unused = 32 - 8 * size;
  const extended = (machine.lo[d]! << unused) >> unused;
  machine.lo[d] = extended;
  machine.hi[d] = extended >> 31;
  machine.tag[d] = SCALAR;
}

export function storeElsewhere(
  machine: Machine,
  size: number,
  d: number,
  s: number,
  displacement: number,
): void {
  requireValue(machine, s);
  const region = regionOf(machine, d);
  if (region.kind === 'context') {
    machine.context!.store(machine, offsetOf(machine, d, region) + displacement, size, s);
    return;
  }
  const at = locate(machine, d, displacement, size, true);
  writeInteger(machine, s, region, at, size);
  if (size === 8) storeTag(region, at, machine.tag[s]!);
  else forgetPointers(region, at, size);
}
