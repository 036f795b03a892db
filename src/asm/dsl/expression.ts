// Typed integers in a program: what can be done with any of them, values and variables; places in memory are in place.ts.
// The kind carries the byte order: a be32 and a u32 do not mix, and the compiler of TypeScript says so.

import type { BinaryOperator, Comparison, Operand, Vreg, Width } from '../compile/ir.ts';
import type { ScalarKind } from '../layout.ts';
import type { Door, Site } from '../source.ts';
import { Condition } from './condition.ts';
import {
  bitsOf,
  type Comparable,
  constantOf,
  type HostKind,
  type HostOf,
  isNetwork,
  type NetworkKind,
  type NetworkOf,
  type Promoted,
  promote,
  type Storable,
  type Wider,
} from './kinds.ts';
import type { Recorder } from './recorder.ts';

/** A number written in TypeScript. For network kinds it means what it reads: ETH_P_IP is 0x0800. */
export type Literal = number | bigint;
/** Something of kind `K`, or a literal that fits it. */
export type Input<K extends ScalarKind> = Expression<K> | Literal;

/** Anything with an integer value. */
export abstract class Expression<K extends ScalarKind = ScalarKind> {
  readonly kind: K;
  protected readonly recorder: Recorder;

  constructor(recorder: Recorder, kind: K) {
    this.recorder = recorder;
    this.kind = kind;
  }

  /** The value in a register, read now if it is in memory: as part of the statement at `site`. @internal */
  abstract operand(site?: Site): Operand;

  /** Whether reading it records nothing. @internal */
  get inRegister(): boolean {
    return false;
  }

