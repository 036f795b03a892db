// What a random program must do, worked out in plain JavaScript: values are the numbers they mean, memory is bytes.
// Nothing of src/asm is used. Integers of the host are little-endian here, as on every machine the tests run on.

import { Evaluator, mask } from './evaluate.ts';
import { writeNumber } from './number.ts';
import {
  BITS,
  CONTEXT,
  type FieldValue,
  type Input,
  type Kind,
  type Plan,
  type PlannedFunction,
  type Procedure,
  RESULTS,
  SIZES,
  STATE,
  type Statement,
} from './plan.ts';

/** Everything a program can read and change. */
export interface World {
  /** What kind of program runs: XDP has no context worth the name, and other errors. */
  readonly hook: 'sched_cls' | 'xdp';
  readonly packet: Uint8Array;
  readonly context: Uint8Array;
  readonly state: Uint8Array;
  /** The records of the hash map, by key. */
  readonly table: Map<number, Uint8Array>;
  readonly results: BigUint64Array;
}

const ENOENT = 2n;
const EFAULT = 14n;
const EINVAL = 22n;
const EEXIST = 17n;
const INT_MAX = 0x7fff_ffffn;
/** How far the helpers of XDP look: MAX_PACKET_OFF. */
const FARTHEST = 0xffffn;
const LEAVE_MASK = 0x1234_5678n;

/** The end of the innermost loop. */
class Stop {}

class Exit {
  readonly code: bigint;
  constructor(code: bigint) {
    this.code = code;
  }
}

/** Runs `plan` on `world`, changing it. @returns the program's return code. */
export function evaluate(plan: Plan, world: World): number {
  const machine = new Machine(plan.functions, world);
  machine.show(STATE.id, world.state);
  machine.show(CONTEXT.id, world.context);
  return Number(mask(machine.run(plan), 32));
}

class Machine extends Evaluator {
  readonly #functions: readonly PlannedFunction[];
  readonly #world: World;

  constructor(functions: readonly PlannedFunction[], world: World) {
    super();
    this.#functions = functions;
    this.#world = world;
  }

  show(view: number, bytes: Uint8Array): void {
    this.views.set(view, { bytes, offset: 0 });
  }

  /** Runs a procedure to its end. @returns what it exits with. */
  run({ variables, body }: Procedure): bigint {
    variables.forEach(({ initial }, index) => {
      if (initial) this.variables[index] = this.input(initial);
    });
    try {
      this.#all(body);
    } catch (exit) {
      if (exit instanceof Exit) return exit.code;
      throw exit;
    }
    throw new Error('the plan does not end');
  }

  #call(called: number, args: readonly Input[]): bigint {
    const planned = this.#functions[called]!;
    const machine = new Machine(this.#functions, this.#world);
    planned.parameters.forEach(({ id }, i) => {
      machine.lets.set(id, this.input(args[i]!));
    });
    return machine.run(planned);
  }

