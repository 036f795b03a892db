// Splits live ranges at the border of what seldom happens. A value of the usual way that must survive a call only in a
// cold block would otherwise sit in a callee-saved register, or on the stack, all the time. Behind the border it gets a
// register of its own: what there is to pay is paid there.

import { BitRows } from './bits.ts';
import {
  type Block,
  isConstant,
  type Operand,
  type Operation,
  type Procedure,
  reachable,
  type Terminator,
  type Vreg,
  type VregKind,
  withDefinition,
  withOperands,
  withTerminatorOperands,
} from './ir.ts';
import { type Liveness, liveness, stepBack } from './liveness.ts';
import { CALL, indexOf, MACHINE_REGISTERS, NONE, type Table, tabulate, usualWay } from './table.ts';

export function split(procedure: Procedure): Procedure {
  const table = tabulate(procedure);
  const { order, usual } = usualWay(table);
  const live = liveness(table);
  const kinds: VregKind[] = [...procedure.kinds];
  const twins = new Map<Vreg, Vreg>();
  const wanted = acrossCalls(table, usual, live);
  for (const b of order) {
    for (let o = table.starts[b]!; o < table.starts[b + 1]!; o++) {
      const set = table.sets[o]!;
      const vreg = set - MACHINE_REGISTERS;
      if (set === NONE || !wanted.has(0, set) || twins.has(vreg)) continue;
      twins.set(vreg, kinds.push(kinds[vreg]!) - 1);
    }
  }
  if (twins.size === 0) return procedure;

  const copies = procedure.blocks.map(
    (block, b): Block => (usual[b] !== 0 ? { ...block } : renamed(block, twins)),
  );
  copies.forEach((copy, b) => {
    const moving = (to: number): Block => {
      const inward = usual[b] !== 0;
      if (inward === (usual[to] !== 0)) return copies[to]!;
      const moves = movesBetween(
        twins,
        inward,
        (vreg) => live.starts.has(to, indexOf(vreg)),
        copy.terminator!,
      );
      return moves.length === 0 ? copies[to]! : border(moves, copies[to]!, copy.terminator!);
    };
    copy.terminator = crossing(copy.terminator!, table, b, moving);
  });
  const entry = copies[0]!;
  return { ...procedure, entry, kinds, blocks: reachable(entry) };
}

/** Indices of the registers that some cold block keeps across a call. Steps back in the rows of `live`. */
function acrossCalls(table: Table, usual: Uint8Array, { ends }: Liveness): BitRows {
  const across = new BitRows(1, table.registers);
  for (let b = 0; b < table.blocks.length; b++) {
    if (usual[b] !== 0) continue;
    for (let o = table.starts[b + 1]! - 1; o >= table.starts[b]!; o--) {
      if (table.forms[o] === CALL) {
        ends.delete(b, table.sets[o]!);
        across.addAll(0, ends, b);
      }
      stepBack(table, o, ends, b);
    }
  }
  return across;
}

/** A block in which each register has its twin's place. */
function renamed(block: Block, twins: ReadonlyMap<Vreg, Vreg>): Block {
  const twinOf = (operand: Operand): Operand =>
    isConstant(operand) ? operand : (twins.get(operand) ?? operand);
  const operations = block.operations.map((operation) => {
    const reading = withOperands(operation, twinOf);
    const twin = 'dst' in operation ? twins.get(operation.dst) : undefined;
    return twin === undefined ? reading : withDefinition(reading, twin);
  });
  return { ...block, operations, terminator: withTerminatorOperands(block.terminator!, twinOf) };
}

/** `terminator` of block b, its successors being what `to` gives for their numbers. */
function crossing(
  terminator: Terminator,
  { successors }: Table,
  b: number,
  to: (successor: number) => Block,
): Terminator {
  switch (terminator.end) {
    case 'jump':
      return { ...terminator, to: to(successors[2 * b]!) };
    case 'branch':
      return { ...terminator, whenTrue: to(successors[2 * b]!), whenFalse: to(successors[2 * b + 1]!) };
    case 'exit':
      return terminator;
  }
}

/** The moves into the twins of what is live over there, or back from them. */
function movesBetween(
  twins: ReadonlyMap<Vreg, Vreg>,
  inward: boolean,
  isLive: (vreg: Vreg) => boolean,
  { site }: Terminator,
): Operation[] {
  const moves: Operation[] = [];
  for (const [vreg, twin] of twins) {
    if (!isLive(vreg)) continue;
    const [dst, from] = inward ? [twin, vreg] : [vreg, twin];
    moves.push({ op: 'move', dst, from, site });
  }
  return moves;
}

/** A block of moves on the way over the border. */
const border = (operations: Operation[], to: Block, { site }: Terminator): Block => ({
  name: 'border',
  order: to.order,
  cold: true,
  condition: false,
  operations,
  terminator: { end: 'jump', to, site },
});
