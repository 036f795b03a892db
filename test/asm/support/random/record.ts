// Says a random program in the DSL, statement by statement.

import {
  type Builder,
  HELPERS,
  subprogram,
  type TcBuilder,
  type XdpBuilder,
} from '../../../../src/asm/index.ts';
import { MAPS, NO_CONTEXT, STRUCTS } from './maps.ts';
import {
  CONTEXT,
  type Plan,
  type PlannedFunction,
  type Procedure,
  RESULTS,
  STATE,
  type Statement,
} from './plan.ts';
import { type Any, fieldAt, Speaker } from './say.ts';

/** What a program returns that could not even start. */
const BROKEN = 0xbad;

/** The body of `program(...)` for a plan. */
export function record(plan: Plan): (p: TcBuilder | XdpBuilder) => void {
  return (p) => {
    const functions: Any[] = [];
    plan.functions.forEach((planned, i) => {
      const kinds = Object.fromEntries(planned.parameters.map(({ kind }, n) => [`a${n}`, kind]));
      const known = [...functions];
      functions.push(
        subprogram(`function_${i}`, kinds, planned.result, (q: Builder, args: Any) => {
          new Recording(q, planned, known).runFunction(planned.parameters, args);
        }),
      );
    });
    new Recording(p, plan, functions).run();
  };
}

