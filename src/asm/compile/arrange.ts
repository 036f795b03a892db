// The order of the blocks in the program: what goes on follows on, what ends early stands at the end, and blocks that
// do the same are kept once.

import { type Instruction, type Label, label } from '../instruction.ts';
import { type Allocated, registerOf } from './allocate.ts';
import { type Block, isConstant, type Operand, type Procedure, type Terminator } from './ir.ts';
import { type Functions, select } from './select.ts';

/** Blocks in the order of emission, and for each block that another one stands in for, that other one. */
export interface Arrangement {
  readonly order: readonly Block[];
  readonly insteadOf: ReadonlyMap<Block, Block>;
  /** What each block comes to without its terminator, by its number. */
  readonly code: readonly (readonly Instruction[])[];
}

/** @param functions where the functions start that are called; without it, the code is only good for comparing. */
export function arrange(allocated: Allocated, functions: Functions = numbered()): Arrangement {
  const { insteadOf, code } = merge(allocated, functions);
  const actual = (block: Block): Block => insteadOf.get(block) ?? block;
  const order: Block[] = [];
  const placed = new Uint8Array(allocated.blocks.length);
  const waiting: Block[] = [actual(allocated.entry)];
  for (let start = waiting.pop(); start; start = waiting.pop()) {
    let block: Block | undefined = start;
    while (block && placed[block.number] === 0) {
      placed[block.number] = 1;
      order.push(block);
      const terminator: Terminator = block.terminator!;
      block = undefined;
      if (terminator.end === 'jump') block = actual(terminator.to);
      else if (terminator.end === 'branch') {
        let next = actual(terminator.whenTrue);
        let other = actual(terminator.whenFalse);
        if (compare(other, next) < 0) [next, other] = [other, next];
        if (placed[next.number] === 0 && placed[other.number] === 0) waiting.push(other);
        block = placed[next.number] === 0 ? next : other;
      }
    }
  }
  return { order, insteadOf, code };
}

/** What follows best: the rest of a condition, then blocks in the order they were said, cold ones last. */
const compare = (a: Block, b: Block): number => rank(a) - rank(b) || a.order - b.order;
const rank = (block: Block): number => (block.condition ? 0 : block.cold ? 2 : 1);

/** Blocks that do nothing but jump, or the same as another in the same registers, and where to go instead. */
function merge(allocated: Allocated, functions: Functions): Omit<Arrangement, 'order'> {
  const insteadOf = new Map<Block, Block>();
  const { blocks } = allocated;
  const code: Instruction[][] = new Array(blocks.length);
  const actual = (block: Block): Block => insteadOf.get(block) ?? block;
  const known = new Map<number, Block>();
  // Successors first, so that blocks that go on to the same are seen to.
  for (let b = blocks.length - 1; b >= 0; b--) {
    const block = blocks[b]!;
    const instructions = select(block, allocated, functions);
    const terminator = block.terminator!;
    if (terminator.end === 'jump' && instructions.length === 0) {
      // All its moves turned out to be between one register and itself.
      insteadOf.set(block, actual(terminator.to));
      continue;
    }
    code[b] = instructions;
    for (let key = hash(instructions, terminator, actual); ; key++) {
      const other = known.get(key);
      if (!other) {
        known.set(key, block);
        break;
      }
      if (!sameCode(instructions, code[other.number]!)) continue;
      if (!sameEnd(terminator, other.terminator!, allocated, actual)) continue;
      insteadOf.set(block, other);
      break;
    }
  }
  return { insteadOf, code };
}

/** Equal for equal blocks. */
function hash(
  instructions: readonly Instruction[],
  terminator: Terminator,
  actual: (block: Block) => Block,
): number {
  let h = instructions.length;
  for (let i = 0; i < instructions.length; i++) {
    const { opcode, dst, src, offset, imm } = instructions[i]!;
    h = Math.imul(h, 31) + (opcode ^ (dst << 8) ^ (src << 12) ^ (offset << 16) ^ imm);
  }
  if (terminator.end === 'jump') h = Math.imul(h, 31) + actual(terminator.to).order;
  else if (terminator.end === 'branch')
    h = Math.imul(h, 31) + actual(terminator.whenTrue).order + 7 * actual(terminator.whenFalse).order;
  return h | 0;
}

function sameCode(a: readonly Instruction[], b: readonly Instruction[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!sameInstruction(a[i]!, b[i]!)) return false;
  return true;
}

/** But for the line that said them. */
const sameInstruction = (a: Instruction, b: Instruction): boolean =>
  a.opcode === b.opcode &&
  a.dst === b.dst &&
  a.src === b.src &&
  a.offset === b.offset &&
  a.imm === b.imm &&
  a.wide === b.wide &&
  a.map === b.map &&
  a.target === b.target;

function sameEnd(
  a: Terminator,
  b: Terminator,
  allocated: Allocated,
  actual: (block: Block) => Block,
): boolean {
  const same = (one: Operand, other: Operand): boolean =>
    isConstant(one) || isConstant(other)
      ? one === other
      : registerOf(allocated, one) === registerOf(allocated, other);
  if (a.end === 'jump') return b.end === 'jump' && actual(a.to) === actual(b.to);
  if (a.end === 'exit') return b.end === 'exit' && same(a.value, b.value);
  return (
    b.end === 'branch' &&
    a.comparison === b.comparison &&
    a.width === b.width &&
    same(a.a, b.a) &&
    same(a.b, b.b) &&
    actual(a.whenTrue) === actual(b.whenTrue) &&
    actual(a.whenFalse) === actual(b.whenFalse)
  );
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
