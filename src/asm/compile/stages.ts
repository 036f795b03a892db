// Every stage of the compiler can be looked at: whoever watches is handed each procedure as each stage leaves it, as
// text, at once, since later stages are free to work in place. Costs nothing where nobody watches.

import type { Item } from '../instruction.ts';
import type { SourceResolver } from '../source.ts';
import type { Allocated } from './allocate.ts';
import type { Arrangement } from './arrange.ts';
import type { Procedure } from './ir.ts';
import { showItems, showProcedure } from './show.ts';

/** The stages in their order. What `assemble` makes of the last one is the program itself. */
export const STAGES: readonly [
  'record',
  'check',
  'simplify',
  'split',
  'lower',
  'allocate',
  'arrange',
  'emit',
] = ['record', 'check', 'simplify', 'split', 'lower', 'allocate', 'arrange', 'emit'];
export type StageName = (typeof STAGES)[number];

/** A function of a program at one stage. */
export interface Stage {
  readonly program: string;
  /** The program's own name for its main function, else that of the subprogram. */
  readonly function: string;
  readonly stage: StageName;
  readonly text: string;
}

interface Watch {
  readonly seen: Stage[];
  readonly resolve: SourceResolver | undefined;
}

let watch: Watch | undefined;

/**
 * Everything that `build` compiles, stage by stage: each function of each program, from the record on. What `build` throws
 * is thrown on.
 *
 * @param resolve finds the lines that compiled code was made from, as `withSources` takes it
 * @example
 * const stages = stagesOf(() => program('xdp', 'pass', (p) => p.pass()));
 * console.log(stages.find(({ stage }) => stage === 'lower')?.text);
 */
export function stagesOf(build: () => unknown, resolve?: SourceResolver): readonly Stage[] {
  const outer = watch;
  const mine: Watch = { seen: [], resolve };
  watch = mine;
  try {
    build();
  } finally {
    watch = outer;
  }
  return mine.seen;
}

/** Hands a procedure on, having shown it to whoever watches. @internal */
export function seen<P extends Procedure>(program: string, stage: StageName, procedure: P): P {
  watch?.seen.push({
    program,
    function: procedure.name,
    stage,
    text: showProcedure(procedure, watch.resolve),
  });
  return procedure;
}

/** Shows an arrangement. @internal */
export function seenArrangement(
  program: string,
  allocated: Allocated,
  arrangement: Arrangement,
): Arrangement {
  watch?.seen.push({
    program,
    function: allocated.name,
    stage: 'arrange',
    text: showProcedure(allocated, watch.resolve, arrangement),
  });
  return arrangement;
}

/** Shows what is about to be assembled. @internal */
export function seenItems(program: string, name: string, items: readonly Item[]): readonly Item[] {
  watch?.seen.push({ program, function: name, stage: 'emit', text: showItems(name, items, watch.resolve) });
  return items;
}
