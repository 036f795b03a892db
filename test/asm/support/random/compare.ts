// One random program, the whole way: generate, record, compile, run in the kernel, and compare with the model.

import {
  BuildError,
  type Program,
  program,
  type TcBuilder,
  type XdpBuilder,
} from '../../../../src/asm/index.ts';
import { evaluate, type World } from './model.ts';
import type { Plan } from './plan.ts';
import { record } from './record.ts';
import { copyOf, type Kernel } from './run.ts';

/** The stack is what a random program may honestly run out of. */
export const outOfStack = (error: unknown): boolean => error instanceof BuildError && error.code === 'STACK';

export type Compiler = (body: (p: TcBuilder | XdpBuilder) => void) => Program;
export const usual: Compiler = (body) => program('sched_cls', 'random', body);
export const asXdp = (body: (p: XdpBuilder) => void): Program => program('xdp', 'random', body);

/** Where kernel and model part, in words; nothing where they agree. */
export function difference(
  kernel: Kernel,
  plan: Plan,
  worlds: readonly World[],
  compile: Compiler = usual,
): string[] {
  const expected = worlds.map((world) => {
    const after = copyOf(world);
    return { code: evaluate(plan, after), world: after };
  });
  const actual = kernel.run(compile(record(plan)), worlds);
  return worlds.flatMap((_, i) => {
    const [want, got] = [expected[i]!, actual[i]!];
    const wrong: string[] = [];
    const compare = (what: string, wanted: unknown, found: unknown): void => {
      const [a, b] = [`${wanted}`, `${found}`];
      if (a !== b) wrong.push(`world ${i}: ${what}\n  model  ${a}\n  kernel ${b}`);
    };
    compare('return code', want.code, got.code);
    compare('results', want.world.results, got.world.results);
    compare('packet', want.world.packet, got.world.packet);
    if (want.world.hook === 'sched_cls') compare('context', want.world.context, got.world.context);
    compare('state', want.world.state, got.world.state);
    const keys = new Set([...want.world.table.keys(), ...got.world.table.keys()]);
    for (const key of keys) compare(`table[${key}]`, want.world.table.get(key), got.world.table.get(key));
    return wrong;
  });
}
