// Arithmetic on pointers, by the verifier's rules (adjust_ptr_min_max_vals in kernel/bpf/verifier.c) for privileged
// programs: a number may be added or subtracted, two pointers subtracted; nothing else makes sense.

import { Trap } from '../fault.ts';
import { alu64 } from './alu64.ts';
import type { Machine } from './machine.ts';
import { BINARY } from './operation.ts';
import { SCALAR } from './region.ts';

/** @throws Trap when one of the registers was never written. */
export function requireValue(machine: Machine, ...registers: readonly number[]): void {
  for (const register of registers) {
    if (machine.tag[register]! < SCALAR) throw new Trap('UNINITIALISED', `r${register} holds nothing yet`);
  }
}

/** @throws Trap when the register holds a pointer, or nothing. */
export function requireNumber(machine: Machine, register: number): void {
  requireValue(machine, register);
  if (machine.tag[register] !== SCALAR) throw misuse(machine, register);
}

function misuse(machine: Machine, register: number): Trap {
  const region = machine.regions[machine.tag[register]!]!;
  return new Trap('POINTER', `r${register} points to ${region.name}: no such operation on a pointer`);
}

/** `d = d op s`, where at least one of them is not a plain number. */
export function alu64OnPointers(machine: Machine, operation: number, d: number, s: number): void {
  requireValue(machine, d, s);
  const { lo, hi, tag } = machine;
  const [left, right] = [tag[d]!, tag[s]!];
  let result = SCALAR;
  if (operation === BINARY.ADD && (left === SCALAR || right === SCALAR)) result = left + right;
  else if (operation === BINARY.SUB && left !== SCALAR) result = right === SCALAR ? left : SCALAR;
  else throw misuse(machine, left === SCALAR ? s : d);
  alu64(lo, hi, operation, d, s);
  tag[d] = result;
}

/** Admits a subtraction, whose result is a plain number; refuses the rest. */
export function alu32OnPointers(machine: Machine, operation: number, d: number, s: number): void {
  requireValue(machine, d, s);
  const { tag } = machine;
  if (operation !== BINARY.SUB || tag[d] === SCALAR) throw misuse(machine, tag[d] === SCALAR ? s : d);
  tag[d] = SCALAR;
}
