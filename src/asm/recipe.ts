// Programs built by the DSL can be built once more, for a kernel with fewer instructions. Kept beside the program, which
// stays plain data.

import { type IsaLevel, isaLevelOf } from './isa-level.ts';
import type { Program } from './program.ts';

const recipes = new WeakMap<Program, (isa: IsaLevel) => Program>();

/** Remembers how `program` is made. @returns it */
export function withRecipe(program: Program, make: (isa: IsaLevel) => Program): Program {
  recipes.set(program, make);
  return program;
}

/**
 * The same program with nothing newer in it than `isa`: itself where that is so already, else built again. Undefined
 * where it was not built by `program`, or is a copy.
 *
 * @throws BuildError with code `ISA` or `JUMP_TOO_FAR` where there are no older forms.
 */
export function inIsa(program: Program, isa: IsaLevel): Program | undefined {
  return isaLevelOf(program.code) <= isa ? program : recipes.get(program)?.(isa);
}
