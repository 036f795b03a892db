// Makes a recorded program smaller without changing what it does: constants are folded, copies propagated, masks that a
// narrow store applies anyway left out, unused results and unreachable blocks dropped. Repeats while that opens new ways.

import type { AccessSize } from '../isa.ts';
import { foldBinary, foldComparison, identity } from './fold.ts';
import {
  type Block,
  definitionOf,
  forEachOperand,
  forEachTerminatorOperand,
  isConstant,
  type Operand,
  type Operation,
  type Procedure,
  reachable,
  type Terminator,
  type Vreg,
  withOperands,
  withTerminatorOperands,
} from './ir.ts';
import { rebuild, retarget } from './rebuild.ts';

export function simplify(procedure: Procedure): Procedure {
  // The copy is this pass's own, to be changed in place.
  const { entry, ...rest } = rebuild(procedure, ({ operations, terminator }) => ({
    operations: operations.slice(),
    terminator: terminator!,
  }));
  let { blocks } = rest;
  for (let again = true; again; ) {
    const facts = collect(blocks, procedure.kinds.length);
    let folded = false;
    for (let b = 0; b < blocks.length; b++) folded = simplifyBlock(blocks[b]!, facts) || folded;
    const reached = folded ? reachable(entry) : blocks;
    again = dropUnused(reached, facts) || reached.length < blocks.length;
    for (let b = 0; b < reached.length; b++) again = threadJumps(reached[b]!) || again;
    blocks = reachable(entry);
  }
  return { ...procedure, entry, blocks };
}

/** The only operation that sets a virtual register; undefined where there are several, or none. */
type Definition = Operation | undefined;

interface Facts {
  /** Indexed by virtual register. Kept up to date while operations are replaced. */
  readonly definitions: Definition[];
}

function collect(blocks: readonly Block[], vregs: number): Facts {
  const definitions: Definition[] = new Array(vregs).fill(undefined);
  const several = new Set<Vreg>();
  for (let b = 0; b < blocks.length; b++) {
    const { operations } = blocks[b]!;
    for (let o = 0; o < operations.length; o++) {
      const operation = operations[o]!;
      const defined = definitionOf(operation);
      if (defined === undefined) continue;
      if (definitions[defined]) several.add(defined);
      definitions[defined] = operation;
    }
  }
  for (const vreg of several) definitions[vreg] = undefined;
  return { definitions };
}

/** In place. Whether a branch became a jump by that. */
function simplifyBlock(block: Block, facts: Facts): boolean {
  const copies: Copies = new Map();
  const read = (operand: Operand): Operand => resolve(operand, facts, copies);
  const { operations } = block;
  let kept = 0;
  for (let o = 0; o < operations.length; o++) {
    const operation = fold(narrowed(withOperands(operations[o]!, read), facts));
    const defined = definitionOf(operation);
    if (defined !== undefined) {
      // Set to what it is already: nothing to do, and no copy of anything.
      if (operation.op === 'move' && operation.from === defined) continue;
      forget(copies, defined);
      if (operation.op === 'move' && !(facts.definitions[defined] && isSettled(operation.from, facts)))
        copies.set(defined, operation.from);
      if (facts.definitions[defined]) facts.definitions[defined] = operation;
    }
    operations[kept++] = operation;
  }
  operations.length = kept;
  const { end } = block.terminator!;
  block.terminator = simplifyTerminator(withTerminatorOperands(block.terminator!, read), facts);
  return block.terminator.end !== end;
}

/** Whether what an operand stands for never changes, since only one operation sets it. */
const isSettled = (operand: Operand, { definitions }: Facts): boolean =>
  isConstant(operand) || definitions[operand] !== undefined;

/** Registers that are at present a copy of something, where they or that are set more than once. */
type Copies = Map<Vreg, Operand>;

/** What stands behind an operand: constants and registers it is a mere copy of. */
function resolve(operand: Operand, facts: Facts, copies: Copies): Operand {
  let current = operand;
  while (!isConstant(current)) {
    const definition = facts.definitions[current];
    const source = definition?.op === 'move' ? definition.from : undefined;
    // A copy of something set more than once is only good as long as nobody sets that again.
    const next = source !== undefined && isSettled(source, facts) ? source : copies.get(current);
    if (next === undefined) return current;
    current = next;
  }
  return current;
}

function forget(copies: Copies, changed: Vreg): void {
  if (copies.size === 0) return;
  copies.delete(changed);
  for (const [copy, of] of copies) if (of === changed) copies.delete(copy);
}

