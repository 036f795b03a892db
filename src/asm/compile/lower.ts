// Brings a program into the machine's forms: two-address arithmetic, arguments in r1-r5 and results in r0, immediates
// of 32 bits, stack slots below r10. Registers in between stay virtual; machine registers appear as negative numbers.

import { FRAME_POINTER } from '../isa.ts';
import type { Site } from '../source.ts';
import {
  isConstant,
  machine,
  type Operand,
  type Operation,
  type Procedure,
  type Slot,
  type Terminator,
  type Vreg,
  type VregKind,
  type Width,
} from './ir.ts';
import { rebuild } from './rebuild.ts';
import { placeSlots, type Slots } from './slots.ts';

/** A program in machine forms. */
export interface Lowered extends Procedure {
  /** How much of the stack is taken, in bytes. */
  readonly frame: number;
  /** Offset of each slot from r10. */
  readonly slots: ReadonlyMap<Slot, number>;
}

const RESULT = machine(0);
const FIRST_ARGUMENT = 1;
const COMMUTATIVE: ReadonlySet<string> = new Set(['add', 'mul', 'or', 'and', 'xor']);

/** @throws BuildError with code STACK when the slots do not fit the kernel's 512 bytes. */
export function lower(procedure: Procedure): Lowered {
  const kinds: VregKind[] = [...procedure.kinds];
  const fresh = (): Vreg => kinds.push('scalar') - 1;
  const slots = placeSlots(procedure);
  const lowered = rebuild(procedure, (block) => {
    const operations: Operation[] = [];
    const { terminator } = block;
    if (block === procedure.entry) {
      const site = block.operations[0]?.site ?? terminator!.site;
      procedure.parameters.forEach((parameter, i) => {
        operations.push({ op: 'move', dst: parameter, from: machine(FIRST_ARGUMENT + i), site });
      });
    }
    for (const operation of block.operations) lowerOperation(operation, operations, fresh, slots);
    return { operations, terminator: lowerTerminator(terminator!, operations, fresh) };
  });
  return { ...lowered, kinds, frame: slots.size, slots: slots.bySlot };
}

function lowerOperation(operation: Operation, out: Operation[], fresh: () => Vreg, slots: Slots): void {
  const { site } = operation;
  const inRegister = (operand: Operand): Vreg => materialise(operand, out, fresh, site);
  switch (operation.op) {
    case 'binary': {
      lowerBinary(operation, out, fresh);
      return;
    }
    case 'swap':
      out.push({ op: 'move', dst: operation.dst, from: operation.a, site });
      out.push({ ...operation, a: operation.dst });
      return;
    case 'load':
      out.push({ ...operation, ...addressOf(operation.base, operation.offset, slots) });
      return;
    case 'store': {
      // A store keeps the low bytes, of a constant too.
      const value = isConstant(operation.value)
        ? BigInt.asIntN(8 * operation.size, operation.value)
        : operation.value;
      const kept = isConstant(value) && !fitsStore(value) ? inRegister(value) : value;
      out.push({ ...operation, ...addressOf(operation.base, operation.offset, slots), value: kept });
      return;
    }
    case 'atomic_add':
      out.push({
        ...operation,
        ...addressOf(operation.base, operation.offset, slots),
        value: inRegister(operation.value),
      });
      return;
    case 'call':
      lowerCall(operation, out);
      return;
    case 'frame':
      // Accesses go by r10 itself; only an address handed on needs a register.
      if (slots.passed.has(operation.dst)) out.push(operation);
      return;
    case 'move':
    case 'map':
      out.push(operation);
  }
}

/** `dst = a op b` becomes `dst = a; dst op= b`, taking care where dst is b. */
function lowerBinary(operation: Operation & { op: 'binary' }, out: Operation[], fresh: () => Vreg): void {
  const { operator, width, dst, site } = operation;
  let { a, b } = operation;
  if (COMMUTATIVE.has(operator) && (isConstant(a) || b === dst)) [a, b] = [b, a];
  if (b === dst && a !== dst) {
    const copy = fresh();
    out.push({ op: 'move', dst: copy, from: b, site });
    b = copy;
  }
  if (isConstant(b) && !fitsImmediate(b, width)) b = materialise(b, out, fresh, site);
  if (a !== dst) out.push({ op: 'move', dst, from: a, site });
  out.push({ op: 'binary', operator, width, dst, a: dst, b, site });
}

function lowerCall(operation: Operation & { op: 'call' }, out: Operation[]): void {
  const { callee, args, dst, site } = operation;
  args.forEach((arg, i) => {
    out.push({ op: 'move', dst: machine(FIRST_ARGUMENT + i), from: arg, site });
  });
  out.push({ op: 'call', dst: RESULT, callee, args: args.map((_, i) => machine(FIRST_ARGUMENT + i)), site });
  out.push({ op: 'move', dst, from: RESULT, site });
}

/** What the terminator cannot take as an immediate goes into registers first. */
function lowerTerminator(terminator: Terminator, out: Operation[], fresh: () => Vreg): Terminator {
  const { site } = terminator;
  switch (terminator.end) {
    case 'jump':
      return terminator;
    case 'exit':
      out.push({ op: 'move', dst: RESULT, from: terminator.value, site });
      return { ...terminator, value: RESULT };
    case 'branch': {
      const { b, width } = terminator;
      const immediate = isConstant(b) && fitsImmediate(b, width);
      return {
        ...terminator,
        a: materialise(terminator.a, out, fresh, site),
        b: immediate ? b : materialise(b, out, fresh, site),
      };
    }
  }
}

function addressOf(base: Vreg, offset: number, slots: Slots): { base: Vreg; offset: number } {
  const slot = slots.byVreg.get(base);
  return slot === undefined ? { base, offset } : { base: machine(FRAME_POINTER), offset: slot + offset };
}

function materialise(operand: Operand, out: Operation[], fresh: () => Vreg, site: Site): Vreg {
  if (!isConstant(operand)) return operand;
  const dst = fresh();
  out.push({ op: 'move', dst, from: operand, site });
  return dst;
}

/** 32-bit operations take any 32 bits; 64-bit operations sign-extend the immediate. */
const fitsImmediate = (value: bigint, width: Width): boolean =>
  width === 32 ? BigInt.asUintN(32, value) === BigInt.asUintN(64, value) : fitsStore(value);
const fitsStore = (value: bigint): boolean => BigInt.asIntN(32, value) === BigInt.asIntN(64, value);
