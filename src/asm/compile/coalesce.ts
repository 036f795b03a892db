// Merges nodes of the interference graph that a move connects, so that the move becomes one of a register to itself.

import { BitRows, bitCount, lowestBit } from './bits.ts';
import type { Graph } from './interference.ts';
import { MACHINE_REGISTERS, NONE } from './table.ts';

/** For each node that others were merged into, these others. */
export type Merged = ReadonlyMap<number, readonly number[]>;

/**
 * Makes one node of two that a move connects, where that cannot make the graph harder to colour (Briggs): the merged
 * node has fewer than `colours` neighbours that are themselves hard to colour. Only virtual registers are merged;
 * the wish for a machine register is left to the choice of colours. Changes `graph`.
 */
export function coalesce(graph: Graph, colours: number): Merged {
  const { nodes, neighbours, degree, moves } = graph;
  const merged = new Map<number, number[]>();
  const alias = new Int32Array(nodes).fill(NONE);
  const actual = (node: number): number => {
    let current = node;
    for (let next = alias[current]!; next !== NONE; next = alias[current]!) current = next;
    return current;
  };
  const hard = new BitRows(1, nodes);
  for (let node = 0; node < nodes; node++)
    if (node < MACHINE_REGISTERS || degree[node]! >= colours) hard.add(0, node);
  for (let node = MACHINE_REGISTERS; node < nodes; node++) {
    const partners = moves[node]!;
    // A merged node gets the partners of the other on top of its own: the list may grow while it is gone through.
    for (let i = 0; i < partners.length; i++) {
      const a = actual(node);
      const b = actual(partners[i]!);
      if (a === b || a < MACHINE_REGISTERS || b < MACHINE_REGISTERS || neighbours.has(a, b)) continue;
      if (graph.unspillable(a) || graph.unspillable(b) || !staysColourable(neighbours, hard, a, b, colours))
        continue;
      merge(graph, hard, a, b, colours);
      alias[b] = a;
      merged.set(a, [...(merged.get(a) ?? []), b, ...(merged.get(b) ?? [])]);
      merged.delete(b);
    }
  }
  if (merged.size > 0) {
    for (let node = 0; node < nodes; node++)
      moves[node] = moves[node]!.map(actual).filter((partner) => partner !== node);
  }
  return merged;
}

/** `hard` are the machine registers and the nodes of at least `colours` neighbours. */
function staysColourable(neighbours: BitRows, hard: BitRows, a: number, b: number, colours: number): boolean {
  const { words, width } = neighbours;
  let count = 0;
  for (let w = 0; w < width; w++) {
    const both = (words[a * width + w]! | words[b * width + w]!) & hard.words[w]!;
    if (both !== 0) count += bitCount(both);
  }
  return count < colours;
}

function merge(graph: Graph, hard: BitRows, into: number, from: number, colours: number): void {
  const { neighbours, degree, moves, uses } = graph;
  const { words, width } = neighbours;
  for (let w = 0; w < width; w++) {
    for (let rest = words[from * width + w]!; rest !== 0; rest &= rest - 1) {
      const node = w * 32 + lowestBit(rest);
      neighbours.delete(node, from);
      if (neighbours.has(node, into)) {
        degree[node]!--;
        if (node >= MACHINE_REGISTERS && degree[node]! < colours) hard.delete(0, node);
      } else {
        neighbours.add(node, into);
        neighbours.add(into, node);
        degree[into]!++;
      }
    }
  }
  if (degree[into]! >= colours) hard.add(0, into);
  for (const partner of moves[from]!) moves[into]!.push(partner);
  uses[into]! += uses[from]!;
  uses[from] = 0;
}
