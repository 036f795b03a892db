// A new procedure from an old one, block by block: passes stay pure functions although blocks point at each other.

import { type Block, type Operation, type Procedure, reachable, type Terminator } from './ir.ts';

/** What a pass puts in the place of a block; the terminator still names the old blocks. */
export interface Contents {
  readonly operations: Operation[];
  readonly terminator: Terminator;
}

export function rebuild(procedure: Procedure, rewrite: (block: Block) => Contents): Procedure {
  const copies = new Map<Block, Block>();
  const copyOf = (block: Block): Block => {
    let copy = copies.get(block);
    if (!copy) {
      copy = { ...block, operations: [], terminator: undefined };
      copies.set(block, copy);
    }
    return copy;
  };
  for (const block of reachable(procedure.entry)) {
    const copy = copyOf(block);
    const { operations, terminator } = rewrite(block);
    copy.operations.push(...operations);
    copy.terminator = retarget(terminator, copyOf);
  }
  const entry = copyOf(procedure.entry);
  return { ...procedure, entry, blocks: reachable(entry) };
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
