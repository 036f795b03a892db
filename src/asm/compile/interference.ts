// Which registers are live at the same time, and which are moved to one another.

import { FRAME_POINTER } from '../isa.ts';
import { Graph } from './graph.ts';
import type { Vreg } from './ir.ts';
import { LiveSet } from './live-set.ts';
import { forEachAtEnd, type Liveness, liveness } from './liveness.ts';
import type { Lowered } from './lower.ts';
import { CALL, CLOBBERED, MACHINE_REGISTERS, NONE, type Table, tabulate, usualWay } from './table.ts';

/** How much a use off the usual way counts against one on it. */
const COLD_WEIGHT = 1 / 64;

export interface Interference {
  readonly graph: Graph;
  readonly table: Table;
  readonly live: Liveness;
}

export function interference(procedure: Lowered): Interference {
  const table = tabulate(procedure);
  const { blocks, starts, sets, reads, readStarts, forms } = table;
  const { usual } = usualWay(table);
  const between = liveness(table);
  const graph = new Graph(procedure.kinds.length);
  const { uses, moves, wishes } = graph;
  const live = new LiveSet(graph.nodes);
  const add = (vreg: Vreg): void => live.add(vreg);
  for (let b = blocks.length - 1; b >= 0; b--) {
    const weight = usual[b] !== 0 ? 1 : COLD_WEIGHT;
    live.clear();
    forEachAtEnd(between, b, add);
    /** The machine registers that are live. */
    let machine = 0;
    for (let o = starts[b + 1]! - 1; o >= starts[b]!; o--) {
      const set = sets[o]!;
      const form = forms[o]!;
      if (form === CALL) {
        excludeAll(graph, live, CLOBBERED, NONE);
        machine &= ~CLOBBERED;
      } else if (set >= MACHINE_REGISTERS) {
        const node = set - MACHINE_REGISTERS;
        uses[node]! += weight;
        live.delete(node);
        // Of two registers that hold the same, one may go over into the other.
        if (form >= MACHINE_REGISTERS) {
          joinAll(graph, live, node, form - MACHINE_REGISTERS);
          graph.exclude(node, machine);
          moves.push(node, form - MACHINE_REGISTERS);
        } else {
          joinAll(graph, live, node, NONE);
          graph.exclude(node, form === NONE ? machine : machine & ~(1 << form));
          if (form !== NONE) wishes[node]! |= 1 << form;
        }
      } else if (set !== NONE) {
        const from = form - MACHINE_REGISTERS;
        excludeAll(graph, live, 1 << set, from);
        machine &= ~(1 << set);
        if (form >= MACHINE_REGISTERS) wishes[from]! |= 1 << set;
      }
      for (let r = readStarts[o]!, end = readStarts[o + 1]!; r < end; r++) {
        const read = reads[r]!;
        if (read >= MACHINE_REGISTERS) {
          uses[read - MACHINE_REGISTERS]! += weight;
          live.add(read - MACHINE_REGISTERS);
        } else if (read !== FRAME_POINTER) machine |= 1 << read;
      }
    }
  }
  return { graph, table, live: between };
}

/** `node` is set while all of `live` but one are needed. */
function joinAll(graph: Graph, live: LiveSet, node: number, but: number): void {
  const { members, size } = live;
  for (let m = 0; m < size; m++) {
    const other = members[m]!;
    if (other !== but && !graph.areNeighbours(node, other)) graph.join(node, other);
  }
}

/** Machine registers are set while all of `live` but one are needed. */
function excludeAll(graph: Graph, live: LiveSet, machine: number, but: number): void {
  const { members, size } = live;
  for (let m = 0; m < size; m++) if (members[m] !== but) graph.exclude(members[m]!, machine);
}
