// A new procedure from an old one, block by block: passes stay pure functions although blocks point at each other.

import type { Block, Operation, Procedure, Terminator } from './ir.ts';

/** What a pass puts in the place of a block; the terminator still names the old blocks. */
export interface Contents {
  readonly operations: Operation[];
  readonly terminator: Terminator;
}

/** The control flow stays: block by block, the new procedure has what `rewrite` gives. */
export function rebuild(procedure: Procedure, rewrite: (block: Block) => Contents): Procedure {
  const blocks: Block[] = [];
  for (let b = 0; b < procedure.blocks.length; b++) {
    const block = procedure.blocks[b]!;
    const { operations, terminator } = rewrite(block);
    blocks.push(copyOf(block, operations, terminator));
  }
  const copy = (block: Block): Block => blocks[block.number]!;
  for (let b = 0; b < blocks.length; b++) blocks[b]!.terminator = retarget(blocks[b]!.terminator!, copy);
  return { ...procedure, entry: copy(procedure.entry), blocks };
}

/** A block with other contents. */
export const copyOf = (
  { name, order, cold, condition, number }: Block,
  operations: Operation[],
  terminator: Terminator,
): Block => ({ name, order, cold, condition, operations, terminator, number });

/** The same terminator going elsewhere. Itself where nothing changes. */
export function retarget(terminator: Terminator, to: (block: Block) => Block): Terminator {
  switch (terminator.end) {
    case 'jump': {
      const target = to(terminator.to);
      return target === terminator.to ? terminator : { end: 'jump', to: target, site: terminator.site };
    }
    case 'branch': {
      const { comparison, width, a, b, site } = terminator;
      const whenTrue = to(terminator.whenTrue);
      const whenFalse = to(terminator.whenFalse);
      if (whenTrue === terminator.whenTrue && whenFalse === terminator.whenFalse) return terminator;
      return { end: 'branch', comparison, width, a, b, whenTrue, whenFalse, site };
    }
    case 'exit':
      return terminator;
  }
}
