// A new procedure from an old one, block by block: passes stay pure functions although blocks point at each other.

import type { Block, Operation, Procedure, Terminator } from './ir.ts';

/** What a pass puts in the place of a block; the terminator still names the old blocks. */
export interface Contents {
  readonly operations: Operation[];
  readonly terminator: Terminator;
}

/** The control flow stays: block by block, the new procedure has what `rewrite` gives. */
export function rebuild(procedure: Procedure, rewrite: (block: Block) => Contents): Procedure {
  const copies = new Map<Block, Block>();
  for (const block of procedure.blocks) {
    const { operations, terminator } = rewrite(block);
    copies.set(block, { ...block, operations, terminator });
  }
  const copyOf = (block: Block): Block => copies.get(block)!;
  const blocks = [...copies.values()];
  for (const copy of blocks) copy.terminator = retarget(copy.terminator!, copyOf);
  return { ...procedure, entry: copyOf(procedure.entry), blocks };
}

/** The same terminator going elsewhere. Itself where nothing changes. */
export function retarget(terminator: Terminator, to: (block: Block) => Block): Terminator {
  switch (terminator.end) {
    case 'jump': {
      const target = to(terminator.to);
      return target === terminator.to ? terminator : { ...terminator, to: target };
    }
    case 'branch': {
      const [whenTrue, whenFalse] = [to(terminator.whenTrue), to(terminator.whenFalse)];
      const same = whenTrue === terminator.whenTrue && whenFalse === terminator.whenFalse;
      return same ? terminator : { ...terminator, whenTrue, whenFalse };
    }
    case 'exit':
      return terminator;
  }
}
