// The order of the blocks in the program: what goes on follows on, what ends early stands at the end, and blocks that
// do the same are kept once.

import { type Label, label } from '../instruction.ts';
import { type Allocated, registerOf } from './allocate.ts';
import {
  type Block,
  forEachTerminatorOperand,
  isConstant,
  type Operand,
  type Procedure,
  successorsOf,
} from './ir.ts';
import { type Functions, select } from './select.ts';

/** Blocks in the order of emission, and for each block that another one stands in for, that other one. */
export interface Arrangement {
  readonly order: readonly Block[];
  readonly insteadOf: ReadonlyMap<Block, Block>;
}

export function arrange(allocated: Allocated): Arrangement {
  const insteadOf = merge(allocated);
  const actual = (block: Block): Block => insteadOf.get(block) ?? block;
  const order: Block[] = [];
  const placed = new Set<Block>();
  const waiting: Block[] = [actual(allocated.entry)];
  for (let start = waiting.pop(); start; start = waiting.pop()) {
    let block: Block | undefined = start;
    while (block && !placed.has(block)) {
      placed.add(block);
      order.push(block);
      const successors: Block[] = successorsOf(block.terminator!).map(actual);
      successors.sort(compare);
      const [next, ...others]: (Block | undefined)[] = successors.filter(
        (successor) => !placed.has(successor),
      );
      waiting.push(...others.filter((other) => other !== undefined));
      block = next;
    }
  }
  return { order, insteadOf };
}

/** What follows best: the rest of a condition, then blocks in the order they were said, cold ones last. */
function compare(a: Block, b: Block): number {
  const rank = (block: Block): number => (block.condition ? 0 : block.cold ? 2 : 1);
  return rank(a) - rank(b) || a.order - b.order;
}

/** Blocks that do nothing but jump, or the same as another in the same registers, and where to go instead. */
function merge(allocated: Allocated): Map<Block, Block> {
  const insteadOf = new Map<Block, Block>();
  const identities = new Map<string, Block>();
  const functions = numbered();
  const numbers = new Map<Block, number>(allocated.blocks.map((block, i) => [block, i]));
  for (const block of allocated.blocks.toReversed()) {
    const { terminator } = block;
    if (terminator?.end === 'jump' && select(block, allocated, functions).length === 0) {
      // All its moves turned out to be between one register and itself.
      insteadOf.set(block, insteadOf.get(terminator.to) ?? terminator.to);
      continue;
    }
    const identity = identityOf(block, allocated, functions, (b) => numbers.get(insteadOf.get(b) ?? b)!);
    const same = identities.get(identity);
    if (same) insteadOf.set(block, same);
    else identities.set(identity, block);
  }
  return insteadOf;
}

function identityOf(
  block: Block,
  allocated: Allocated,
  functions: Functions,
  number: (block: Block) => number,
): string {
  const operand = (o: Operand): string => (isConstant(o) ? `${o}n` : `r${registerOf(allocated, o)}`);
  const instructions = select(block, allocated, functions).map(
    ({ opcode, dst, src, offset, imm, wide, map, target }) =>
      `${opcode} ${dst} ${src} ${offset} ${imm} ${wide} ${map?.name} ${target?.name}`,
  );
  const terminator = block.terminator!;
  const end = terminator.end === 'branch' ? `${terminator.comparison}${terminator.width}` : terminator.end;
  const operands: string[] = [];
  forEachTerminatorOperand(terminator, (o) => operands.push(operand(o)));
  return [...instructions, end, operands, successorsOf(terminator).map(number)].join('\n');
}

/** For comparing blocks, a function is a number of its own: two may have one name. */
function numbered(): Functions {
  const labels = new Map<Procedure, Label>();
  return ({ procedure }) => {
    const made = labels.get(procedure) ?? label(`${labels.size}`);
    labels.set(procedure, made);
    return made;
  };
}