  /** The value as it is now: reads a place once. */
  get(): Value<K> {
    return new Value(this.recorder, this.kind, this.#read(this.get));
  }

  eq(other: Input<Comparable<K>>): Condition {
    return this.#compare('eq', other, this.eq);
  }
  ne(other: Input<Comparable<K>>): Condition {
    return this.#compare('ne', other, this.ne);
  }
  /** Unsigned, as are le, gt and ge. */
  lt<A extends HostKind>(this: Expression<A>, other: Input<HostKind>): Condition {
    return this.#compare('lt', other, this.lt);
  }
  le<A extends HostKind>(this: Expression<A>, other: Input<HostKind>): Condition {
    return this.#compare('le', other, this.le);
  }
  gt<A extends HostKind>(this: Expression<A>, other: Input<HostKind>): Condition {
    return this.#compare('gt', other, this.gt);
  }
  ge<A extends HostKind>(this: Expression<A>, other: Input<HostKind>): Condition {
    return this.#compare('ge', other, this.ge);
  }
  /** True when taken as signed it is below zero: how helpers report an error. */
  isNegative<A extends 'u32' | 'u64'>(this: Expression<A>): Condition {
    return Condition.compare('slt', widthOf(this.kind), this.#read(this.isNegative), 0n);
  }

  add<A extends HostKind, B extends HostKind>(this: Expression<A>, other: Expression<B>): Value<Wider<A, B>>;
  add<A extends HostKind>(this: Expression<A>, other: Literal): Value<Promoted<A>>;
  add(other: Input<ScalarKind>): Value<ScalarKind> {
    return this.#calculate('add', other, this.recorder.called(this.add));
  }
  sub<A extends HostKind, B extends HostKind>(this: Expression<A>, other: Expression<B>): Value<Wider<A, B>>;
  sub<A extends HostKind>(this: Expression<A>, other: Literal): Value<Promoted<A>>;
  sub(other: Input<ScalarKind>): Value<ScalarKind> {
    return this.#calculate('sub', other, this.recorder.called(this.sub));
  }
  /** Bitwise; network kinds may meet their own kind. */
  and<A extends HostKind, B extends HostKind>(this: Expression<A>, other: Expression<B>): Value<Wider<A, B>>;
  and<A extends HostKind>(this: Expression<A>, other: Literal): Value<Promoted<A>>;
  and<A extends NetworkKind>(this: Expression<A>, other: Input<NoInfer<A>>): Value<A>;
  and(other: Input<ScalarKind>): Value<ScalarKind> {
    return this.#calculate('and', other, this.recorder.called(this.and));
  }
  or<A extends HostKind, B extends HostKind>(this: Expression<A>, other: Expression<B>): Value<Wider<A, B>>;
  or<A extends HostKind>(this: Expression<A>, other: Literal): Value<Promoted<A>>;
  or<A extends NetworkKind>(this: Expression<A>, other: Input<NoInfer<A>>): Value<A>;
  or(other: Input<ScalarKind>): Value<ScalarKind> {
    return this.#calculate('or', other, this.recorder.called(this.or));
  }
  xor<A extends HostKind, B extends HostKind>(this: Expression<A>, other: Expression<B>): Value<Wider<A, B>>;
  xor<A extends HostKind>(this: Expression<A>, other: Literal): Value<Promoted<A>>;
  xor<A extends NetworkKind>(this: Expression<A>, other: Input<NoInfer<A>>): Value<A>;
  xor(other: Input<ScalarKind>): Value<ScalarKind> {
    return this.#calculate('xor', other, this.recorder.called(this.xor));
  }
  /** Shift towards the most significant bit. */
  shl<A extends HostKind>(this: Expression<A>, bits: number): Value<Promoted<A>> {
    return this.#calculate('lsh', requireShift(this.kind, bits), this.recorder.called(this.shl)) as Value<
      Promoted<A>
    >;
  }
  /** Shift towards the least significant bit; zeros come in. */
  shr<A extends HostKind>(this: Expression<A>, bits: number): Value<Promoted<A>> {
    return this.#calculate('rsh', requireShift(this.kind, bits), this.recorder.called(this.shr)) as Value<
      Promoted<A>
    >;
  }
  /** All bits of the kind's own width inverted. */
  not(): Value<K> {
    const ones = new Value<ScalarKind>(this.recorder, this.kind, (1n << BigInt(bitsOf(this.kind))) - 1n);
    return new Value(
      this.recorder,
      this.kind,
      this.#calculate('xor', ones, this.recorder.called(this.not)).operand(),
    );
  }

  /** The low bits as a smaller (or, zero-extended, a larger) host integer. */
  as<A extends HostKind, T extends HostKind>(this: Expression<A>, kind: T): Value<T> {
    if (bitsOf(kind) >= bitsOf(this.kind)) return new Value(this.recorder, kind, this.#read(this.as));
    const { recorder } = this;
    const site = recorder.called(this.as);
    const from = this.operand(site);
    const dst = recorder.vreg();
    const mask = (1n << BigInt(bitsOf(kind))) - 1n;
    recorder.emit({ op: 'binary', operator: 'and', width: 64, dst, a: from, b: mask, site });
    return new Value(recorder, kind, dst);
  }
  /** Network to host byte order. */
  toHost<A extends NetworkKind>(this: Expression<A>): Value<HostOf<A>> {
    return this.#swapped(this.kind.replace('be', 'u') as HostOf<A>, this.recorder.called(this.toHost));
  }
  /** Host to network byte order. */
  toNetwork<A extends 'u16' | 'u32' | 'u64'>(this: Expression<A>): Value<NetworkOf<A>> {
    return this.#swapped(this.kind.replace('u', 'be') as NetworkOf<A>, this.recorder.called(this.toNetwork));
  }
  /** The same bits under another byte order: for one's complement sums, which do not care (RFC 1071, section 2B). */
  bits<A extends NetworkKind>(this: Expression<A>): Value<HostOf<A>>;
  bits<A extends 'u16' | 'u32' | 'u64'>(this: Expression<A>): Value<NetworkOf<A>>;
  bits(): Value<ScalarKind> {
    const kind = isNetwork(this.kind) ? this.kind.replace('be', 'u') : this.kind.replace('u', 'be');
    return new Value(this.recorder, kind as ScalarKind, this.#read(this.bits));
  }

  #swapped<T extends ScalarKind>(kind: T, site: Site): Value<T> {
    const { recorder } = this;
    const dst = recorder.vreg();
    const a = recorder.vreg();
    recorder.emit({ op: 'move', dst: a, from: this.operand(site), site });
    recorder.emit({ op: 'swap', dst, a, bits: bitsOf(kind) as 16 | 32 | 64, site });
    return new Value(recorder, kind, dst);
  }

  /** The operand, recorded as a statement of its own where reading it is one. */
  #read(door: Door): Operand {
    return this.operand(this.inRegister ? undefined : this.recorder.called(door));
  }

  #compare(comparison: Comparison, other: Input<ScalarKind>, door: Door): Condition {
    const width = wider(this.kind, other);
    const isRead = this.inRegister && !(other instanceof Expression && !other.inRegister);
    const site = isRead ? undefined : this.recorder.called(door);
    return Condition.compare(comparison, width, this.operand(site), toOperand(other, this.kind, site));
  }

  #calculate(operator: BinaryOperator, other: Input<ScalarKind>, site: Site): Value<ScalarKind> {
    const width = wider(this.kind, other);
    const kind = isNetwork(this.kind) ? this.kind : width === 64 ? 'u64' : 'u32';
    const dst = this.recorder.vreg();
    const a = this.operand(site);
    const b = toOperand(other, kind, site);
    this.recorder.emit({ op: 'binary', operator, width, dst, a, b, site });
    return new Value<ScalarKind>(this.recorder, kind, dst);
  }
}

