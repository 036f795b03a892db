// Makes a recorded program smaller without changing what it does: constants are folded, copies propagated, masks that a
// narrow store applies anyway left out, unused results and unreachable blocks dropped. Repeats until nothing changes.

import type { AccessSize } from '../isa.ts';
import { foldBinary, foldComparison, identity } from './fold.ts';
import {
  type Block,
  definitionOf,
  isConstant,
  type Operand,
  type Operation,
  operandsOf,
  operandsOfTerminator,
  type Procedure,
  successorsOf,
  type Terminator,
  type Vreg,
  withOperands,
  withTerminatorOperands,
} from './ir.ts';
import { rebuild, retarget } from './rebuild.ts';

export function simplify(procedure: Procedure): Procedure {
  let current = procedure;
  for (;;) {
    const facts = collect(current);
    let changed = false;
    const next = rebuild(current, (block) => {
      const operations = simplifyBlock(block, facts);
      const terminator = simplifyTerminator(block, facts);
      changed ||= terminator !== block.terminator || !sameElements(operations, block.operations);
      return { operations, terminator };
    });
    if (!changed) return current;
    current = next;
  }
}

const sameElements = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((element, i) => element === b[i]);

interface Facts {
  /** The only operation that sets a virtual register, for those set once. */
  readonly definitions: ReadonlyMap<Vreg, Operation>;
  readonly used: ReadonlySet<Vreg>;
}

function collect(procedure: Procedure): Facts {
  const definitions = new Map<Vreg, Operation>();
  const several = new Set<Vreg>();
  const used = new Set<Vreg>();
  const use = (operand: Operand): void => {
    if (!isConstant(operand)) used.add(operand);
  };
  for (const block of procedure.blocks) {
    for (const operation of block.operations) {
      operandsOf(operation).forEach(use);
      const defined = definitionOf(operation);
      if (defined === undefined) continue;
      if (definitions.has(defined)) several.add(defined);
      definitions.set(defined, operation);
    }
    operandsOfTerminator(block.terminator!).forEach(use);
  }
  for (const vreg of several) definitions.delete(vreg);
  return { definitions, used };
}

function simplifyBlock(block: Block, facts: Facts): Operation[] {
  const copies = new Map<Vreg, Vreg>();
  const kept: Operation[] = [];
  for (const original of block.operations) {
    const operation = fold(
      narrowed(
        withOperands(original, (o) => resolve(o, facts, copies)),
        facts,
      ),
    );
    const defined = definitionOf(operation);
    if (defined !== undefined) {
      if (!facts.used.has(defined) && operation.op !== 'call') continue;
      // Set to what it is already: nothing to do, and no copy of anything.
      if (operation.op === 'move' && operation.from === defined) continue;
      forget(copies, defined);
      if (operation.op === 'move' && !isConstant(operation.from)) copies.set(defined, operation.from);
    }
    kept.push(operation);
  }
  return kept;
}

/** What stands behind an operand: constants and registers it is a mere copy of. */
function resolve(operand: Operand, facts: Facts, copies: ReadonlyMap<Vreg, Vreg>): Operand {
  let current = operand;
  while (!isConstant(current)) {
    const definition = facts.definitions.get(current);
    const source = definition?.op === 'move' ? definition.from : undefined;
    // A copy of something set more than once is only good as long as nobody sets that again.
    const settled = source !== undefined && (isConstant(source) || facts.definitions.has(source));
    const next = settled ? source : copies.get(current);
    if (next === undefined) return current;
    current = next;
  }
  return current;
}

function forget(copies: Map<Vreg, Vreg>, changed: Vreg): void {
  copies.delete(changed);
  for (const [copy, of] of copies) if (of === changed) copies.delete(copy);
}

/** A store of `size` bytes drops the upper bits itself: a mask that keeps all the lower ones is for nothing. */
function narrowed(operation: Operation, facts: Facts): Operation {
  if (operation.op !== 'store' || isConstant(operation.value)) return operation;
  const definition = facts.definitions.get(operation.value);
  if (definition?.op !== 'binary' || definition.operator !== 'and' || !isConstant(definition.b))
    return operation;
  const { a, b } = definition;
  if (isConstant(a) || !facts.definitions.has(a) || !keepsLow(b, operation.size)) return operation;
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

function simplifyTerminator(block: Block, facts: Facts): Terminator {
  const original = block.terminator!;
  const terminator = retarget(
    withTerminatorOperands(original, (operand) => resolve(operand, facts, NO_COPIES)),
    thread,
  );
  if (terminator.end !== 'branch') return terminator;
  const { a, b, comparison, width, whenTrue, whenFalse, site } = terminator;
  if (whenTrue === whenFalse) return { end: 'jump', to: whenTrue, site };
  if (!isConstant(a) || !isConstant(b)) return bitTest(terminator, facts);
  return { end: 'jump', to: foldComparison(comparison, width, a, b) ? whenTrue : whenFalse, site };
}

const NO_COPIES: ReadonlyMap<Vreg, Vreg> = new Map();

/** A masked value compared with zero is a bit test, which one instruction does. */
function bitTest(branch: Terminator & { end: 'branch' }, facts: Facts): Terminator {
  const { comparison, a, b, whenTrue, whenFalse } = branch;
  if (isConstant(a) || b !== 0n || (comparison !== 'eq' && comparison !== 'ne')) return branch;
  const masked = facts.definitions.get(a);
  if (masked?.op !== 'binary' || masked.operator !== 'and' || masked.width !== branch.width) return branch;
  if (isConstant(masked.a) || !facts.definitions.has(masked.a) || !isConstant(masked.b)) return branch;
  const [set, clear] = comparison === 'ne' ? [whenTrue, whenFalse] : [whenFalse, whenTrue];
  return { ...branch, comparison: 'set', a: masked.a, b: masked.b, whenTrue: set, whenFalse: clear };
}

/** Where a jump to `block` really gets to. */
function thread(block: Block): Block {
  const seen = new Set<Block>();
  let current = block;
  while (current.operations.length === 0 && current.terminator!.end === 'jump' && !seen.has(current)) {
    seen.add(current);
    current = successorsOf(current.terminator!)[0]!;
  }
  return current;
}
