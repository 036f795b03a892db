// Structured control flow, variables, memory on the stack, calls: what every kind of program body is written with.
// Everything here only records; compile/ turns the record into instructions.

import type { Block, Callee, Operand, Slot, Vreg } from '../compile/ir.ts';
import type { Helper } from '../helper.ts';
import type { FieldType, ScalarKind } from '../layout.ts';
import { BuildError, complaintSite, type Site } from '../source.ts';
import type { Condition } from './condition.ts';
import { type Expression, exactOperand, type Input, type Literal, Value, Variable } from './expression.ts';
import type { Comparable, HostKind, Storable } from './kinds.ts';
import type { Place } from './place.ts';
import { type Argument, argumentOperand, Pointer } from './pointer.ts';
import type { Recorder } from './recorder.ts';
import { type BytesPlace, type InputOf, type ViewOf, viewOf, writeInput } from './view.ts';

export class Flow {
  /** @internal */
  readonly recorder: Recorder;
  readonly #endings: (() => void)[] = [];

  /** @internal */
  constructor(recorder: Recorder) {
    this.recorder = recorder;
  }

  /** Runs `then` where the condition holds, else `otherwise`. Either may end the path. */
  when(condition: Condition, then: () => void, otherwise?: () => void): void {
    this.recorder.statement(this.when, () =>
      this.#branch(condition, this.recorder.block('then'), then, otherwise),
    );
  }

  /** As `when`, for what is as usual as the rest, or more so, though it ends its path. */
  usually(condition: Condition, then: () => void): void {
    this.recorder.statement(this.usually, () => {
      const taken = this.recorder.block('usually');
      this.#branch(condition, taken, then, undefined);
      taken.cold = false;
    });
  }

  /** As `when`, for what seldom happens: it is put out of the way of the rest. */
  rarely(condition: Condition, then: () => void): void {
    this.recorder.statement(this.rarely, () =>
      this.#branch(condition, this.recorder.block('rarely', { cold: true }), then, undefined),
    );
  }

  /** Runs the body of the first case that `value` equals, likeliest first; else `otherwise`. */
  match<K extends ScalarKind>(
    value: Expression<K>,
    cases: readonly (readonly [Input<Comparable<K>>, () => void])[],
    otherwise: () => void = () => {},
  ): void {
    const next = (subject: Value<K>, at: number, site: Site): void => {
      const [literal, body] = cases[at]!;
      const others = (): void => this.recorder.resume(site, () => next(subject, at + 1, site));
      this.when(subject.eq(literal), body, at + 1 < cases.length ? others : otherwise);
    };
    if (cases.length === 0) otherwise();
    else this.recorder.statement(this.match, (site) => next(value.get(), 0, site));
  }

  /**
   * Runs `body` for i = 0 to times - 1; `stop` leaves the loop early and ends the path. `times` is a constant, so that
   * the verifier sees the end (since Linux 5.3).
   */
  loop(times: number, body: (i: Expression<'u32'>, stop: () => void) => void): void {
    if (!Number.isInteger(times) || times < 1) throw new RangeError(`loop of ${times} rounds: at least 1`);
    this.recorder.statement(this.loop, () => this.#loop(times, body));
  }

  #loop(times: number, body: (i: Expression<'u32'>, stop: () => void) => void): void {
    const { recorder } = this;
    const [head, inside, done] = [recorder.block('loop'), recorder.block('round'), recorder.block('done')];
    const i = this.variable('u32', 0);
    // What is known of the packet before the loop need not be true in its second round, if the first may move it.
    const { bounds: before, moves } = recorder;
    recorder.bounds = undefined;
    recorder.jump(head);
    recorder.enter(head);
    i.lt(times).branch(recorder, inside, done);
    recorder.enter(inside);
    const stop = (): void => recorder.statement(stop, () => recorder.jump(done));
    recorder.foreign(() => body(i, stop));
    if (recorder.open) {
      i.set(i.add(1));
      recorder.jump(head);
    }
    recorder.bounds = recorder.moves === moves ? before : undefined;
    recorder.enter(done);
  }

  /** A variable of `kind`, set to `initial` where that is given. */
  variable<K extends HostKind>(kind: K, initial?: Input<Storable<K>>): Variable<K> {
    const variable = new Variable(this.recorder, kind);
    if (initial !== undefined) this.recorder.statement(this.variable, () => variable.set(initial));
    return variable;
  }

  /** A literal as a typed value. */
  constant<K extends ScalarKind>(kind: K, value: Literal): Value<K> {
    return new Value(this.recorder, kind, exactOperand(value, kind));
  }

