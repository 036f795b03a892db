// What a program body is written with: structured control flow, look-ups, helper calls, the packet.
// Everything here only records; compile/ turns the record into instructions.

import { type Block, CONTEXT, type Operand, type Slot, type Vreg } from '../compile/ir.ts';
import { HELPERS, type Helper } from '../helper.ts';
import type { FieldType, ScalarKind, ScalarType } from '../layout.ts';
import type { MapDefinition } from '../map.ts';
import { BuildError, captureSite } from '../source.ts';
import { Condition } from './condition.ts';
import { Expression, exactOperand, type Input, type Literal, Value, Variable } from './expression.ts';
import type { HostKind, Storable } from './kinds.ts';
import { Packet } from './packet.ts';
import type { Recorder } from './recorder.ts';
import { skBuff } from './skb.ts';
import { type ViewOf, viewOf } from './view.ts';

/** A pointer, as helpers take it: the context, a map, an address on the stack. Never calculated with. */
export class Pointer {
  /** @internal */
  readonly operand: () => Operand;
  /** @internal */
  constructor(operand: () => Operand) {
    this.operand = operand;
  }
}

/** What a helper can be given: 64-bit literals are taken as unsigned. */
export type Argument = Expression | Pointer | Literal;

/** The result of a look-up. Its `value` may be used only where `exists()` was found true. */
export interface Entry<V> {
  exists(): Condition;
  missing(): Condition;
  readonly value: V;
}

export class Builder {
  /** The packet the program was called for. */
  readonly packet: Packet;
  /** `struct __sk_buff`. */
  readonly skb: ViewOf<typeof skBuff>;
  /** The context pointer itself, for helpers. */
  readonly context: Pointer;
  readonly #recorder: Recorder;
  readonly #endings: (() => void)[] = [];

  /** @internal */
  constructor(recorder: Recorder) {
    this.#recorder = recorder;
    this.packet = new Packet(recorder, this);
    this.skb = viewOf(recorder, skBuff, CONTEXT, 0);
    this.context = new Pointer(() => CONTEXT);
  }

  /** Runs `then` where the condition holds, else `otherwise`. Either may end the path. */
  when(condition: Condition, then: () => void, otherwise?: () => void): void {
    this.#branch(condition, this.#recorder.block('then'), then, otherwise);
  }

  /** As `when`, for what seldom happens: it is put out of the way of the rest. */
  rarely(condition: Condition, then: () => void): void {
    this.#branch(condition, this.#recorder.block('rarely', { cold: true }), then, undefined);
  }

