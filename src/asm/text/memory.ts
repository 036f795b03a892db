// Loads, stores and atomic operations in the kernel's and LLVM's syntax.

import type { Instruction } from '../instruction.ts';
import * as make from '../instruction.ts';
import { type AccessSize, ATOMIC, CLASS, MODE, type Register, sizeBits } from '../isa.ts';
import type { Cursor } from './cursor.ts';
import { TextError } from './error.ts';
import { atNumeral, bits32, distance32, numeral, signed32 } from './number.ts';
import { type Address, address, atRegister, type RegisterOperand, register, registerOf } from './operand.ts';
import { ATOMIC_NAMES, ATOMIC_SIGNS } from './signs.ts';

interface Type {
  readonly size: AccessSize;
  readonly signed: boolean;
}

const TYPES: ReadonlyMap<string, Type> = new Map([
  ...([1, 2, 4, 8] as const).map((size): [string, Type] => [`u${8 * size}`, { size, signed: false }]),
  ...([1, 2, 4] as const).map((size): [string, Type] => [`s${8 * size}`, { size, signed: true }]),
]);

/** `(u32 *)` */
function cast(cursor: Cursor): Type {
  cursor.expect('(');
  const type = TYPES.get(cursor.peek()?.text ?? '');
  if (!type) throw cursor.unexpected('a type such as u32');
  cursor.skip(1);
  cursor.expect('*');
  cursor.expect(')');
  return type;
}

/** `(u32 *)(r1 + 76)` */
function pointer(cursor: Cursor): Type & Address {
  const type = cast(cursor);
  cursor.expect('(');
  const at = address(cursor);
  cursor.expect(')');
  return { ...type, ...at };
}

/** A register that holds `size` bytes: the kernel writes r for all, LLVM w up to 4. */
function valueRegister(cursor: Cursor, size: AccessSize): Register {
  return size === 8 ? registerOf(cursor, 'r') : register(cursor).number;
}

/** `*(u32 *)(r1 + 76)`, `*(u8 *)skb[5]` behind `rD =`. */
export function load(cursor: Cursor, dst: RegisterOperand): Instruction {
  const { position } = cursor;
  cursor.expect('*');
  const { size, signed } = cast(cursor);
  if (dst.width === 'w' && (signed || size === 8)) {
    throw new TextError('SYNTAX', `expected r${dst.number}: this load fills 64 bits`, position);
  }
  if (cursor.take('skb')) return legacy(cursor, dst.number, size, signed, position);
  cursor.expect('(');
  const { base, offset } = address(cursor);
  cursor.expect(')');
  if (!signed) return make.load(size, dst.number, base, offset);
  return make.loadSigned(size as 1 | 2 | 4, dst.number, base, offset);
}

/** `[5]`, `[r1]`, `[r1 + 5]`, `[r1 + -5]` */
function legacy(
  cursor: Cursor,
  dst: Register,
  size: AccessSize,
  signed: boolean,
  position: { line: number; column: number },
): Instruction {
  if (dst !== 0 || signed || size === 8) {
    throw new TextError('SYNTAX', 'expected r0 = *(u8 *)skb[...], u16 or u32', position);
  }
  cursor.expect('[');
  if (!atRegister(cursor)) {
    const offset = distance32(numeral(cursor, 'a register or a number'));
    cursor.expect(']');
    return make.loadAbsolute(size, offset);
  }
  const src = registerOf(cursor, 'r');
  // The kernel writes `+ -5`.
  if (cursor.at('+', '-')) cursor.skip(1);
  const offset = cursor.at(']') ? 0 : distance32(numeral(cursor, 'an offset'));
  cursor.expect(']');
  return make.loadIndirect(size, src, offset);
}

/** `*(u32 *)(r1 + 76) = r2` or `= 5`. */
export function store(cursor: Cursor): Instruction {
  cursor.expect('*');
  const { position } = cursor;
  const { size, signed, base, offset } = pointer(cursor);
  if (signed) throw new TextError('SYNTAX', 'expected an unsigned type: a store has no sign', position);
  cursor.expect('=');
  if (!atNumeral(cursor)) return make.store(size, base, offset, valueRegister(cursor, size));
  const value = numeral(cursor);
  const imm = size === 8 ? signed32(value) : bits32(value);
  // The machine stores the low bits of any 32-bit immediate, and the kernel lists all of it.
  return { opcode: CLASS.ST | MODE.MEM | sizeBits(size), dst: base, src: 0, offset, imm };
}

const LOCKED: ReadonlyMap<number, make.Atomic> = new Map([
  [ATOMIC.ADD, make.atomicAdd],
  [ATOMIC.OR, make.atomicOr],
  [ATOMIC.AND, make.atomicAnd],
  [ATOMIC.XOR, make.atomicXor],
]);
const FETCHING: ReadonlyMap<number, make.Atomic> = new Map([
  [ATOMIC.ADD, make.atomicFetchAdd],
  [ATOMIC.OR, make.atomicFetchOr],
  [ATOMIC.AND, make.atomicFetchAnd],
  [ATOMIC.XOR, make.atomicFetchXor],
]);

