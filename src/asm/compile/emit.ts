// From arranged blocks to the items of a program: jumps only where the next block is not the one that follows anyway.

import {
  exit,
  type Instruction,
  type Item,
  type Jump,
  ja,
  jeq,
  jge,
  jgt,
  jle,
  jlt,
  jne,
  jset,
  jsge,
  jsgt,
  jsle,
  jslt,
  type Label,
  label,
} from '../instruction.ts';
import { type Allocated, registerOf } from './allocate.ts';
import type { Arrangement } from './arrange.ts';
import { type Block, type Comparison, isConstant, type Terminator, type Vreg } from './ir.ts';
import { low32, said } from './select.ts';

const JUMPS: { readonly [C in Comparison]: Jump } = {
  eq: jeq,
  ne: jne,
  lt: jlt,
  le: jle,
  gt: jgt,
  ge: jge,
  slt: jslt,
  sle: jsle,
  sgt: jsgt,
  sge: jsge,
  set: jset,
};
const OPPOSITE: { readonly [C in Comparison]?: Comparison } = {
  eq: 'ne',
  ne: 'eq',
  lt: 'ge',
  ge: 'lt',
  le: 'gt',
  gt: 'le',
  slt: 'sge',
  sge: 'slt',
  sle: 'sgt',
  sgt: 'sle',
};

export function emit(allocated: Allocated, { order, insteadOf, code }: Arrangement): Item[] {
  /** By the number of the block. */
  const labels: Label[] = new Array(allocated.blocks.length);
  for (let i = 0; i < order.length; i++) labels[order[i]!.number] = label(order[i]!.name);
  const labelOf = (block: Block): Label => labels[(insteadOf.get(block) ?? block).number]!;
  const items: Item[] = [];
  for (let i = 0; i < order.length; i++) {
    const block = order[i]!;
    items.push({ place: labels[block.number]! });
    const instructions = code[block.number]!;
    for (let n = 0; n < instructions.length; n++) items.push(instructions[n]!);
    const following = order[i + 1];
    emitTerminator(block.terminator!, allocated, labelOf, following && labels[following.number], items);
  }
  return items;
}

function emitTerminator(
  terminator: Terminator,
  allocated: Allocated,
  labelOf: (block: Block) => Label,
  next: Label | undefined,
  items: Item[],
): void {
  const { site } = terminator;
  if (terminator.end === 'exit') {
    items.push(said(exit(), site));
    return;
  }
  if (terminator.end === 'jump') {
    const to = labelOf(terminator.to);
    if (to !== next) items.push(said(ja(to), site));
    return;
  }
  const whenTrue = labelOf(terminator.whenTrue);
  const whenFalse = labelOf(terminator.whenFalse);
  const opposite = OPPOSITE[terminator.comparison];
  if (whenTrue === next && opposite) {
    items.push(said(emitBranch(terminator, opposite, whenFalse, allocated), site));
    return;
  }
  items.push(said(emitBranch(terminator, terminator.comparison, whenTrue, allocated), site));
  if (whenFalse !== next) items.push(said(ja(whenFalse), site));
}

function emitBranch(
  terminator: Terminator & { end: 'branch' },
  comparison: Comparison,
  to: Label,
  allocated: Allocated,
): Instruction {
  const { width, a, b } = terminator;
  const forms = JUMPS[comparison];
  const dst = registerOf(allocated, a as Vreg);
  if (isConstant(b)) return width === 32 ? forms.imm32(dst, low32(b), to) : forms.imm(dst, low32(b), to);
  const src = registerOf(allocated, b);
  return width === 32 ? forms.reg32(dst, src, to) : forms.reg(dst, src, to);
}