/** A value that was calculated or read: it never changes. */
export class Value<K extends ScalarKind = ScalarKind> extends Expression<K> {
  readonly #operand: Operand;

  constructor(recorder: Recorder, kind: K, operand: Operand) {
    super(recorder, kind);
    this.#operand = operand;
  }

  override operand(): Operand {
    this.recorder.requireActive();
    return this.#operand;
  }

  override get inRegister(): boolean {
    return true;
  }

  override get(): Value<K> {
    return this;
  }
}

/** A value that can be set again, on any path. */
export class Variable<K extends ScalarKind = ScalarKind> extends Expression<K> {
  readonly #vreg: Vreg;

  constructor(recorder: Recorder, kind: K) {
    super(recorder, kind);
    this.#vreg = recorder.vreg();
  }

  override operand(site: Site = this.recorder.here): Operand {
    const dst = this.recorder.vreg();
    this.recorder.emit({ op: 'move', dst, from: this.#vreg, site });
    return dst;
  }

  set(value: Input<Storable<K>>): void {
    const site = this.recorder.called(this.set);
    const from = exactOperand(value, this.kind, site);
    this.recorder.emit({ op: 'move', dst: this.#vreg, from, site });
  }
}

/** The operand that stands for an input in a calculation on `kind`, where small kinds count as 32 bits. */
function toOperand(input: Input<ScalarKind>, kind: ScalarKind, site?: Site): Operand {
  return input instanceof Expression ? input.operand(site) : constantOf(promote(kind), input);
}

/** The operand that stands for an input of `kind`, a literal having to fit `kind` itself. @internal */
export function exactOperand(input: Input<ScalarKind>, kind: ScalarKind, site?: Site): Operand {
  return input instanceof Expression ? input.operand(site) : constantOf(kind, input);
}

const widthOf = (kind: ScalarKind): Width => (bitsOf(kind) === 64 ? 64 : 32);
const wider = (kind: ScalarKind, other: Input<ScalarKind>): Width =>
  widthOf(kind) === 64 || (other instanceof Expression && widthOf(other.kind) === 64) ? 64 : 32;

function requireShift(kind: ScalarKind, bits: number): number {
  const width = widthOf(kind);
  if (!Number.isInteger(bits) || bits < 0 || bits >= width)
    throw new RangeError(`shift by ${bits}: 0 to ${width - 1}`);
  return bits;
}
