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
import type { Register } from '../isa.ts';
import { type Allocated, registerOf } from './allocate.ts';
import type { Arrangement } from './arrange.ts';
import { type Block, type Comparison, isConstant, type Terminator, type Vreg } from './ir.ts';
import { type Functions, low32, select } from './select.ts';

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

export function emit(allocated: Allocated, arrangement: Arrangement, functions: Functions): Item[] {
  const labels = new Map<Block, Label>(arrangement.order.map((block) => [block, label(block.name)]));
  const labelOf = (block: Block): Label => labels.get(arrangement.insteadOf.get(block) ?? block)!;
  const registers = (vreg: Vreg): Register => registerOf(allocated, vreg) as Register;
  const items: Item[] = [];
  arrangement.order.forEach((block, i) => {
    items.push({ place: labelOf(block) });
    items.push(...select(block, allocated, functions));
    const following = arrangement.order[i + 1];
    const next = following && labelOf(following);
    for (const instruction of emitTerminator(block.terminator!, registers, labelOf, next)) {
      items.push({ ...instruction, site: block.terminator!.site });
    }
  });
  return items;
}

type Registers = (vreg: Vreg) => Register;

function emitTerminator(
  terminator: Terminator,
  registers: Registers,
  labelOf: (block: Block) => Label,
  next: Label | undefined,
): Instruction[] {
  if (terminator.end === 'exit') return [exit()];
  if (terminator.end === 'jump') {
    const to = labelOf(terminator.to);
    return to === next ? [] : [ja(to)];
  }
  const whenTrue = labelOf(terminator.whenTrue);
  const whenFalse = labelOf(terminator.whenFalse);
  const opposite = OPPOSITE[terminator.comparison];
  if (whenTrue === next && opposite) {
    return [emitBranch(terminator, opposite, whenFalse, registers)];
  }
  const branch = emitBranch(terminator, terminator.comparison, whenTrue, registers);
  return whenFalse === next ? [branch] : [branch, ja(whenFalse)];
}

function emitBranch(
  terminator: Terminator & { end: 'branch' },
  comparison: Comparison,
  to: Label,
  registers: Registers,
): Instruction {
  const { width, a, b } = terminator;
  const forms = JUMPS[comparison];
  const dst = registers(a as Vreg);
  if (isConstant(b)) return width === 32 ? forms.imm32(dst, low32(b), to) : forms.imm(dst, low32(b), to);
  return width === 32 ? forms.reg32(dst, registers(b), to) : forms.reg(dst, registers(b), to);
}
