// Refuses programs that say something the verifier would refuse, or worse, would not: a value or stack memory used before
// it has been set, a look-up used before it was asked, a packet view used after the packet may have moved, or beyond what
// was checked. A forward dataflow analysis over the recorded blocks; states only get worse, so it ends.

import { BuildError, type Site } from '../source.ts';
import { compileFacts, type Facts } from './facts.ts';
import { isConstant, type Operation, type Procedure, type Terminator, type Vreg } from './ir.ts';
import { type State, States, startOf } from './state.ts';
import { NONE, type Table, tabulate } from './table.ts';

/** @throws BuildError with code UNINITIALISED, UNCHECKED, STALE or UNBOUNDED, at the line of the use. */
export function check(procedure: Procedure): Procedure {
  const facts = compileFacts(procedure);
  const table = tabulate(procedure);
  const state = startOf(table.registers, facts, procedure.parameters);
  const states = new States(table.blocks.length, state);
  for (let again = true; again; again = table.loops && again) {
    again = false;
    for (let b = 0; b < table.blocks.length; b++) {
      if (!states.enter(b, state)) continue;
      again = true;
      checkBlock(table, b, facts, state);
      leaveBlock(table, b, facts, state, states);
    }
  }
  return procedure;
}

function checkBlock(table: Table, b: number, facts: Facts, state: State): void {
  const { operations, terminator } = table.blocks[b]!;
  let o = table.starts[b]!;
  for (let i = 0; i < operations.length; i++) {
    const operation = operations[i]!;
    requireSet(table, o, state, operation.site);
    if ('base' in operation) access(facts, operation, state);
    else if (operation.op === 'call') call(facts, operation, state);
    const set = table.sets[o]!;
    if (set !== NONE) define(facts, operation as Operation & { dst: Vreg }, set, state);
    o++;
  }
  requireSet(table, o, state, terminator!.site);
}

function define(facts: Facts, operation: Operation & { dst: Vreg }, index: number, state: State): void {
  const { kinds, pointers } = facts;
  const { dst } = operation;
  state.set(index);
  const pointer = pointers[dst]!;
  if (pointer === NONE) return;
  if (kinds[dst] === 'value_or_null') state.unsettle(pointer);
  else state.settle(pointer);
  state.extend(pointer, inherited(facts, operation, state));
}

/** How far the packet is known to reach behind a pointer that stands so many bytes behind another one. */
function inherited({ pointers }: Facts, operation: Operation, state: State): number {
  if (operation.op !== 'binary' || operation.operator !== 'add') return 0;
  const { a, b } = operation;
  if (isConstant(a) || !isConstant(b) || pointers[a] === NONE) return 0;
  return Math.max(0, state.extent(pointers[a]!) - Number(b));
}

function requireSet({ reads, readStarts }: Table, o: number, state: State, site: Site): void {
  for (let r = readStarts[o]!, end = readStarts[o + 1]!; r < end; r++) {
    if (!state.isUnset(reads[r]!)) continue;
    throw new BuildError('UNINITIALISED', 'a value is used that not every path to here has set', site);
  }
}

function requireSettled(vreg: Vreg, { kinds, pointers }: Facts, state: State, site: Site): void {
  const pointer = pointers[vreg]!;
  if (pointer === NONE || !state.isUnsettled(pointer)) return;
  if (kinds[vreg] === 'value_or_null') {
    const message = 'the result of a look-up is used where it may be missing: ask exists() first';
    throw new BuildError('UNCHECKED', message, site);
  }
  const message = 'a packet view is used after a helper that may have moved the packet: read it again';
  throw new BuildError('STALE', message, site);
}

type Access = Operation & { readonly op: 'load' | 'store' | 'atomic_add' };

/** A load or store through a register. */
function access(facts: Facts, operation: Access, state: State): void {
  const { base, offset, size, site, op } = operation;
  const end = offset + size;
  requireSettled(base, facts, state, site);
  if (facts.kinds[base] === 'packet' && (offset < 0 || end > state.extent(facts.pointers[base]!))) {
    const message = `bytes ${offset} to ${end} of the packet are used where not every path has checked that far`;
    throw new BuildError('UNBOUNDED', message, site);
  }
  const slot = facts.slots.get(base);
  if (!slot) return;
  if (op === 'store') state.setBytes(slot.start + offset, slot.start + end);
  else if (state.isAnyUnset(slot.start + offset, slot.start + end)) {
    const message = 'stack memory is read that not every path to here has written';
    throw new BuildError('UNINITIALISED', message, site);
  }
}

function call(facts: Facts, operation: Operation & { readonly op: 'call' }, state: State): void {
  for (let i = 0; i < operation.args.length; i++) {
    const argument = operation.args[i]!;
    if (isConstant(argument)) continue;
    requireSettled(argument, facts, state, operation.site);
    // Memory handed on may be written there.
    const slot = facts.slots.get(argument);
    if (slot) state.setBytes(slot.start, slot.start + slot.size);
  }
  if (!operation.callee.movesPacket) return;
  const { pointerKinds } = facts;
  for (let pointer = 0; pointer < pointerKinds.length; pointer++)
    if (pointerKinds[pointer] === 'packet') state.unsettle(pointer);
}

/** Hands the state on to the successors of block b. */
function leaveBlock(table: Table, b: number, facts: Facts, state: State, states: States): void {
  const whenTrue = table.successors[2 * b]!;
  const whenFalse = table.successors[2 * b + 1]!;
  const terminator = table.blocks[b]!.terminator!;
  if (terminator.end === 'branch' && whenTrue !== whenFalse && !isConstant(terminator.a)) {
    // First where nothing is learnt, then with what is known on the other side.
    const learnt = learn(facts, terminator, terminator.a, state);
    if (learnt) {
      states.join(learnt.where ? whenFalse : whenTrue, state);
      learnt.take();
      states.join(learnt.where ? whenTrue : whenFalse, state);
      return;
    }
  }
  if (whenTrue !== NONE) states.join(whenTrue, state);
  if (whenFalse !== NONE) states.join(whenFalse, state);
}

/** What a branch finds out, and whether where it holds or where it does not. */
interface Learnt {
  readonly where: boolean;
  take(): void;
}

/** A look-up compared with null, or a packet bound compared with the end. */
function learn(
  { pointers, kinds, limits }: Facts,
  { comparison, b }: Terminator & { end: 'branch' },
  a: Vreg,
  state: State,
): Learnt | undefined {
  const pointer = pointers[a]!;
  if (b === 0n && pointer !== NONE && kinds[a] === 'value_or_null' && state.isUnsettled(pointer)) {
    if (comparison !== 'ne' && comparison !== 'eq') return undefined;
    return { where: comparison === 'ne', take: () => state.settle(pointer) };
  }
  const limit = comparison === 'gt' ? limits.get(a) : undefined;
  const base = limit ? pointers[limit.base]! : NONE;
  if (!limit || base === NONE || limit.size <= state.extent(base)) return undefined;
  return { where: false, take: () => state.extend(base, limit.size) };
}