  #all(body: readonly Statement[]): void {
    for (const statement of body) this.#do(statement);
  }

  #do(statement: Statement): void {
    const { packet, results } = this.#world;
    switch (statement.is) {
      case 'let':
        this.lets.set(statement.id, this.value(statement.value));
        return;
      case 'condition':
        this.conditions.set(statement.id, this.holds(statement.condition));
        return;
      case 'set':
        this.write(statement.place, this.input(statement.value));
        return;
      case 'assign':
        this.variables[statement.index] = this.input(statement.value);
        return;
      case 'increase':
        this.write(statement.place, this.read(statement.place) + this.input(statement.by));
        return;
      case 'copyBytes': {
        const [to, from] = [this.bytes(statement.to), this.bytes(statement.from)];
        to.set(from.slice());
        return;
      }
      case 'emit':
        results[statement.index] = this.raw(statement.value);
        return;
      case 'when':
        if (this.holds(statement.condition)) this.#all(statement.taken);
        else this.#all(statement.otherwise ?? []);
        return;
      case 'stack':
        this.show(statement.view.id, this.#record(statement.initial));
        return;
      case 'read': {
        let offset = statement.at;
        for (const { id, layout } of statement.views) {
          this.views.set(id, { bytes: packet, offset });
          offset += SIZES[layout];
        }
        if (offset > packet.length) throw new Exit(BigInt(statement.orElse));
        return;
      }
      case 'copy': {
        const at = this.input(statement.at);
        const size = SIZES[statement.view.layout];
        if (at > INT_MAX || at + BigInt(size) > BigInt(packet.length))
          throw new Exit(BigInt(statement.orElse));
        const bytes = packet.slice(Number(at), Number(at) + size);
        this.views.set(statement.view.id, { bytes, offset: 0 });
        return;
      }
      case 'store': {
        const at = this.input(statement.at);
        const value = this.input(statement.value);
        const size = BITS[statement.kind] / 8;
        const fits = at <= INT_MAX && at + BigInt(size) <= BigInt(packet.length);
        if (fits) writeNumber(packet, Number(at), statement.kind, value);
        const error = this.#world.hook === 'xdp' && at <= FARTHEST ? EINVAL : EFAULT;
        this.lets.set(statement.id, fits ? 0n : mask(-error, 64));
        return;
      }
      case 'pull':
        this.lets.set(statement.id, 0n);
        return;
      case 'clock':
        return;
      case 'readAt': {
        const at = this.value(statement.at);
        const beyond = at + BigInt(SIZES[statement.view.layout]) > BigInt(packet.length);
        if (at > BigInt(statement.atMost) || beyond) throw new Exit(BigInt(statement.orElse));
        this.views.set(statement.view.id, { bytes: packet, offset: Number(at) });
        return;
      }
      case 'setBytes':
        this.bytes(statement.place).set(statement.bytes);
        return;
      case 'match': {
        const subject = this.value(statement.subject);
        const found = statement.cases.find(({ value }) => this.input(value) === subject);
        this.#all(found ? found.body : statement.otherwise);
        return;
      }
      case 'loop':
        this.#loop(statement);
        return;
      case 'stop':
        throw new Stop();
      case 'update':
        this.lets.set(statement.id, mask(-this.#update(statement), 64));
        return;
      case 'remove': {
        const there = this.#world.table.delete(Number(this.input(statement.key)));
        this.lets.set(statement.id, there ? 0n : mask(-ENOENT, 64));
        return;
      }
      case 'invoke':
        this.lets.set(statement.id, this.#call(statement.called, statement.args));
        return;
      case 'find':
        if (!this.#lookup(statement)) throw new Exit(BigInt(statement.orElse));
        return;
      case 'ask':
        this.#all(this.#lookup(statement) ? statement.found : statement.missing);
        return;
      case 'exit':
        throw new Exit(this.input(statement.code));
      case 'leave': {
        const value = this.input(statement.value);
        results[RESULTS - 1] = value;
        throw new Exit(value ^ LEAVE_MASK);
      }
    }
  }

  #loop({ id, times, body }: Statement & { is: 'loop' }): void {
    try {
      for (let round = 0; round < times; round++) {
        this.lets.set(id, BigInt(round));
        this.#all(body);
      }
    } catch (stop) {
      if (!(stop instanceof Stop)) throw stop;
    }
  }

  /** @returns the number of the error, or zero. */
  #update({ key, values, mode }: Statement & { is: 'update' }): bigint {
    const { table } = this.#world;
    const at = Number(this.input(key));
    const bytes = this.#record(values);
    if (mode === 'noexist' && table.has(at)) return EEXIST;
    if (mode === 'exist' && !table.has(at)) return ENOENT;
    table.set(at, bytes);
    return 0n;
  }

  #record(values: readonly FieldValue[]): Uint8Array {
    const bytes = new Uint8Array(SIZES.record);
    for (const { field, value } of values) {
      if (isBytes(value)) bytes.set(value, field.offset);
      else writeNumber(bytes, field.offset, field.type as Kind, this.input(value));
    }
    return bytes;
  }

  #lookup({ key, view }: Statement & { is: 'find' | 'ask' }): boolean {
    const bytes = this.#world.table.get(Number(this.input(key)));
    if (bytes) this.views.set(view.id, { bytes, offset: 0 });
    return bytes !== undefined;
  }
}

const isBytes = (value: FieldValue['value']): value is readonly number[] => Array.isArray(value);
