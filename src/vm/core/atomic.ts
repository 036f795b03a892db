// Atomic operations (RFC 9669, section 5.3; load-acquire and store-release since Linux 6.15). One program runs at a
// time here, so each is a read, an operation and a write. Stored pointers become numbers, as for the verifier.

import { ATOMIC, LITTLE_ENDIAN as NATIVE } from '../../asm/index.ts';
import { Trap } from '../fault.ts';
import { loadElsewhere, locate, regionOf, storeElsewhere } from './access.ts';
import { ATOMIC_SIZE_SHIFT } from './decode.ts';
import type { Machine } from './machine.ts';
import { requireValue } from './pointer.ts';
import { forgetPointers, SCALAR } from './region.ts';

const IMM_MASK = (1 << ATOMIC_SIZE_SHIFT) - 1;
/** r0: what cmpxchg compares with, and where it puts what it found. */
const R0 = 0;

/** `operation` is the immediate, with the size above. */
export function atomic(
  machine: Machine,
  operation: number,
  d: number,
  s: number,
  displacement: number,
): void {
  const size = operation >>> ATOMIC_SIZE_SHIFT;
  const kind = operation & IMM_MASK;
  if (kind === ATOMIC.LOAD_ACQ) loadElsewhere(machine, size, d, s, displacement);
  else if (kind === ATOMIC.STORE_REL) storeElsewhere(machine, size, d, s, displacement);
  else modify(machine, kind, size, d, s, displacement);
}

function modify(machine: Machine, kind: number, size: number, d: number, s: number, displacement: number) {
  if (size < 4) throw new Trap('OPCODE', `atomic operation on ${size} bytes`);
  requireValue(machine, s);
  const region = regionOf(machine, d);
  if (region.kind === 'packet' || region.kind === 'context') {
    throw new Trap('ACCESS', `atomic operation on ${region.name}, which the kernel refuses`);
  }
  const at = locate(machine, d, displacement, size, true);
  forgetPointers(region, at, size);
  if (size === 8) wide(machine, kind, region.view, at, s);
  else narrow(machine, kind, region.view, at, s);
}

function narrow(machine: Machine, kind: number, view: DataView, at: number, s: number): void {
  const old = view.getInt32(at, NATIVE);
  const operand = machine.lo[s]!;
  if (kind === ATOMIC.CMPXCHG) {
    requireValue(machine, R0);
    if (old === machine.lo[R0]) view.setInt32(at, operand, NATIVE);
    found(machine, R0, old, 0);
    return;
  }
  view.setInt32(at, combine(kind & ~ATOMIC.FETCH, kind, old, operand), NATIVE);
  if ((kind & ATOMIC.FETCH) !== 0) found(machine, s, old, 0);
}

function wide(machine: Machine, kind: number, view: DataView, at: number, s: number): void {
  const old = view.getBigInt64(at, NATIVE);
  const operand = BigInt.asIntN(64, machine.bigInt(s));
  const [lo, hi] = [Number(BigInt.asIntN(32, old)), Number(old >> 32n)];
  if (kind === ATOMIC.CMPXCHG) {
    requireValue(machine, R0);
    if (lo === machine.lo[R0] && hi === machine.hi[R0]) view.setBigInt64(at, operand, NATIVE);
    found(machine, R0, lo, hi);
    return;
  }
  view.setBigInt64(at, combineWide(kind & ~ATOMIC.FETCH, kind, old, operand), NATIVE);
  if ((kind & ATOMIC.FETCH) !== 0) found(machine, s, lo, hi);
}

function found(machine: Machine, register: number, lo: number, hi: number): void {
  machine.lo[register] = lo;
  machine.hi[register] = hi;
  machine.tag[register] = SCALAR;
}

function combine(operation: number, kind: number, old: number, operand: number): number {
  if (kind === ATOMIC.XCHG) return operand;
  if (operation === ATOMIC.ADD) return old + operand;
  if (operation === ATOMIC.OR) return old | operand;
  if (operation === ATOMIC.AND) return old & operand;
  if (operation === ATOMIC.XOR) return old ^ operand;
  throw unknown(kind);
}

function combineWide(operation: number, kind: number, old: bigint, operand: bigint): bigint {
  if (kind === ATOMIC.XCHG) return operand;
  if (operation === ATOMIC.ADD) return old + operand;
  if (operation === ATOMIC.OR) return old | operand;
  if (operation === ATOMIC.AND) return old & operand;
  if (operation === ATOMIC.XOR) return old ^ operand;
  throw unknown(kind);
}

const unknown = (kind: number): Trap => new Trap('OPCODE', `unknown atomic operation 0x${kind.toString(16)}`);
