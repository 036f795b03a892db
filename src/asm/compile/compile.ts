// The pipeline: each stage a pure function of the one before it, each with a name so that it can be shown.

import { assemble, type FunctionStart, type ProgramOptions } from '../assemble.ts';
import { type Item, type Label, label } from '../instruction.ts';
import type { Program } from '../program.ts';
import { allocate } from './allocate.ts';
import { arrange } from './arrange.ts';
import { check } from './check.ts';
import { emit } from './emit.ts';
import type { Procedure, Subprocedure } from './ir.ts';
import { lower } from './lower.ts';
import { simplify } from './simplify.ts';
import { split } from './split.ts';

/**
 * Compiles a program's main procedure and every subprogram it calls, and assembles them behind each other.
 *
 * @throws BuildError for a program that says something impossible, at the line that says it.
 */
export function compile(options: ProgramOptions, main: Procedure): Program {
  const labels = new Map<Procedure, Label>();
  const waiting: Procedure[] = [];
  const labelOf = ({ procedure, name }: Subprocedure): Label => {
    const known = labels.get(procedure);
    if (known) return known;
    const made = label(name);
    labels.set(procedure, made);
    waiting.push(procedure);
    return made;
  };
  const items: Item[] = [...instructionsOf(main, labelOf)];
  const functions: FunctionStart[] = [{ name: main.name, label: undefined }];
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const start = labels.get(next)!;
    functions.push({ name: next.name, label: start });
    items.push({ place: start }, ...instructionsOf(next, labelOf));
  }
  return assemble({ ...options, functions }, items);
}

function instructionsOf(procedure: Procedure, labelOf: (callee: Subprocedure) => Label): Item[] {
  const allocated = allocate(lower(split(simplify(check(procedure)))));
  return emit(allocated, arrange(allocated), labelOf);
}
