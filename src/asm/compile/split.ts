// Splits live ranges at the border of what seldom happens. A value of the usual way that must survive a call only in a
// cold block would otherwise sit in a callee-saved register, or on the stack, all the time. Behind the border it gets a
// register of its own: what there is to pay is paid there.

import {
  type Block,
  definitionOf,
  isConstant,
  type Operand,
  type Operation,
  type Procedure,
  reachable,
  type Terminator,
  usualWay,
  type Vreg,
  type VregKind,
  withDefinition,
  withOperands,
  withTerminatorOperands,
} from './ir.ts';
import { BitSet, indexOf, liveAtEnd, liveAtStart, MACHINE_REGISTERS, stepBack } from './liveness.ts';
import { rebuild, retarget } from './rebuild.ts';

export function split(procedure: Procedure): Procedure {
  const copy = rebuild(procedure, ({ operations, terminator }) => ({ operations, terminator: terminator! }));
  const usual = usualWay(copy);
  const live = liveAtEnd(copy);
  const kinds: VregKind[] = [...copy.kinds];
  const twins = new Map<Vreg, Vreg>();
  const wanted = acrossCalls(copy, usual, live);
  for (const vreg of usedIn(usual)) {
    if (wanted.has(indexOf(vreg))) twins.set(vreg, kinds.push(kinds[vreg]!) - 1);
  }
  if (twins.size === 0) return procedure;

  const starts = new Map<Block, BitSet>(
    copy.blocks.map((block) => [block, liveAtStart(block, live.get(block)!)]),
  );
  const renamed = (operand: Operand): Operand =>
    isConstant(operand) ? operand : (twins.get(operand) ?? operand);
  for (const block of copy.blocks) {
    if (!usual.has(block)) rename(block, renamed, twins);
    block.terminator = crossing(block, usual, twins, starts);
  }
  return { ...copy, kinds, blocks: reachable(copy.entry) };
}

/** Indices of the registers that some cold block keeps across a call. */
function acrossCalls(
  procedure: Procedure,
  usual: ReadonlySet<Block>,
  live: ReadonlyMap<Block, BitSet>,
): BitSet {
  const across = new BitSet(MACHINE_REGISTERS + procedure.kinds.length);
  for (const block of procedure.blocks) {
    if (usual.has(block)) continue;
    const now = live.get(block)!.clone();
    for (const operation of block.operations.toReversed()) {
      if (operation.op === 'call') {
        now.delete(indexOf(operation.dst));
        across.addAll(now);
      }
      stepBack(operation, now);
    }
  }
  return across;
}

function usedIn(blocks: Iterable<Block>): Set<Vreg> {
  const used = new Set<Vreg>();
  for (const block of blocks) {
    for (const operation of block.operations) {
      const defined = definitionOf(operation);
      if (defined !== undefined) used.add(defined);
    }
  }
  return used;
}

function rename(block: Block, renamed: (operand: Operand) => Operand, twins: ReadonlyMap<Vreg, Vreg>): void {
  const operations = block.operations.map((operation) => {
    const reading = withOperands(operation, renamed);
    const twin = twins.get(definitionOf(operation) ?? -1);
    return twin === undefined ? reading : withDefinition(reading, twin);
  });
  block.operations.splice(0, operations.length, ...operations);
  block.terminator = withTerminatorOperands(block.terminator!, renamed);
}

/** The terminator of `block` with a block of moves on every edge over the border. */
function crossing(
  block: Block,
  usual: ReadonlySet<Block>,
  twins: ReadonlyMap<Vreg, Vreg>,
  starts: ReadonlyMap<Block, BitSet>,
): Terminator {
  const terminator = block.terminator!;
  const over = (to: Block): Block => {
    const inward = usual.has(block);
    if (inward === usual.has(to)) return to;
    const moves: Operation[] = [];
    for (const [vreg, twin] of twins) {
      if (!starts.get(to)!.has(indexOf(vreg))) continue;
      const [dst, from] = inward ? [twin, vreg] : [vreg, twin];
      moves.push({ op: 'move', dst, from, site: terminator.site });
    }
    if (moves.length === 0) return to;
    const jump: Terminator = { end: 'jump', to, site: terminator.site };
    return {
      name: 'border',
      order: to.order,
      cold: true,
      condition: false,
      operations: moves,
      terminator: jump,
    };
  };
  return retarget(terminator, over);
}
