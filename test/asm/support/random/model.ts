// What a random program must do, worked out in plain JavaScript: values are the numbers they mean, memory is bytes.
// Nothing of src/asm is used. Integers of the host are little-endian here, as on every machine the tests run on.

import {
  BITS,
  type BinaryOperator,
  CONTEXT,
  type Comparison,
  type Condition,
  type Expression,
  type FieldValue,
  type Input,
  isNetwork,
  type Kind,
  type Place,
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
  readonly packet: Uint8Array;
  readonly context: Uint8Array;
  readonly state: Uint8Array;
  /** The records of the hash map, by key. */
  readonly table: Map<number, Uint8Array>;
  readonly results: BigUint64Array;
}

interface Memory {
  readonly bytes: Uint8Array;
  readonly offset: number;
}

const ENOENT = 2n;
const EFAULT = 14n;
const EEXIST = 17n;
const INT_MAX = 0x7fff_ffffn;
const LEAVE_MASK = 0x1234_5678n;
const mask = (value: bigint, bits: number): bigint => BigInt.asUintN(bits, value);

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

class Machine {
  readonly #functions: readonly PlannedFunction[];
  readonly #world: World;
  readonly #lets = new Map<number, bigint>();
  readonly #conditions = new Map<number, boolean>();
  readonly #views = new Map<number, Memory>();
  readonly #variables: bigint[] = [];

  constructor(functions: readonly PlannedFunction[], world: World) {
    this.#functions = functions;
    this.#world = world;
  }

  show(view: number, bytes: Uint8Array): void {
    this.#views.set(view, { bytes, offset: 0 });
  }