  #branch(condition: Condition, taken: Block, then: () => void, otherwise: (() => void) | undefined): void {
    const recorder = this.#recorder;
    const other = otherwise && recorder.block('otherwise');
    const join = recorder.block('join');
    condition.branch(recorder, taken, other ?? join);
    const before = recorder.bounds;
    const ends = [this.#body(taken, then, join)];
    const boundsThen = recorder.bounds;
    recorder.bounds = before;
    if (other && otherwise) ends.push(this.#body(other, otherwise, join));
    else ends.push(true);
    // What is known of the packet behind the join is what was known before, unless a path that gets here lost it.
    const kept =
      (!ends[0] || boundsThen?.data === before?.data) && (!ends[1] || recorder.bounds?.data === before?.data);
    recorder.bounds = kept ? before : undefined;
    if (!ends.includes(true)) return;
    // A path that leaves where others go on makes room for these.
    if (!ends[0]) taken.cold = true;
    else if (other && !ends[1]) other.cold = true;
    recorder.enter(join);
  }

  /** A variable of `kind`, set to `initial` where that is given. */
  variable<K extends HostKind>(kind: K, initial?: Input<Storable<K>>): Variable<K> {
    const variable = new Variable(this.#recorder, kind);
    if (initial !== undefined) variable.set(initial);
    return variable;
  }

  /** A literal as a typed value. */
  constant<K extends ScalarKind>(kind: K, value: Literal): Value<K> {
    return new Value(this.#recorder, kind, exactOperand(value, kind));
  }

  /** Uninitialised memory on the stack. */
  stack<T extends FieldType>(layout: T): { address: Pointer; view: ViewOf<T> } {
    const slot = this.#recorder.slot('name' in layout ? String(layout.name) : layout.kind, layout.size);
    const base = this.#frame(slot);
    return { address: new Pointer(() => this.#frame(slot)), view: viewOf(this.#recorder, layout, base, 0) };
  }

  /**
   * Looks `key` up in `map`. With `orElse`, which must end the path, the value itself; else an entry to be asked first.
   */
  lookup<K extends ScalarKind, V extends FieldType>(
    map: MapDefinition<ScalarType<K>, V>,
    key: Input<K>,
  ): Entry<ViewOf<V>>;
  lookup<K extends ScalarKind, V extends FieldType>(
    map: MapDefinition<ScalarType<K>, V>,
    key: Input<K>,
    options: { orElse: () => void },
  ): ViewOf<V>;
  lookup<K extends ScalarKind, V extends FieldType>(
    map: MapDefinition<ScalarType<K>, V>,
    key: Input<K>,
    options?: { orElse: () => void },
  ): Entry<ViewOf<V>> | ViewOf<V> {
    const recorder = this.#recorder;
    const base = this.#frame(recorder.slot('key', map.key.size));
    const value = exactOperand(key, map.key.kind);
    recorder.emit({ op: 'store', base, offset: 0, size: map.key.size, value });
    const pointer = recorder.vreg('map');
    recorder.emit({ op: 'map', dst: pointer, map });
    const found = recorder.vreg('value_or_null');

    recorder.emit({ op: 'call', dst: found, helper: HELPERS.map_lookup_elem, args: [pointer, base] });
    const entry = {
      exists: () => Condition.compare('ne', 64, found, 0n),
      missing: () => Condition.compare('eq', 64, found, 0n),
      value: viewOf(recorder, map.value, found, 0),
    };
    if (!options) return entry;
    this.rarely(entry.missing(), () => this.mustEnd('orElse of a look-up', options.orElse));
    return entry.value;
  }

  /** Calls a kernel helper; the result is what it returns, errors being negative. */
  call(helper: Helper, args: readonly Argument[]): Value<'u64'> {
    if (args.length !== helper.arguments) {
      throw new BuildError(
        'ARGUMENTS',
        `${helper.name} takes ${helper.arguments} arguments, ${args.length} given`,
        captureSite(),
      );
    }
    const operands = args.map((arg) =>
      arg instanceof Pointer
        ? arg.operand()
        : arg instanceof Expression
          ? arg.operand()
          : BigInt.asUintN(64, BigInt(arg)),
    );
    const dst: Vreg = this.#recorder.vreg();
    this.#recorder.emit({ op: 'call', dst, helper, args: operands });
    if (helper.movesPacket) this.#recorder.bounds = undefined;
    return new Value(this.#recorder, 'u64', dst);
  }

  /**
   * A common way to end: `body` is emitted once, and every call of the returned function jumps there with its value.
   * The body must end the path.
   */
  ending<K extends HostKind>(
    name: string,
    kind: K,
    body: (value: Expression<K>) => void,
  ): (value: Input<Storable<K>>) => void {
    const recorder = this.#recorder;
    const value = this.variable(kind);
    let block: Block | undefined;
    return (input) => {
      value.set(input);
      if (!block) {
        const first = recorder.block(name, { cold: true });
        block = first;
        this.#endings.push(() => {
          recorder.enter(first);
          recorder.bounds = undefined;
          this.mustEnd(`ending ${name}`, () => body(value));
        });
      }
      recorder.end({ end: 'jump', to: block });
    };
  }

  /** Ends the program with a return code. */
  exit(code: Expression<HostKind> | number): void {
    const value = code instanceof Expression ? code.operand() : BigInt(code);
    this.#recorder.end({ end: 'exit', value });
  }

  /** TCX_NEXT, TC_ACT_UNSPEC: the packet goes on to the next program or filter, and then its way. */
  next(): void {
    this.exit(TC_ACT_UNSPEC);
  }

  /** TC_ACT_SHOT: the packet is dropped. */
  drop(): void {
    this.exit(TC_ACT_SHOT);
  }

  /** Ends the program by sending the packet out of the interface `ifindex` (bpf_redirect). */
  redirect(ifindex: Expression<HostKind>): void {
    this.exit(this.call(HELPERS.redirect, [ifindex, 0]));
  }

  /** Runs a body that has to end its path. @internal */
  mustEnd(what: string, body: () => void): void {
    const site = captureSite();
    body();
    if (this.#recorder.open) throw new BuildError('MISSING_RETURN', `${what} does not end the path`, site);
  }

  /** Emits the bodies of the endings that were used. @internal */
  finish(): void {
    for (let ending = this.#endings.shift(); ending; ending = this.#endings.shift()) ending();
  }

  #body(block: Block, body: () => void, join: Block): boolean {
    this.#recorder.enter(block);
    body();
    if (!this.#recorder.open) return false;
    this.#recorder.end({ end: 'jump', to: join });
    return true;
  }

  #frame(slot: Slot): Vreg {
    const dst = this.#recorder.vreg('stack');
    this.#recorder.emit({ op: 'frame', dst, slot });
    return dst;
  }
}

const TC_ACT_UNSPEC = -1;
const TC_ACT_SHOT = 2;