  /** Uninitialised memory on the stack. */
  stack<T extends FieldType>(layout: T): { address: Pointer; view: ViewOf<T> } {
    const slot: Slot = { name: layout.kind === 'struct' ? layout.name : layout.kind, size: layout.size };
    const base = this.recorder.statement(this.stack, () => this.#frame(slot));
    const view = viewOf(this.recorder, layout, base, 0, true);
    return { address: new Pointer(() => this.#frame(slot)), view };
  }

  /** Memory on the stack that holds `input`. */
  memory<T extends FieldType>(layout: T, input: InputOf<T>): Pointer {
    return this.recorder.statement(this.memory, () => {
      const { address, view } = this.stack(layout);
      writeInput(view, layout, input);
      return address;
    });
  }

  /**
   * Memory that one of several look-ups has found: `point` says from which place on, on each path to where `view` is used.
   * Paths that have not said so read and write nothing: the kernel refuses them.
   */
  pointer<T extends FieldType>(layout: T): { point: (at: Place) => void; view: ViewOf<T> } {
    const { recorder } = this;
    const dst = recorder.vreg();
    recorder.emit({ op: 'move', dst, from: 0n, site: recorder.called(this.pointer) });
    const point = (at: Place): void => {
      const { base, offset } = at.location;
      const site = recorder.called(point);
      recorder.emit({ op: 'binary', operator: 'add', width: 64, dst, a: base, b: BigInt(offset), site });
    };
    return { point, view: viewOf(recorder, layout, dst, 0) };
  }

  /** The memory from `at` on, seen through another layout; all of it has to be there. */
  overlay<T extends FieldType>(at: Place | BytesPlace, layout: T): ViewOf<T> {
    const { base, offset } = at.location;
    return viewOf(this.recorder, layout, base, offset);
  }

  /** Calls a kernel helper; the result is what it returns, errors being negative. */
  call(helper: Helper, args: readonly Argument[]): Value<'u64'> {
    if (args.length !== helper.arguments) {
      const message = `${helper.name} takes ${helper.arguments} arguments, ${args.length} given`;
      throw new BuildError('ARGUMENTS', message, complaintSite());
    }
    const dst = this.recorder.vreg();
    this.recorder.statement(this.call, () => this.emitCall(helper, args.map(argumentOperand), dst));
    return new Value(this.recorder, 'u64', dst);
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
    const { recorder } = this;
    const value = this.variable(kind);
    let block: Block | undefined;
    const emitted = (): Block => {
      const first = recorder.block(name, { cold: true });
      this.#endings.push(() => {
        recorder.enter(first);
        recorder.bounds = undefined;
        this.mustEnd(`ending ${name}`, () => body(value));
      });
      return first;
    };
    const ending = (input: Input<Storable<K>>): void =>
      recorder.statement(ending, () => {
        value.set(input);
        block ??= emitted();
        recorder.jump(block);
      });
    return ending;
  }

  /** @internal */
  emitCall(callee: Callee, args: readonly Operand[], dst: Vreg): Vreg {
    this.recorder.emit({ op: 'call', dst, callee, args, site: this.recorder.here });
    if (callee.movesPacket) {
      this.recorder.bounds = undefined;
      this.recorder.moves++;
    }
    return dst;
  }

  /** Runs a body that has to end its path. @internal */
  mustEnd(what: string, body: () => void): void {
    this.recorder.foreign(body);
    if (this.recorder.open)
      throw new BuildError('MISSING_RETURN', `${what} does not end the path`, complaintSite());
  }

  /** Emits the bodies of the endings that were used. @internal */
  finish(): void {
    for (let ending = this.#endings.shift(); ending; ending = this.#endings.shift()) ending();
  }

  #branch(condition: Condition, taken: Block, then: () => void, otherwise: (() => void) | undefined): void {
    const { recorder } = this;
    const other = otherwise && recorder.block('otherwise');
    const join = recorder.block('join');
    condition.branch(recorder, taken, other ?? join);
    const before = recorder.bounds;
    const thenGoesOn = this.#body(taken, then, join);
    const boundsThen = recorder.bounds;
    recorder.bounds = before;
    const otherGoesOn = other && otherwise ? this.#body(other, otherwise, join) : true;
    // What is known of the packet behind the join is what was known before, unless a path that gets here lost it.
    const keptThen = !thenGoesOn || boundsThen?.data === before?.data;
    const keptOther = !otherGoesOn || recorder.bounds?.data === before?.data;
    recorder.bounds = keptThen && keptOther ? before : undefined;
    if (!thenGoesOn && !otherGoesOn) return;
    // A path that leaves where others go on makes room for these.
    if (!thenGoesOn) taken.cold = true;
    else if (other && !otherGoesOn) other.cold = true;
    recorder.enter(join);
  }

  #body(block: Block, body: () => void, join: Block): boolean {
    this.recorder.enter(block);
    this.recorder.foreign(body);
    if (!this.recorder.open) return false;
    this.recorder.jump(join);
    return true;
  }

  #frame(slot: Slot): Vreg {
    const dst = this.recorder.vreg('stack');
    this.recorder.emit({ op: 'frame', dst, slot, site: this.recorder.here });
    return dst;
  }
}
