// Merges nodes of the interference graph that a move connects, so that the move becomes one of a register to itself.

import { bitCount } from './bits.ts';
import type { Graph } from './graph.ts';
import { NONE } from './table.ts';

/**
 * Makes one node of two that a move connects, where that cannot make the graph harder to colour (Briggs): the merged
 * node has fewer than `colours` neighbours that are themselves hard to colour. Only virtual registers are merged;
 * the wish for a machine register is left to the choice of colours. Changes `graph`.
 */
export function coalesce(graph: Graph, colours: number, mayMerge: (node: number) => boolean): void {
  const { moves } = graph;
  for (let i = 0; i < moves.length; i += 2) {
    const a = graph.actual(moves[i]!);
    const b = graph.actual(moves[i + 1]!);
    if (a === b || graph.areNeighbours(a, b) || !mayMerge(a) || !mayMerge(b)) continue;
    if (staysColourable(graph, a, b, colours)) graph.merge(Math.min(a, b), Math.max(a, b));
  }
}

function staysColourable(graph: Graph, a: number, b: number, colours: number): boolean {
  const { degree, parts, machine } = graph;
  // Machine registers have their colours already.
  let hard = bitCount(machine[a]! | machine[b]!);
  for (let e = graph.edge(a); e !== NONE; e = graph.nextEdge(e)) {
    const other = graph.end(e);
    if (degree[other]! >= colours && parts[other] === NONE) hard++;
  }
  if (hard >= colours) return false;
  for (let e = graph.edge(b); e !== NONE; e = graph.nextEdge(e)) {
    const other = graph.end(e);
    if (degree[other]! >= colours && parts[other] === NONE && !graph.areNeighbours(a, other)) hard++;
  }
  return hard < colours;
}
