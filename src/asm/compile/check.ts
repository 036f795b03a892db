// Refuses programs that say something the verifier would refuse, or worse, would not: a value or stack memory used before
// it has been set, a look-up used before it was asked, a packet view used after the packet may have moved, or beyond what
// was checked. A forward dataflow analysis over the recorded blocks; states only get worse, so it ends.

import { BuildError, type Site } from '../source.ts';
import { compileFacts, type Facts } from './facts.ts';
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
} from './ir.ts';

/** What may be wrong with a virtual register, or a byte of the stack, at a point of the program: a set of bits. */
const UNSET = 1;
const NULLABLE = 2;
const STALE = 4;

interface State {
  /** For each virtual register, then for each byte of the stack's slots. */
  readonly flags: Uint8Array;
  /** For each virtual register that points into the packet: how many bytes from there are known to be in it. */
  readonly extents: Uint16Array;
}

/** @throws BuildError with code UNINITIALISED, UNCHECKED, STALE or UNBOUNDED, at the line of the use. */
export function check(procedure: Procedure): Procedure {
  const facts = compileFacts(procedure);
  const entering = new Map<Block, State>();
  entering.set(procedure.entry, startOf(procedure, facts));
  const pending = new Set<Block>([procedure.entry]);
  for (const block of pending) {
    pending.delete(block);
    const state = copyOf(entering.get(block)!);
    for (const operation of block.operations) step(facts, operation, state);
    const terminator = block.terminator!;
    for (const operand of operandsOfTerminator(terminator)) requireUsable(operand, state, terminator.site);
    for (const successor of successorsOf(terminator)) {
      const state2 = onEdge(facts, terminator, successor, state);
      const known = entering.get(successor);
      if (!known) entering.set(successor, copyOf(state2));
      if (!known || join(known, state2)) pending.add(successor);
    }
  }
  return procedure;
}

function startOf(procedure: Procedure, facts: Facts): State {
  const flags = new Uint8Array(procedure.kinds.length + facts.stackSize).fill(UNSET);
  for (const parameter of procedure.parameters) flags[parameter] = 0;
  return { flags, extents: new Uint16Array(procedure.kinds.length) };
}

const copyOf = ({ flags, extents }: State): State => ({ flags: flags.slice(), extents: extents.slice() });

function step(facts: Facts, operation: Operation, state: State): void {
  const { kinds } = facts;
  for (const operand of operandsOf(operation)) requireUsable(operand, state, operation.site);
  if ('base' in operation) access(facts, operation, state);
  if (operation.op === 'call') {
    for (const argument of operation.args) {
      if (isConstant(argument)) continue;
      requireSettled(argument, state, operation.site);
      // Memory handed on may be written there.
      const slot = facts.slots.get(argument);
      if (slot) state.flags.fill(0, slot.start, slot.start + slot.size);
    }
    if (operation.callee.movesPacket) {
      for (let vreg = 0; vreg < kinds.length; vreg++)
        if (kinds[vreg] === 'packet') state.flags[vreg]! |= STALE;
    }
  }
  const defined = definitionOf(operation);
  if (defined === undefined) return;
  state.flags[defined] = kinds[defined] === 'value_or_null' ? NULLABLE : 0;
  state.extents[defined] = 0;
}

function requireUsable(operand: Operand, { flags }: State, site: Site): void {
  if (isConstant(operand) || !(flags[operand]! & UNSET)) return;
  throw new BuildError('UNINITIALISED', 'a value is used that not every path to here has set', site);
}

function requireSettled(vreg: Vreg, { flags }: State, site: Site): void {
  if (flags[vreg]! & NULLABLE) {
    const message = 'the result of a look-up is used where it may be missing: ask exists() first';
    throw new BuildError('UNCHECKED', message, site);
  }
  if (flags[vreg]! & STALE) {
    const message = 'a packet view is used after a helper that may have moved the packet: read it again';
    throw new BuildError('STALE', message, site);
  }
}

type Access = Operation & { readonly op: 'load' | 'store' | 'atomic_add' };

/** A load or store through a register. */
function access(facts: Facts, operation: Access, state: State): void {
  const { base, offset, size, site, op } = operation;
  requireSettled(base, state, site);
  if (facts.kinds[base] === 'packet' && (offset < 0 || offset + size > state.extents[base]!)) {
    const message = `bytes ${offset} to ${offset + size} of the packet are used where not every path has checked that far`;
    throw new BuildError('UNBOUNDED', message, site);
  }
  const slot = facts.slots.get(base);
  if (!slot) return;
  const [from, to] = [slot.start + offset, slot.start + offset + size];
  if (op === 'store') state.flags.fill(0, from, to);
  else if (state.flags.subarray(from, to).some((flag) => flag & UNSET)) {
    throw new BuildError(
      'UNINITIALISED',
      'stack memory is read that not every path to here has written',
      site,
    );
  }
}

/** The state as it is when a branch was taken: a look-up compared with null, a packet bound compared with the end. */
function onEdge(facts: Facts, terminator: Terminator, successor: Block, state: State): State {
  if (terminator.end !== 'branch' || terminator.whenTrue === terminator.whenFalse) return state;
  const { comparison, a, b, whenTrue } = terminator;
  if (isConstant(a)) return state;
  const holds = successor === whenTrue;
  if (b === 0n && state.flags[a]! & NULLABLE && (comparison === 'ne' || comparison === 'eq')) {
    if (holds !== (comparison === 'ne')) return state;
    const settled = copyOf(state);
    settled.flags[a]! &= ~NULLABLE;
    return settled;
  }
  const limit = facts.limits.get(a);
  if (!limit || comparison !== 'gt' || holds || limit.size <= state.extents[limit.base]!) return state;
  const checked = copyOf(state);
  checked.extents[limit.base] = limit.size;
  return checked;
}

/** Makes `into` as bad as the worse of both; true when that changed anything. */
function join(into: State, from: State): boolean {
  let changed = false;
  for (let i = 0; i < into.flags.length; i++) {
    const joined = into.flags[i]! | from.flags[i]!;
    changed ||= joined !== into.flags[i];
    into.flags[i] = joined;
  }
  for (let i = 0; i < into.extents.length; i++) {
    if (from.extents[i]! >= into.extents[i]!) continue;
    into.extents[i] = from.extents[i]!;
    changed = true;
  }
  return changed;
}
