// The pipeline: each stage a pure function of the one before it, each with a name so that it can be shown.

import { assemble } from '../assemble.ts';
import type { Item } from '../instruction.ts';
import type { Program } from '../program.ts';
import { allocate } from './allocate.ts';
import { arrange } from './arrange.ts';
import { check } from './check.ts';
import { emit } from './emit.ts';
import type { Procedure } from './ir.ts';
import { lower } from './lower.ts';
import { simplify } from './simplify.ts';
import { split } from './split.ts';

/** @throws BuildError for a program that says something impossible, at the line that says it. */
export function compile(procedure: Procedure): Program {
  const { name, type, license } = procedure;
  return assemble({ name, type, ...(license === undefined ? {} : { license }) }, instructionsOf(procedure));
}

function instructionsOf(procedure: Procedure): Item[] {
  const allocated = allocate(lower(split(simplify(check(procedure)))));
  return emit(allocated, arrange(allocated));
}
