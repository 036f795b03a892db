// For kernels before 5.1, which compare 64 bits only: comparisons of 32 bits made of 64-bit ones. Where the upper halves
// are known to be zero the registers themselves are compared, so that the verifier learns about them what it would have.

import type { Site } from '../source.ts';
import {
  type Comparison,
  isConstant,
  type Operand,
  type Operation,
  type Procedure,
  type Terminator,
  type Vreg,
  type VregKind,
} from './ir.ts';
import { rebuild } from './rebuild.ts';

const SIGNED: ReadonlySet<Comparison> = new Set(['slt', 'sle', 'sgt', 'sge']);
const LOWER_HALF = 0xffff_ffffn;
const HALF = 32n;

export function wideComparisons(procedure: Procedure): Procedure {
  const kinds: VregKind[] = [...procedure.kinds];
  const narrow = zeroAbove(procedure);
  const rebuilt = rebuild(procedure, ({ operations, terminator }) => {
    if (terminator!.end !== 'branch' || terminator!.width === 64)
      return { operations, terminator: terminator! };
    const all = [...operations];
    return { operations: all, terminator: widened(terminator!, narrow, kinds, all) };
  });
  return { ...rebuilt, kinds };
}

function widened(
  branch: Terminator & { end: 'branch' },
  narrow: ReadonlySet<Vreg>,
  kinds: VregKind[],
  out: Operation[],
): Terminator {
  const { comparison, site } = branch;
  const extend = SIGNED.has(comparison) ? signExtended : zeroExtended;
  const operand = (from: Operand): Operand => extend(from, narrow, () => kinds.push('scalar') - 1, out, site);
  return { ...branch, width: 64, a: operand(branch.a), b: operand(branch.b) };
}

type Extend = (
  from: Operand,
  narrow: ReadonlySet<Vreg>,
  fresh: () => Vreg,
  out: Operation[],
  site: Site,
) => Operand;

const zeroExtended: Extend = (from, narrow, fresh, out, site) => {
  if (isConstant(from)) return BigInt.asUintN(32, from);
  if (narrow.has(from)) return from;
  const dst = fresh();
  out.push({ op: 'binary', operator: 'and', width: 32, dst, a: from, b: LOWER_HALF, site });
  return dst;
};

const signExtended: Extend = (from, _narrow, fresh, out, site) => {
  if (isConstant(from)) return BigInt.asIntN(32, from);
  const [left, dst] = [fresh(), fresh()];
  out.push({ op: 'binary', operator: 'lsh', width: 64, dst: left, a: from, b: HALF, site });
  out.push({ op: 'binary', operator: 'arsh', width: 64, dst, a: left, b: HALF, site });
  return dst;
};

/** Registers whose upper half is zero whatever way was taken: each of their definitions makes it so. */
function zeroAbove({ blocks, parameters }: Procedure): Set<Vreg> {
  const narrow = new Set<Vreg>();
  const all = blocks.flatMap(({ operations }) => operations);
  for (const operation of all) if ('dst' in operation) narrow.add(operation.dst);
  for (const parameter of parameters) narrow.delete(parameter);
  // Taken for narrow until something says otherwise: loops come out right.
  for (let before = -1; before !== narrow.size; ) {
    before = narrow.size;
    for (const operation of all) {
      if ('dst' in operation && !makesNarrow(operation, narrow)) narrow.delete(operation.dst);
    }
  }
  return narrow;
}

function makesNarrow(operation: Operation, narrow: ReadonlySet<Vreg>): boolean {
  const fits = (from: Operand): boolean =>
    isConstant(from) ? BigInt.asUintN(64, from) <= LOWER_HALF : narrow.has(from);
  switch (operation.op) {
    case 'move':
      return fits(operation.from);
    case 'binary':
      if (operation.operator === 'and' && (fits(operation.a) || fits(operation.b))) return true;
      return operation.width === 32;
    case 'swap':
      return operation.bits < 64;
    case 'load':
      return operation.size < 8;
    default:
      return false;
  }
}
