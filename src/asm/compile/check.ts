// Refuses programs that say something the verifier would refuse, or worse, would not: a value used before it has one,
// a look-up used before it was asked, a packet pointer used after the packet may have moved.
// A forward dataflow analysis over the recorded blocks; states only grow, so it ends.

import { BuildError, type Site } from '../source.ts';
import {
  type Block,
  definitionOf,
  isConstant,
  type Operand,
  type Operation,
  operandsOf,
  operandsOfTerminator,
  type Procedure,
  reachable,
  successorsOf,
  type Terminator,
  type Vreg,
} from './ir.ts';

/** What may be wrong with a virtual register at a point of the program: a set of bits. */
const UNSET = 1;
const NULLABLE = 2;
const STALE = 4;

type State = Uint8Array;

/** @throws BuildError with code UNINITIALISED, UNCHECKED or STALE, at the line of the use. */
export function check(procedure: Procedure): Procedure {
  const order = reachable(procedure.entry);
  const entering = new Map<Block, State>(
    order.map((block) => [block, new Uint8Array(procedure.kinds.length)]),
  );
  const start = entering.get(procedure.entry)!.fill(UNSET);
  for (const parameter of procedure.parameters) start[parameter] = 0;
  const pending = new Set(order);
  for (const block of pending) {
    pending.delete(block);
    const state = entering.get(block)!.slice();
    for (const operation of block.operations) step(procedure, operation, state);
    const terminator = block.terminator!;
    for (const operand of operandsOfTerminator(terminator)) requireUsable(operand, state, terminator.site);
    for (const successor of successorsOf(terminator)) {
      if (join(entering.get(successor)!, onEdge(terminator, successor, state))) pending.add(successor);
    }
  }
  return procedure;
}

function step(procedure: Procedure, operation: Operation, state: State): void {
  const operands = operandsOf(operation);
  for (const operand of operands) requireUsable(operand, state, operation.site);
  if ('base' in operation) requireAccessible(operation.base, state, operation.site);
  if (operation.op === 'call') {
    for (const argument of operation.args) {
      if (!isConstant(argument)) requireAccessible(argument, state, operation.site);
    }
  }
  if (operation.op === 'call' && operation.callee.movesPacket) {
    procedure.kinds.forEach((kind, vreg) => {
      if (kind === 'packet') state[vreg]! |= STALE;
    });
  }
  const defined = definitionOf(operation);
  if (defined === undefined) return;
  state[defined] = procedure.kinds[defined] === 'value_or_null' ? NULLABLE : 0;
}

function requireUsable(operand: Operand, state: State, site: Site): void {
  if (isConstant(operand) || !(state[operand]! & UNSET)) return;
  throw new BuildError('UNINITIALISED', 'a value is used that not every path to here has set', site);
}

function requireAccessible(base: Vreg, state: State, site: Site): void {
  if (state[base]! & NULLABLE) {
    throw new BuildError(
      'UNCHECKED',
      'the result of a look-up is used where it may be missing: ask exists() first',
      site,
    );
  }
  if (state[base]! & STALE) {
    throw new BuildError(
      'STALE',
      'a packet view is used after a helper that may have moved the packet: read it again',
      site,
    );
  }
}

/** The state as it is when a branch was taken: a look-up compared with null is settled. */
function onEdge(terminator: Terminator, successor: Block, state: State): State {
  if (terminator.end !== 'branch' || terminator.whenTrue === terminator.whenFalse) return state;
  const { comparison, a, b, whenTrue } = terminator;
  const found =
    comparison === 'ne' ? successor === whenTrue : comparison === 'eq' ? successor !== whenTrue : false;
  if (!found || isConstant(a) || b !== 0n || !(state[a]! & NULLABLE)) return state;
  const settled = state.slice();
  settled[a]! &= ~NULLABLE;
  return settled;
}

/** Adds `from` to `into`; true when that changed anything. */
function join(into: State, from: State): boolean {
  let changed = false;
  for (let i = 0; i < into.length; i++) {
    const joined = into[i]! | from[i]!;
    changed ||= joined !== into[i];
    into[i] = joined;
  }
  return changed;
}