/** The constructor of `lock [fetch] NAME`. */
export function atomicNamed(name: string, fetch: boolean): make.Atomic | undefined {
  const operation = ATOMIC_NAMES.meaning.get(name);
  return operation === undefined ? undefined : (fetch ? FETCHING : LOCKED).get(operation);
}

/** `*(u64 *)(r1 + 0) += r2` behind `lock`. */
export function locked(cursor: Cursor): Instruction {
  cursor.expect('*');
  const { position } = cursor;
  const { size, signed, base, offset } = pointer(cursor);
  if (signed || size < 4) throw new TextError('SYNTAX', 'expected u32 or u64', position);
  const operation = ATOMIC_SIGNS.meaning.get(cursor.peek()?.text ?? '');
  if (operation === undefined) throw cursor.unexpected('one of += |= &= ^=');
  cursor.skip(1);
  return LOCKED.get(operation)!(size as 4 | 8, base, offset, valueRegister(cursor, size));
}

/** A function that stands for an atomic operation, and the size its name says, if any. */
interface AtomicFunction {
  readonly make: make.Atomic;
  readonly size?: 4 | 8;
  /** Compares with r0, and gives its result there. */
  readonly compares?: true;
}

/** The kernel's names (`atomic64_xchg`), LLVM's (`xchg32_32`, `atomic_fetch_add`) and the RFC's (`xchg_32`). */
const FUNCTIONS: ReadonlyMap<string, AtomicFunction> = new Map([
  ...Array.from(FETCHING, ([operation, make]) =>
    named(`fetch_${ATOMIC_NAMES.of.get(operation)}`, { make }),
  ).flat(),
  ...named('xchg', { make: make.atomicExchange }),
  ...named('cmpxchg', { make: make.atomicCompareExchange, compares: true }),
]);

function named(name: string, function_: AtomicFunction): [string, AtomicFunction][] {
  const [narrow, wide] = [
    { ...function_, size: 4 as const },
    { ...function_, size: 8 as const },
  ];
  return [
    [`atomic_${name}`, function_],
    [`atomic64_${name}`, wide],
    [`atomic_${name}_32`, narrow],
    [`atomic_${name}_64`, wide],
    [`${name}_32`, narrow],
    [`${name}_64`, wide],
    [`${name}32_32`, narrow],
  ];
}

/** `atomic64_fetch_add((u64 *)(r1 + 0), r2)`, `cmpxchg_64(r1 + 8, r0, r2)` behind `rD =`; undefined for other names. */
export function atomicFunction(cursor: Cursor, dst: RegisterOperand): Instruction | undefined {
  const function_ = FUNCTIONS.get(cursor.peek()?.text ?? '');
  if (!function_) return undefined;
  const { position } = cursor;
  cursor.skip(1);
  cursor.expect('(');
  const typed = cursor.at('(') ? pointer(cursor) : undefined;
  const at = typed ?? address(cursor);
  const size = function_.size ?? typed?.size;
  if ((size !== 4 && size !== 8) || (typed && (typed.size !== size || typed.signed))) {
    throw new TextError('SYNTAX', 'expected a pointer to u32 or u64, as wide as the operation', position);
  }
  if (size === 8 && dst.width === 'w') {
    throw new TextError('SYNTAX', `expected r${dst.number}: this operation has 64 bits`, position);
  }
  cursor.expect(',');
  if (!function_.compares) {
    const src = registerOf(cursor, dst.width, dst.number);
    cursor.expect(')');
    return function_.make(size, at.base, at.offset, src);
  }
  if (dst.number !== 0)
    throw new TextError('SYNTAX', `expected ${dst.width}0 = : it compares with r0`, position);
  registerOf(cursor, dst.width, 0);
  cursor.expect(',');
  const src = registerOf(cursor, dst.width);
  cursor.expect(')');
  return function_.make(size, at.base, at.offset, src);
}

/** `load_acquire((u64 *)(r1 + 0))` behind `rD =`. */
export function loadAcquire(cursor: Cursor, dst: RegisterOperand): Instruction {
  cursor.expect('load_acquire');
  cursor.expect('(');
  const { position } = cursor;
  const { size, signed, base, offset } = pointer(cursor);
  if (signed || (size === 8 && dst.width === 'w')) {
    throw new TextError('SYNTAX', 'expected an unsigned type no wider than the register', position);
  }
  cursor.expect(')');
  return make.loadAcquire(size, dst.number, base, offset);
}

/** `store_release((u64 *)(r1 + 0), r2)` */
export function storeRelease(cursor: Cursor): Instruction {
  cursor.expect('store_release');
  cursor.expect('(');
  const { position } = cursor;
  const { size, signed, base, offset } = pointer(cursor);
  if (signed) throw new TextError('SYNTAX', 'expected an unsigned type: a store has no sign', position);
  cursor.expect(',');
  const src = valueRegister(cursor, size);
  cursor.expect(')');
  return make.storeRelease(size, base, offset, src);
}
