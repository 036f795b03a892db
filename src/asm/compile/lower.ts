// Brings a program into the machine's forms: two-address arithmetic, arguments in r1-r5 and results in r0, immediates
// of 32 bits, stack slots below r10. Registers in between stay virtual; machine registers appear as negative numbers.

import { FRAME_POINTER } from '../isa.ts';
import type { Site } from '../source.ts';
import {
  type Block,
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
import { Places } from './places.ts';
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
  const slots = placeSlots(procedure);
  const places = new Places(procedure);
  const lowering = new Lowering(procedure.entry, slots, places, kinds);
  const lowered = rebuild(procedure, (block) => {
    lowering.begin(block);
    if (block === procedure.entry) lowering.parameters(procedure.parameters);
    const { operations } = block;
    for (let o = 0; o < operations.length; o++) lowering.lower(operations[o]!);
    return { terminator: lowering.end(block.terminator!), operations: lowering.out };
  });
  return { ...lowered, kinds, frame: slots.size, slots: slots.bySlot };
}

/** The lowering of a block, operation by operation. */
class Lowering {
  out: Operation[] = [];
  #block: Block;
  readonly #slots: Slots;
  readonly #places: Places;
  readonly #kinds: VregKind[];

  constructor(block: Block, slots: Slots, places: Places, kinds: VregKind[]) {
    this.#block = block;
    this.#slots = slots;
    this.#places = places;
    this.#kinds = kinds;
  }

  begin(block: Block): void {
    this.#block = block;
    this.out = [];
  }

  parameters(parameters: readonly Vreg[]): void {
    const site = this.#block.operations[0]?.site ?? this.#block.terminator!.site;
    for (let i = 0; i < parameters.length; i++) this.#move(parameters[i]!, machine(FIRST_ARGUMENT + i), site);
  }

  lower(operation: Operation): void {
    const { op, site } = operation;
    if (op === 'store' || op === 'atomic_add') {
      const base = this.#base(operation.base);
      const offset = this.#offset(operation.base, operation.offset);
      if (op === 'store')
        this.out.push({ op, base, offset, size: operation.size, value: this.#stored(operation), site });
      else {
        const value = this.#inRegister(operation.value, site);
        this.out.push({ op, base, offset, size: operation.size, value, site });
      }
      return;
    }
    const { dst } = operation;
    this.#places.set(dst, this.#block);
    switch (op) {
      case 'binary':
        this.#binary(operation);
        return;
      case 'swap': {
        const { a, bits } = operation;
        const to = this.#beginAt(dst, a, site);
        this.out.push({ op, dst: to, a: to, bits, site });
        return;
      }
      case 'load': {
        const { base, offset, size } = operation;
        this.out.push({ op, dst, base: this.#base(base), offset: this.#offset(base, offset), size, site });
        return;
      }
      case 'call':
        this.#call(operation);
        return;
      case 'frame':
        // Accesses go by r10 itself; only an address handed on needs a register.
        if (this.#slots.passed.has(dst)) this.out.push(operation);
        return;
      case 'move':
        this.#move(dst, this.#operand(operation.from), site);
        return;
      case 'map':
        this.out.push(operation);
    }
  }

  /** What the terminator cannot take as an immediate goes into registers first. */
  end(terminator: Terminator): Terminator {
    const { site } = terminator;
    switch (terminator.end) {
      case 'jump':
        return terminator;
      case 'exit':
        this.#move(RESULT, this.#operand(terminator.value), site);
        return { end: 'exit', value: RESULT, site };
      case 'branch': {
        const { comparison, width, whenTrue, whenFalse } = terminator;
        const a = this.#inRegister(terminator.a, site);
        const b = this.#immediate(terminator.b, width, site);
        return { end: 'branch', comparison, width, a, b, whenTrue, whenFalse, site };
      }
    }
  }

  /** `dst = a op b` becomes `dst = a; dst op= b`, taking care where dst is b. */
  #binary({ operator, width, dst, a, b, site }: Operation & { op: 'binary' }): void {
    let [first, second] = [a, b];
    if (COMMUTATIVE.has(operator) && (isConstant(a) || b === dst || this.#isBetter(dst, b, a))) {
      first = b;
      second = a;
    }
    if (second === dst && first !== dst) {
      const copy = this.#fresh();
      this.#move(copy, this.#operand(second), site);
      second = copy;
    } else second = this.#immediate(second, width, site);
    const to = this.#beginAt(dst, first, site);
    this.out.push({ op: 'binary', operator, width, dst: to, a: to, b: second, site });
  }

  /** Whether a result can be where operand `b` was, but not where `a` was. */
  #isBetter(dst: Vreg, b: Operand, a: Operand): boolean {
    return (
      a !== dst && this.#places.canTake(dst, b, this.#block) && !this.#places.canTake(dst, a, this.#block)
    );
  }

  /** Gets operand `a` to where the result `dst` is to be; gives that register. */
  #beginAt(dst: Vreg, a: Operand, site: Site): Vreg {
    if (a === dst) return this.#places.of(dst);
    if (this.#places.canTake(dst, a, this.#block)) {
      this.#places.take(dst, a);
      return this.#places.of(dst);
    }
    this.#move(dst, this.#operand(a), site);
    return dst;
  }

  #call({ callee, args, dst, site }: Operation & { op: 'call' }): void {
    const registers: Vreg[] = [];
    for (let i = 0; i < args.length; i++) {
      registers.push(machine(FIRST_ARGUMENT + i));
      this.#move(registers[i]!, this.#operand(args[i]!), site);
    }
    this.out.push({ op: 'call', dst: RESULT, callee, args: registers, site });
    this.#move(dst, RESULT, site);
  }

  /** A store keeps the low bytes, of a constant too. Into the context verifiers before 6.4 let only registers be stored. */
  #stored({ base, value, size, site }: Operation & { op: 'store' }): Operand {
    if (!isConstant(value)) return this.#places.of(value);
    const kept = BigInt.asIntN(8 * size, value);
    const asImmediate = fitsStore(kept) && this.#kinds[base] !== 'context';
    return asImmediate ? kept : this.#inRegister(kept, site);
  }

  #immediate(operand: Operand, width: Width, site: Site): Operand {
    return isConstant(operand) && fitsImmediate(operand, width) ? operand : this.#inRegister(operand, site);
  }

  #inRegister(operand: Operand, site: Site): Vreg {
    if (!isConstant(operand)) return this.#places.of(operand);
    const dst = this.#fresh();
    this.#move(dst, operand, site);
    return dst;
  }

  #operand(operand: Operand): Operand {
    return isConstant(operand) ? operand : this.#places.of(operand);
  }

  #base(base: Vreg): Vreg {
    return this.#slots.byVreg.has(base) ? machine(FRAME_POINTER) : this.#places.of(base);
  }

  #offset(base: Vreg, offset: number): number {
    return (this.#slots.byVreg.get(base) ?? 0) + offset;
  }

  #fresh(): Vreg {
    return this.#kinds.push('scalar') - 1;
  }

  #move(dst: Vreg, from: Operand, site: Site): void {
    this.out.push({ op: 'move', dst, from, site });
  }
}

/** 32-bit operations take any 32 bits; 64-bit operations sign-extend the immediate. */
const fitsImmediate = (value: bigint, width: Width): boolean =>
  width === 32 ? BigInt.asUintN(32, value) === BigInt.asUintN(64, value) : fitsStore(value);
const fitsStore = (value: bigint): boolean => BigInt.asIntN(32, value) === BigInt.asIntN(64, value);
