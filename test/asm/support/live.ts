// Liveness, worked out the slow way and without src/asm/compile/liveness.ts: sets of registers, again and again until
// nothing changes. Virtual registers are as in the intermediate representation, machine register n is -1 - n.

import type { Block, Operation, Procedure, Terminator } from '../../../src/asm/compile/ir.ts';

type Register = number;
/** Clobbered by every call: r0 to r5. */
const CLOBBERED: readonly Register[] = [-1, -2, -3, -4, -5, -6];

const registersOf = (operands: readonly unknown[]): Register[] =>
  operands.filter((operand): operand is Register => typeof operand === 'number');

export function read(operation: Operation): Register[] {
  switch (operation.op) {
    case 'move':
      return registersOf([operation.from]);
    case 'binary':
      return registersOf([operation.a, operation.b]);
    case 'swap':
      return registersOf([operation.a]);
    case 'load':
      return registersOf([operation.base]);
    case 'store':
    case 'atomic_add':
      return registersOf([operation.base, operation.value]);
    case 'call':
      return registersOf(operation.args);
    default:
      return [];
  }
}

export function written(operation: Operation): Register[] {
  if (operation.op === 'call') return [...CLOBBERED, operation.dst];
  return 'dst' in operation ? [operation.dst] : [];
}

function readAtEnd(terminator: Terminator): Register[] {
  if (terminator.end === 'branch') return registersOf([terminator.a, terminator.b]);
  return terminator.end === 'exit' ? registersOf([terminator.value]) : [];
}

export function successors(terminator: Terminator): Block[] {
  if (terminator.end === 'jump') return [terminator.to];
  return terminator.end === 'branch' ? [terminator.whenTrue, terminator.whenFalse] : [];
}

/** Visits every operation with the registers that are live behind it. */
export function eachWithLive(
  procedure: Procedure,
  visit: (operation: Operation, behind: ReadonlySet<Register>) => void,
): void {
  const blocks = blocksOf(procedure.entry);
  const atStart = new Map<Block, Set<Register>>([...blocks].map((block) => [block, new Set()]));
  const backwards = (block: Block, see: typeof visit): Set<Register> => {
    const terminator = block.terminator!;
    const live = new Set(successors(terminator).flatMap((next) => [...atStart.get(next)!]));
    for (const register of readAtEnd(terminator)) live.add(register);
    for (const operation of [...block.operations].reverse()) {
      see(operation, live);
      for (const register of written(operation)) live.delete(register);
      for (const register of read(operation)) live.add(register);
    }
    return live;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (const block of blocks) {
      const live = backwards(block, () => {});
      if (live.size !== atStart.get(block)!.size) changed = true;
      atStart.set(block, live);
    }
  }
  for (const block of blocks) backwards(block, visit);
}

export function blocksOf(entry: Block): Set<Block> {
  const blocks = new Set([entry]);
  for (const block of blocks) for (const next of successors(block.terminator!)) blocks.add(next);
  return blocks;
}
