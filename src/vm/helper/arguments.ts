// How helpers take their arguments and give their results: each argument is checked as the verifier would check it.

import { locate, regionOf } from '../core/access.ts';
import type { Machine } from '../core/machine.ts';
import { requireNumber } from '../core/pointer.ts';
import { forgetPointers, SCALAR } from '../core/region.ts';
import { Trap } from '../fault.ts';
import { VmMap } from '../map/map.ts';
import { Skb } from '../packet/skb.ts';
import { XdpBuffer } from '../packet/xdp.ts';

const R0 = 0;
const EMPTY = new Uint8Array(0);
/** What a program may pass as a size at most, kernel's BPF_MAX_VAR_SIZ. */
const MAX_SIZE = 1 << 29;

/** An argument of 32 unsigned bits; what is above is ignored, as by the kernel's own functions. */
export function u32(machine: Machine, register: number): number {
  requireNumber(machine, register);
  return machine.lo[register]! >>> 0;
}

/** An argument of 32 signed bits. */
export function s32(machine: Machine, register: number): number {
  requireNumber(machine, register);
  return machine.lo[register]!;
}

/** An argument of 64 unsigned bits. */
export function u64(machine: Machine, register: number): bigint {
  requireNumber(machine, register);
  return machine.bigInt(register);
}

/** Flags, which never go beyond 53 bits but where they are wrong. */
export const flagsOf = (machine: Machine, register: number): number => Number(u64(machine, register));

/** The size of a memory argument. @throws Trap when it can be none */
export function size(machine: Machine, register: number): number {
  const value = u64(machine, register);
  if (value < MAX_SIZE) return Number(value);
  throw new Trap('ARGUMENT', `r${register} is no size: ${value}`);
}

/** `length` bytes the helper reads; none at all where the register is null and `length` 0. */
export function readable(machine: Machine, register: number, length: number): Uint8Array {
  if (length === 0) return EMPTY;
  const region = regionOf(machine, register);
  const at = locate(machine, register, 0, length, false);
  return region.bytes.subarray(at, at + length);
}

/** `length` bytes the helper writes. Pointers stored there are gone. */
export function writable(machine: Machine, register: number, length: number): Uint8Array {
  if (length === 0) return EMPTY;
  const region = regionOf(machine, register);
  const at = locate(machine, register, 0, length, true);
  forgetPointers(region, at, length);
  return region.bytes.subarray(at, at + length);
}

/** A map. */
export function map(machine: Machine, register: number): VmMap {
  const { owner, kind, name } = regionOf(machine, register);
  if (kind === 'map' && owner instanceof VmMap) return owner;
  throw new Trap('ARGUMENT', `r${register} points to ${name}, not to a map`);
}

/** The context, which must be where the program got it. */
function context(machine: Machine, register: number): unknown {
  const region = regionOf(machine, register);
  const whole = machine.lo[register] === 0 && machine.hi[register] === region.hi;
  if (region.kind === 'context' && whole) return region.owner;
  throw new Trap('ARGUMENT', `r${register} is not the context`);
}

/** The context of a traffic control program. */
export function skb(machine: Machine, register = 1): Skb {
  const given = context(machine, register);
  if (given instanceof Skb) return given;
  throw new Trap('HELPER', 'only traffic control programs have this helper');
}

/** The context of an XDP program. */
export function xdp(machine: Machine, register = 1): XdpBuffer {
  const given = context(machine, register);
  if (given instanceof XdpBuffer) return given;
  throw new Trap('HELPER', 'only XDP programs have this helper');
}

/** Any context. */
export function anyContext(machine: Machine, register = 1): Skb | XdpBuffer {
  const given = context(machine, register);
  if (given instanceof Skb || given instanceof XdpBuffer) return given;
  throw new Trap('HELPER', 'this program has no packet');
}

/** The result, where it is a number of at most 32 bits and sign, such as an error. */
export const result = (machine: Machine, value: number): void => machine.setNumber(R0, value);

/** The result, where it is 32 unsigned bits. */
export function resultU32(machine: Machine, value: number): void {
  machine.lo[R0] = value;
  machine.hi[R0] = 0;
  machine.tag[R0] = SCALAR;
}

export const resultU64 = (machine: Machine, value: bigint): void => machine.setBigInt(R0, value);