class Recording extends Speaker {
  readonly #plan: Procedure;
  readonly #functions: readonly Any[];
  #results: Any;
  #leave: Any;
  #stop: () => void = () => {
    throw new Error('stop outside of a loop');
  };

  constructor(p: Builder, plan: Procedure, functions: readonly Any[]) {
    super(p);
    this.#plan = plan;
    this.#functions = functions;
  }

  /** The body of a subprogram, which knows its arguments only. */
  runFunction(parameters: PlannedFunction['parameters'], args: Any): void {
    parameters.forEach(({ id }, i) => {
      this.lets.set(id, args[`a${i}`]);
    });
    this.#declareAndRun();
  }

  run(): void {
    const p = this.p;
    const broken = { orElse: () => p.exit(BROKEN) };
    this.#results = p.lookup(MAPS.results, 0, broken);
    this.views.set(STATE.id, p.lookup(MAPS.state, 0, broken));
    this.views.set(CONTEXT.id, 'skb' in p ? p.skb : this.#noContext());
    this.#leave = p.ending('leave', 'u32', (value: Any) => {
      this.#results.at(RESULTS - 1).set(value);
      p.exit(value.xor(0x1234_5678));
    });
    this.#declareAndRun();
  }

  #noContext(): Any {
    const { view }: Any = this.p.stack(NO_CONTEXT);
    for (const place of [view.len, view.mark, view.priority, ...view.cb]) place.set(0);
    return view;
  }

  #declareAndRun(): void {
    const p = this.p;
    for (const { kind, initial } of this.#plan.variables) {
      this.variables.push(p.variable(kind, initial && this.input(initial)));
    }
    this.#all(this.#plan.body);
  }

  #all(body: readonly Statement[]): void {
    for (const statement of body) this.#say(statement);
  }

  #say(statement: Statement): void {
    const p = this.p;
    switch (statement.is) {
      case 'let':
        this.lets.set(statement.id, this.expression(statement.value).get());
        return;
      case 'condition':
        this.conditions.set(statement.id, this.condition(statement.condition));
        return;
      case 'set':
        this.place(statement.place).set(this.input(statement.value));
        return;
      case 'assign':
        this.variables[statement.index].set(this.input(statement.value));
        return;
      case 'increase':
        this.place(statement.place).increase(this.input(statement.by));
        return;
      case 'copyBytes':
        this.place(statement.to).copyFrom(this.place(statement.from));
        return;
      case 'emit':
        this.#results.at(statement.index).set(this.asU64(statement.value));
        return;
      case 'when': {
        const { condition, rarely, taken, otherwise } = statement;
        const asked = this.condition(condition);
        if (rarely) p.rarely(asked, () => this.#all(taken));
        else if (otherwise) {
          p.when(
            asked,
            () => this.#all(taken),
            () => this.#all(otherwise),
          );
        } else p.when(asked, () => this.#all(taken));
        return;
      }
      case 'stack': {
        const { view } = p.stack(STRUCTS.record);
        for (const { field, value } of statement.initial)
          fieldAt(view, field.path).set(this.fieldInput(value));
        this.views.set(statement.view.id, view);
        return;
      }
      case 'read': {
        const layouts = statement.views.map(({ layout }) => STRUCTS[layout as keyof typeof STRUCTS]);
        const views = p.packet.read(layouts, { at: statement.at, orElse: () => p.exit(statement.orElse) });
        statement.views.forEach(({ id }, i) => {
          this.views.set(id, views[i]);
        });
        return;
      }
      case 'copy': {
        const options = { orElse: () => p.exit(statement.orElse) };
        this.views.set(
          statement.view.id,
          p.packet.copy(STRUCTS.record, this.position(statement.at), options),
        );
        return;
      }
      case 'store': {
        const { kind, at, value, id } = statement;
        this.lets.set(id, p.packet.store(kind, this.position(at), this.input(value)));
        return;
      }
      case 'pull':
        this.lets.set(
          statement.id,
          'skb' in p ? p.call(HELPERS.skb_pull_data, [p.context, 0]) : p.constant('u64', 0),
        );
        return;
      case 'readAt': {
        const { view, at, atMost, orElse } = statement;
        const options = { at: this.expression(at), atMost, orElse: () => p.exit(orElse) };
        const [seen] = p.packet.read([STRUCTS[view.layout as keyof typeof STRUCTS]], options);
        this.views.set(view.id, seen);
        return;
      }
      case 'setBytes':
        this.place(statement.place).set(Uint8Array.from(statement.bytes));
        return;
      case 'match': {
        const { subject, cases, otherwise } = statement;
        p.match(
          this.expression(subject),
          cases.map(({ value, body }) => [this.input(value), () => this.#all(body)]),
          () => this.#all(otherwise),
        );
        return;
      }
      case 'loop':
        p.loop(statement.times, (round: Any, stop: () => void) => {
          this.lets.set(statement.id, round);
          const outer = this.#stop;
          this.#stop = stop;
          this.#all(statement.body);
          this.#stop = outer;
        });
        return;
      case 'stop':
        this.#stop();
        return;
      case 'update': {
        const value = this.structOf(statement.values);
        this.lets.set(statement.id, p.update(MAPS.table, this.input(statement.key), value, statement.mode));
        return;
      }
      case 'remove':
        this.lets.set(statement.id, p.remove(MAPS.table, this.input(statement.key)));
        return;
      case 'invoke': {
        const called = this.#functions[statement.called];
        const args = statement.args.map((arg, i) => [`a${i}`, this.input(arg)]);
        this.lets.set(statement.id, p.invoke(called, Object.fromEntries(args)));
        return;
      }
      case 'clock':
        p.call(HELPERS.ktime_get_ns, []);
        return;
      case 'find': {
        const options = { orElse: () => p.exit(statement.orElse) };
        this.views.set(statement.view.id, p.lookup(MAPS.table, this.input(statement.key), options));
        return;
      }
      case 'ask': {
        const entry = p.lookup(MAPS.table, this.input(statement.key));
        const found = (): void => {
          this.views.set(statement.view.id, entry.value);
          this.#all(statement.found);
        };
        const missing = (): void => this.#all(statement.missing);
        if (statement.missingFirst) p.when(entry.missing(), missing, found);
        else p.when(entry.exists(), found, missing);
        return;
      }
      case 'exit': {
        const { code } = statement;
        p.exit('literal' in code ? Number(code.literal) : this.expression(code));
        return;
      }
      case 'leave':
        this.#leave(this.input(statement.value));
    }
  }
}
