// The compiler taken apart: a program recorded but not compiled, and compiled with passes left out.

import { assemble } from '../../../src/asm/assemble.ts';
import { type Allocated, allocate } from '../../../src/asm/compile/allocate.ts';
import { arrange } from '../../../src/asm/compile/arrange.ts';
import { check } from '../../../src/asm/compile/check.ts';
import { emit } from '../../../src/asm/compile/emit.ts';
import type { Procedure, Subprocedure } from '../../../src/asm/compile/ir.ts';
import { lower } from '../../../src/asm/compile/lower.ts';
import { simplify } from '../../../src/asm/compile/simplify.ts';
import { split } from '../../../src/asm/compile/split.ts';
import { Recorder } from '../../../src/asm/dsl/recorder.ts';
import { TcBuilder } from '../../../src/asm/dsl/tc.ts';
import { type Item, type Label, label } from '../../../src/asm/instruction.ts';
import type { Program } from '../../../src/asm/program.ts';

/** What `program('sched_cls', name, body)` records. */
export function recorded(name: string, body: (p: TcBuilder) => void): Procedure {
  const recorder = new Recorder();
  const builder = new TcBuilder(recorder);
  body(builder);
  recorder.requireEnded(name);
  builder.finish();
  return recorder.finish(name);
}

/** The passes that only make a program better: each may be left out. */
export type Optional = 'simplify' | 'split';
const OPTIONAL: { readonly [N in Optional]: (procedure: Procedure) => Procedure } = { simplify, split };

export function allocated(procedure: Procedure, passes: readonly Optional[]): Allocated {
  let current = check(procedure);
  for (const pass of passes) current = OPTIONAL[pass](current);
  return allocate(lower(current));
}

/** As the compiler does it, but for the passes. */
export function compileBy(name: string, body: (p: TcBuilder) => void, passes: readonly Optional[]): Program {
  const labels = new Map<Procedure, Label>();
  const waiting: Procedure[] = [];
  const labelOf = ({ procedure, name }: Subprocedure): Label => {
    const known = labels.get(procedure) ?? label(name);
    if (!labels.has(procedure)) waiting.push(procedure);
    labels.set(procedure, known);
    return known;
  };
  const itemsOf = (procedure: Procedure): Item[] => {
    const ready = allocated(procedure, passes);
    return emit(ready, arrange(ready, labelOf));
  };
  const main = recorded(name, body);
  const items = itemsOf(main);
  const functions: { name: string; label: Label | undefined }[] = [{ name, label: undefined }];
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const start = labels.get(next);
    if (!start) throw new Error(`${next.name} has no label`);
    functions.push({ name: next.name, label: start });
    items.push({ place: start }, ...itemsOf(next));
  }
  return assemble({ name, type: 'sched_cls', functions }, items);
}
