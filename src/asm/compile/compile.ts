// The pipeline: each stage a pure function of the one before it, each with a name so that it can be shown.

import { assemble, type FunctionStart, type ProgramOptions } from '../assemble.ts';
import { type Item, type Label, label } from '../instruction.ts';
import { type IsaLevel, NEWEST_ISA } from '../isa-level.ts';
import type { Program } from '../program.ts';
import type { Site } from '../source.ts';
import { type Allocated, allocate } from './allocate.ts';
import { arrange } from './arrange.ts';
import { check } from './check.ts';
import { emit } from './emit.ts';
import { isHelper, type Procedure, type Subprocedure } from './ir.ts';
import { lower } from './lower.ts';
import { simplify } from './simplify.ts';
import { requireStack } from './slots.ts';
import { split } from './split.ts';
import { seen, seenArrangement, seenItems } from './stages.ts';
import { wideComparisons } from './wide.ts';

/** The level that brought comparisons of 32 bits. */
const COMPARES_32: IsaLevel = 3;

/**
 * Compiles a program's main procedure and every subprogram it calls, and assembles them behind each other.
 *
 * @throws BuildError for a program that says something impossible, at the line that says it.
 */
export function compile(options: ProgramOptions, main: Procedure): Program {
  const compiled = allocateAll(main, options.isa ?? NEWEST_ISA);
  requireCombinedStack(main, compiled, 0);
  const starts = new Map<Procedure, Label>();
  for (const procedure of compiled.keys()) starts.set(procedure, label(procedure.name));
  const startOf = (callee: Subprocedure): Label => starts.get(callee.procedure)!;
  const functions: FunctionStart[] = [];
  const items: Item[] = [];
  for (const [procedure, { allocated: one }] of compiled) {
    const start = starts.get(procedure)!;
    functions.push({ name: procedure.name, label: start });
    const arrangement = seenArrangement(main.name, one, arrange(one, startOf));
    items.push({ place: start }, ...seenItems(main.name, procedure.name, emit(one, arrangement)));
  }
  return assemble({ ...options, functions }, items);
}

interface Call {
  readonly callee: Subprocedure;
  readonly site: Site;
}

/** A procedure with registers, and the calls in it of functions of the program's own. */
interface Compiled {
  readonly allocated: Allocated;
  readonly calls: readonly Call[];
}

/** The main procedure and all it calls, each once, in the order in which they are first met. */
function allocateAll(main: Procedure, isa: IsaLevel): Map<Procedure, Compiled> {
  const compiled = new Map<Procedure, Compiled>();
  const waiting = new Set([main]);
  for (const procedure of waiting) {
    const checked = seen(main.name, 'check', check(seen(main.name, 'record', procedure)));
    const better = seen(main.name, 'simplify', simplify(checked));
    const apart = isa < COMPARES_32 ? wideComparisons(split(better)) : split(better);
    const lowered = seen(main.name, 'lower', lower(seen(main.name, 'split', apart)));
    const one = seen(main.name, 'allocate', allocate(lowered));
    const calls = callsOf(one);
    compiled.set(procedure, { allocated: one, calls });
    for (const { callee } of calls) waiting.add(callee.procedure);
  }
  return compiled;
}

function callsOf({ blocks }: Procedure): Call[] {
  const calls: Call[] = [];
  for (let b = 0; b < blocks.length; b++) {
    const { operations } = blocks[b]!;
    for (let o = 0; o < operations.length; o++) {
      const operation = operations[o]!;
      if (operation.op !== 'call' || isHelper(operation.callee)) continue;
      calls.push({ callee: operation.callee, site: operation.site });
    }
  }
  return calls;
}

/** What the verifier rounds each function's stack up to (round_up_stack_depth in kernel/bpf/verifier.c). */
const FRAME_UNIT = 32;

/** All functions of a chain of calls share one stack of 512 bytes. */
function requireCombinedStack(
  procedure: Procedure,
  compiled: ReadonlyMap<Procedure, Compiled>,
  above: number,
  from?: Site,
): void {
  const { allocated, calls } = compiled.get(procedure)!;
  const depth = above + Math.ceil(Math.max(allocated.frame, 1) / FRAME_UNIT) * FRAME_UNIT;
  requireStack(depth, from);
  for (const { callee, site } of calls) requireCombinedStack(callee.procedure, compiled, depth, site);
}