  /** Runs a procedure to its end. @returns what it exits with. */
  run({ variables, body }: Procedure): bigint {
    variables.forEach(({ initial }, index) => {
      if (initial) this.#variables[index] = this.#input(initial);
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
      machine.#lets.set(id, this.#input(args[i]!));
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
        this.#lets.set(statement.id, this.#value(statement.value));
        return;
      case 'condition':
        this.#conditions.set(statement.id, this.#holds(statement.condition));
        return;
      case 'set':
        this.#write(statement.place, this.#input(statement.value));
        return;
      case 'assign':
        this.#variables[statement.index] = this.#input(statement.value);
        return;
      case 'increase':
        this.#write(statement.place, this.#read(statement.place) + this.#input(statement.by));
        return;
      case 'copyBytes': {
        const [to, from] = [this.#bytes(statement.to), this.#bytes(statement.from)];
        to.set(from.slice());
        return;
      }
      case 'emit':
        results[statement.index] = this.#raw(statement.value);
        return;
      case 'when':
        if (this.#holds(statement.condition)) this.#all(statement.taken);
        else this.#all(statement.otherwise ?? []);
        return;
      case 'stack':
        this.show(statement.view.id, this.#record(statement.initial));
        return;
      case 'read': {
        let offset = statement.at;
        for (const { id, layout } of statement.views) {
          this.#views.set(id, { bytes: packet, offset });
          offset += SIZES[layout];
        }
        if (offset > packet.length) throw new Exit(BigInt(statement.orElse));
        return;
      }
      case 'copy': {
        const at = this.#input(statement.at);
        const size = SIZES[statement.view.layout];
        if (at > INT_MAX || at + BigInt(size) > BigInt(packet.length))
          throw new Exit(BigInt(statement.orElse));
        const bytes = packet.slice(Number(at), Number(at) + size);
        this.#views.set(statement.view.id, { bytes, offset: 0 });
        return;
      }
      case 'store': {
        const at = this.#input(statement.at);
        const value = this.#input(statement.value);
        const size = BITS[statement.kind] / 8;
        const fits = at <= INT_MAX && at + BigInt(size) <= BigInt(packet.length);
        if (fits) writeNumber(packet, Number(at), statement.kind, value);
        this.#lets.set(statement.id, fits ? 0n : mask(-EFAULT, 64));
        return;
      }
      case 'pull':
        this.#lets.set(statement.id, 0n);
        return;
      case 'clock':
        return;
      case 'readAt': {
        const at = this.#value(statement.at);
        const beyond = at + BigInt(SIZES[statement.view.layout]) > BigInt(packet.length);
        if (at > BigInt(statement.atMost) || beyond) throw new Exit(BigInt(statement.orElse));
        this.#views.set(statement.view.id, { bytes: packet, offset: Number(at) });
        return;
      }
      case 'setBytes':
        this.#bytes(statement.place).set(statement.bytes);
        return;
      case 'match': {
        const subject = this.#value(statement.subject);
        const found = statement.cases.find(({ value }) => this.#input(value) === subject);
        this.#all(found ? found.body : statement.otherwise);
        return;
      }
      case 'loop':
        this.#loop(statement);
        return;
      case 'stop':
        throw new Stop();
      case 'update':
        this.#lets.set(statement.id, mask(-this.#update(statement), 64));
        return;
      case 'remove': {
        const there = this.#world.table.delete(Number(this.#input(statement.key)));
        this.#lets.set(statement.id, there ? 0n : mask(-ENOENT, 64));
        return;
      }
      case 'invoke':
        this.#lets.set(statement.id, this.#call(statement.called, statement.args));
        return;
      case 'find':
        if (!this.#lookup(statement)) throw new Exit(BigInt(statement.orElse));
        return;
      case 'ask':
        this.#all(this.#lookup(statement) ? statement.found : statement.missing);
        return;
      case 'exit':
        throw new Exit(this.#input(statement.code));
      case 'leave': {
        const value = this.#input(statement.value);
        results[RESULTS - 1] = value;
        throw new Exit(value ^ LEAVE_MASK);
      }
    }
  }

  #loop({ id, times, body }: Statement & { is: 'loop' }): void {
    try {
      for (let round = 0; round < times; round++) {
        this.#lets.set(id, BigInt(round));
        this.#all(body);
      }
    } catch (stop) {
      if (!(stop instanceof Stop)) throw stop;
    }
  }

  /** @returns the number of the error, or zero. */
  #update({ key, values, mode }: Statement & { is: 'update' }): bigint {
    const { table } = this.#world;
    const at = Number(this.#input(key));
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
      else writeNumber(bytes, field.offset, field.type as Kind, this.#input(value));
    }
    return bytes;
  }

  #lookup({ key, view }: Statement & { is: 'find' | 'ask' }): boolean {
    const bytes = this.#world.table.get(Number(this.#input(key)));
    if (bytes) this.#views.set(view.id, { bytes, offset: 0 });
    return bytes !== undefined;
  }

  #input(input: Input): bigint {
    return 'literal' in input ? input.literal : this.#value(input);
  }

  /** The bits of a value as a little-endian register holds them. */
  #raw(expression: Expression): bigint {
    const value = this.#value(expression);
    return isNetwork(expression.kind) ? reversed(value, BITS[expression.kind]) : value;
  }

  #value(expression: Expression): bigint {
    const bits = BITS[expression.kind];
    switch (expression.is) {
      case 'constant':
        return expression.value;
      case 'place':
        return this.#read(expression.place);
      case 'variable':
        return this.#variables[expression.index]!;
      case 'let':
        return this.#lets.get(expression.id)!;
      case 'binary':
        return mask(
          OPERATORS[expression.operator](this.#value(expression.a), this.#input(expression.b)),
          bits,
        );
      case 'shl':
        return mask(this.#value(expression.a) << BigInt(expression.bits), bits);
      case 'shr':
        return this.#value(expression.a) >> BigInt(expression.bits);
      case 'as':
        return mask(this.#value(expression.a), bits);
      case 'not':
        return mask(~this.#value(expression.a), bits);
      case 'toHost':
      case 'toNetwork':
        return this.#value(expression.a);
      case 'bits':
        return reversed(this.#value(expression.a), bits);
    }
  }

  #holds(condition: Condition): boolean {
    switch (condition.is) {
      case 'compare':
        return COMPARISONS[condition.comparison](this.#value(condition.a), this.#input(condition.b));
      case 'negative':
        return this.#value(condition.a) >> BigInt(BITS[condition.a.kind] - 1) === 1n;
      case 'not':
        return !this.#holds(condition.of);
      case 'and':
        return this.#holds(condition.left) && this.#holds(condition.right);
      case 'or':
        return this.#holds(condition.left) || this.#holds(condition.right);
      case 'made':
        return this.#conditions.get(condition.id)!;
    }
  }

  #read({ view, field }: Place): bigint {
    const { bytes, offset } = this.#views.get(view)!;
    return readNumber(bytes, offset + field.offset, field.type as Kind);
  }

  #write({ view, field }: Place, value: bigint): void {
    const { bytes, offset } = this.#views.get(view)!;
    writeNumber(bytes, offset + field.offset, field.type as Kind, value);
  }

  #bytes({ view, field }: Place): Uint8Array {
    const { bytes, offset } = this.#views.get(view)!;
    if (typeof field.type === 'string') throw new Error(`${field.path}: a number`);
    const start = offset + field.offset;
    return bytes.subarray(start, start + field.type.bytes);
  }
}

const isBytes = (value: FieldValue['value']): value is readonly number[] => Array.isArray(value);

const OPERATORS: { readonly [O in BinaryOperator]: (a: bigint, b: bigint) => bigint } = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
};

const COMPARISONS: { readonly [C in Comparison]: (a: bigint, b: bigint) => boolean } = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
};

/** The number at `at`: network kinds most significant byte first, host kinds least. */
function readNumber(bytes: Uint8Array, at: number, kind: Kind): bigint {
  let value = 0n;
  const size = BITS[kind] / 8;
  for (let i = 0; i < size; i++) {
    const place = isNetwork(kind) ? i : size - 1 - i;
    value = (value << 8n) | BigInt(bytes[at + place]!);
  }
  return value;
}

function writeNumber(bytes: Uint8Array, at: number, kind: Kind, value: bigint): void {
  const size = BITS[kind] / 8;
  for (let i = 0; i < size; i++) {
    const place = isNetwork(kind) ? size - 1 - i : i;
    bytes[at + place] = Number((value >> BigInt(8 * i)) & 0xffn);
  }
}

function reversed(value: bigint, bits: number): bigint {
  const bytes = new Uint8Array(bits / 8);
  const kind = `u${bits}` as Kind;
  writeNumber(bytes, 0, kind, value);
  return readNumber(bytes.reverse(), 0, kind);
}
