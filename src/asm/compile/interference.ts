// The interference graph: which registers are live at the same time, and which are moved to one another.
// Nodes are register indices (table.ts); machine registers are nodes as well.

import { BitRows, lowestBit } from './bits.ts';
import { liveness, stepBack } from './liveness.ts';
import type { Lowered } from './lower.ts';
import { CALL, CLOBBERED, MACHINE_REGISTERS, NONE, tabulate, usualWay } from './table.ts';

/** How much a use off the usual way counts against one on it. */
const COLD_WEIGHT = 1 / 64;

export interface Graph {
  readonly nodes: number;
  /** A row for each node. */
  readonly neighbours: BitRows;
  /** How many neighbours each has. */
  readonly degree: Int32Array;
  /** The registers each one is moved from or to. */
  readonly moves: number[][];
  /** How often each is read or written, by estimate: what is off the usual way counts little. */
  readonly uses: Float64Array;
  /** Made by spilling: already as short-lived as can be. */
  readonly unspillable: (node: number) => boolean;
}

export function interference(procedure: Lowered): Graph {
  const table = tabulate(procedure);
  const { blocks, registers: nodes, starts, sets, reads, readStarts, forms } = table;
  const neighbours = new BitRows(nodes, nodes);
  const moves: number[][] = Array.from({ length: nodes }, () => []);
  const uses = new Float64Array(nodes);
  const { usual } = usualWay(table);
  const { ends: live } = liveness(table);
  const across = new BitRows(1, nodes);
  for (let b = blocks.length - 1; b >= 0; b--) {
    const weight = usual[b] !== 0 ? 1 : COLD_WEIGHT;
    for (let o = starts[b + 1]! - 1; o >= starts[b]!; o--) {
      const set = sets[o]!;
      const from = forms[o]!;
      if (from === CALL) across.addAll(0, live, b);
      else if (set !== NONE) {
        uses[set]! += weight;
        if (from === NONE) neighbours.addAll(set, live, b);
        else {
          // Of two registers that hold the same, one may go over into the other.
          const wasLive = live.has(b, from);
          if (wasLive) live.delete(b, from);
          neighbours.addAll(set, live, b);
          if (wasLive) live.add(b, from);
          moves[set]!.push(from);
          moves[from]!.push(set);
        }
      }
      for (let r = readStarts[o]!; r < readStarts[o + 1]!; r++) uses[reads[r]!]! += weight;
      stepBack(table, o, live, b);
    }
  }
  for (let rest = CLOBBERED; rest !== 0; rest &= rest - 1) neighbours.addAll(lowestBit(rest), across, 0);
  const degree = mirror(neighbours, nodes);
  const { kinds } = procedure;
  return {
    nodes,
    neighbours,
    degree,
    moves,
    uses,
    unspillable: (node) => kinds[node - MACHINE_REGISTERS] === 'spilled',
  };
}

/** Makes everybody a neighbour of its neighbours, nobody its own; and counts them. */
function mirror(neighbours: BitRows, nodes: number): Int32Array {
  const { width } = neighbours;
  const words = neighbours.words;
  for (let node = 0; node < nodes; node++) {
    neighbours.delete(node, node);
    for (let w = 0; w < width; w++) {
      for (let rest = words[node * width + w]!; rest !== 0; rest &= rest - 1)
        neighbours.add(w * 32 + lowestBit(rest), node);
    }
  }
  const degree = new Int32Array(nodes);
  for (let node = 0; node < nodes; node++) degree[node] = neighbours.count(node);
  return degree;
}
