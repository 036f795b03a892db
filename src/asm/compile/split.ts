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
import { type Liveness, liveness } from './liveness.ts';
import { copyOf, retarget } from './rebuild.ts';
import { CALL, indexOf, MACHINE_REGISTERS, NONE, type Table, tabulate, usualWay } from './table.ts';

/** The registers that have a twin behind the border, and the twins by these registers. */
interface Twins {
  readonly torn: readonly Vreg[];
  readonly twins: readonly (Vreg | undefined)[];
}

export function split(procedure: Procedure): Procedure {
  const table = tabulate(procedure);
  const { order, usual } = usualWay(table);
  const live = liveness(table);
  const kinds: VregKind[] = [...procedure.kinds];
  const torn: Vreg[] = [];
  const twins: (Vreg | undefined)[] = new Array(kinds.length).fill(undefined);
  const wanted = acrossCalls(table, usual, live);
  for (let i = 0; i < order.length; i++) {
    const b = order[i]!;
    for (let o = table.starts[b]!; o < table.starts[b + 1]!; o++) {
      const set = table.sets[o]!;
      const number = set === NONE ? NONE : live.numbers[set]!;
      const vreg = set - MACHINE_REGISTERS;
      if (number === NONE || !wanted.has(0, number) || twins[vreg] !== undefined) continue;
      twins[vreg] = kinds.push(kinds[vreg]!) - 1;
      torn.push(vreg);
    }
  }
  if (torn.length === 0) return procedure;

  const copies = procedure.blocks.map((block, b) =>
    usual[b] !== 0 ? copyOf(block, block.operations, block.terminator!) : renamed(block, { torn, twins }),
  );
  for (let b = 0; b < copies.length; b++) {
    const copy = copies[b]!;
    const terminator = copy.terminator!;
    const inward = usual[copy.number] !== 0;
    const over = ({ number }: Block): Block => {
      const to = copies[number]!;
      if (inward === (usual[number] !== 0)) return to;
      const moves = movesBetween({ torn, twins }, inward, live, number, terminator);
      return moves.length === 0 ? to : border(moves, to, terminator);
    };
    copy.terminator = retarget(terminator, over);
  }
  const entry = copies[0]!;
  return { ...procedure, entry, kinds, blocks: reachable(entry) };
}

/** The registers, by their numbers, that some cold block keeps across a call. Uses up `ends`. */
function acrossCalls(table: Table, usual: Uint8Array, { ends, numbers, registers }: Liveness): BitRows {
  const { starts, sets, reads, readStarts, forms } = table;
  const across = new BitRows(1, registers.length);
  for (let b = 0; b < table.blocks.length; b++) {
    if (usual[b] !== 0) continue;
    for (let o = starts[b + 1]! - 1; o >= starts[b]!; o--) {
      const set = sets[o]! === NONE ? NONE : numbers[sets[o]!]!;
      if (set !== NONE) ends.delete(b, set);
      if (forms[o] === CALL) across.addAll(0, ends, b);
      for (let r = readStarts[o]!; r < readStarts[o + 1]!; r++) {
        const read = numbers[reads[r]!]!;
        if (read !== NONE) ends.add(b, read);
      }
    }
  }
  return across;
}

/** A block in which each register has its twin's place. */
function renamed(block: Block, { twins }: Twins): Block {
  const twinOf = (operand: Operand): Operand => (isConstant(operand) ? operand : (twins[operand] ?? operand));
  const operations = block.operations.map((operation) => {
    const reading = withOperands(operation, twinOf);
    const twin = 'dst' in operation ? twins[operation.dst] : undefined;
    return twin === undefined ? reading : withDefinition(reading, twin);
  });
  return copyOf(block, operations, withTerminatorOperands(block.terminator!, twinOf));
}

/** The moves into the twins of what is live over there, or back from them. */
function movesBetween(
  { torn, twins }: Twins,
  inward: boolean,
  { starts, numbers }: Liveness,
  to: number,
  { site }: Terminator,
): Operation[] {
  const moves: Operation[] = [];
  for (let i = 0; i < torn.length; i++) {
    const vreg = torn[i]!;
    if (!starts.has(to, numbers[indexOf(vreg)]!)) continue;
    const twin = twins[vreg]!;
    moves.push({ op: 'move', dst: inward ? twin : vreg, from: inward ? vreg : twin, site });
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
  number: NONE,
});