/** A store of `size` bytes drops the upper bits itself: a mask that keeps all the lower ones is for nothing. */
function narrowed(operation: Operation, facts: Facts): Operation {
  if (operation.op !== 'store' || isConstant(operation.value)) return operation;
  const definition = facts.definitions[operation.value];
  if (definition?.op !== 'binary' || definition.operator !== 'and' || !isConstant(definition.b))
    return operation;
  const { a, b } = definition;
  if (isConstant(a) || !facts.definitions[a] || !keepsLow(b, operation.size)) return operation;
  return { ...operation, value: a };
}

const keepsLow = (mask: bigint, size: AccessSize): boolean => {
  const low = (1n << BigInt(8 * size)) - 1n;
  return size < 8 && (mask & low) === low;
};

function fold(operation: Operation): Operation {
  if (operation.op !== 'binary') return operation;
  const { operator, width, dst, a, b, site } = operation;
  if (isConstant(a) && isConstant(b))
    return { op: 'move', dst, from: foldBinary(operator, width, a, b), site };
  const same = identity(operator, width, a, b);
  return same === undefined ? operation : { op: 'move', dst, from: same, site };
}

function simplifyTerminator(terminator: Terminator, facts: Facts): Terminator {
  if (terminator.end !== 'branch') return terminator;
  const { a, b, comparison, width, whenTrue, whenFalse, site } = terminator;
  if (!isConstant(a) || !isConstant(b)) return bitTest(terminator, facts);
  return { end: 'jump', to: foldComparison(comparison, width, a, b) ? whenTrue : whenFalse, site };
}

/** A masked value compared with zero is a bit test, which one instruction does. */
function bitTest(branch: Terminator & { end: 'branch' }, facts: Facts): Terminator {
  const { comparison, a, b, whenTrue, whenFalse } = branch;
  if (isConstant(a) || b !== 0n || (comparison !== 'eq' && comparison !== 'ne')) return branch;
  const masked = facts.definitions[a];
  if (masked?.op !== 'binary' || masked.operator !== 'and' || masked.width !== branch.width) return branch;
  if (isConstant(masked.a) || !facts.definitions[masked.a] || !isConstant(masked.b)) return branch;
  const tested = { ...branch, comparison: 'set', a: masked.a, b: masked.b } as const;
  return comparison === 'ne' ? tested : { ...tested, whenTrue: whenFalse, whenFalse: whenTrue };
}

/**
 * Drops what sets a register that nobody reads, in place. Goes backwards, so that what only such an operation read goes
 * as well. Whether that changed how often a register is set that others set too: then there may be more to do.
 */
function dropUnused(blocks: readonly Block[], { definitions }: Facts): boolean {
  const reads = new Int32Array(definitions.length);
  const count = (operand: Operand): void => {
    if (!isConstant(operand)) reads[operand]!++;
  };
  for (let b = 0; b < blocks.length; b++) {
    const { operations, terminator } = blocks[b]!;
    for (let o = 0; o < operations.length; o++) forEachOperand(operations[o]!, count);
    forEachTerminatorOperand(terminator!, count);
  }
  let shared = false;
  const discount = (operand: Operand): void => {
    if (isConstant(operand)) return;
    if (--reads[operand]! === 0 && !definitions[operand]) shared = true;
  };
  for (let b = blocks.length - 1; b >= 0; b--) {
    const { operations } = blocks[b]!;
    for (let o = operations.length - 1; o >= 0; o--) {
      const operation = operations[o]!;
      const defined = definitionOf(operation);
      if (defined === undefined || reads[defined] !== 0 || operation.op === 'call') continue;
      if (!definitions[defined]) shared = true;
      forEachOperand(operation, discount);
      operations.splice(o, 1);
    }
  }
  return shared;
}

/** Makes a block go where its jumps really get to. Whether a branch became a jump by that. */
function threadJumps(block: Block): boolean {
  const terminator = retarget(block.terminator!, thread);
  block.terminator = terminator;
  if (terminator.end !== 'branch' || terminator.whenTrue !== terminator.whenFalse) return false;
  block.terminator = { end: 'jump', to: terminator.whenTrue, site: terminator.site };
  return true;
}

/** Where a jump to `block` really gets to: past blocks that only jump on. */
function thread(block: Block): Block {
  let current = block;
  // A ring of such blocks has no end.
  let seen: Set<Block> | undefined;
  for (;;) {
    const terminator = current.terminator!;
    if (current.operations.length > 0 || terminator.end !== 'jump' || seen?.has(current)) return current;
    seen ??= new Set();
    seen.add(current);
    current = terminator.to;
  }
}
