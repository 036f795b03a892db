// The interference graph: which registers are live at the same time, and which are moved to one another.
// Nodes are register indices (liveness.ts); machine registers are nodes as well.

import {
  isConstant,
  type Operand,
  type Operation,
  operandsOf,
  operandsOfTerminator,
  usualWay,
} from './ir.ts';
import { BitSet, definedBy, indexOf, liveAtEnd, MACHINE_REGISTERS, stepBack } from './liveness.ts';
import type { Lowered } from './lower.ts';

/** How much a use off the usual way counts against one on it. */
const COLD_WEIGHT = 1 / 64;

export interface Graph {
  readonly nodes: number;
  readonly neighbours: readonly BitSet[];
  /** The registers each one is moved from or to. */
  readonly moves: number[][];
  /** How often each is read or written, by estimate: what is off the usual way counts little. */
  readonly uses: Float64Array;
  /** Nodes that others were merged into, with these others. */
  readonly merged: Map<number, number[]>;
  /** Made by spilling: already as short-lived as can be. */
  readonly unspillable: (node: number) => boolean;
}

export function interference(procedure: Lowered): Graph {
  const nodes = MACHINE_REGISTERS + procedure.kinds.length;
  const neighbours = Array.from({ length: nodes }, () => new BitSet(nodes));
  const moves: number[][] = Array.from({ length: nodes }, () => []);
  const uses = new Float64Array(nodes);
  const usual = usualWay(procedure);
  const interfere = (a: number, b: number): void => {
    if (a === b) return;
    neighbours[a]!.add(b);
    neighbours[b]!.add(a);
  };
  for (const [block, atEnd] of liveAtEnd(procedure)) {
    const live = atEnd.clone();
    const weight = usual.has(block) ? 1 : COLD_WEIGHT;
    const use = (operand: Operand): void => {
      if (!isConstant(operand)) uses[indexOf(operand)]! += weight;
    };
    operandsOfTerminator(block.terminator!).forEach(use);
    for (const operation of block.operations.toReversed()) {
      const from = moveSource(operation);
      for (const defined of definedBy(operation)) {
        uses[defined]! += weight;
        live.forEach((other) => {
          if (other !== from) interfere(defined, other);
        });
        if (from === undefined) continue;
        moves[defined]!.push(from);
        moves[from]!.push(defined);
      }
      operandsOf(operation).forEach(use);
      stepBack(operation, live);
    }
  }
  return {
    nodes,
    neighbours,
    moves,
    uses,
    merged: new Map(),
    unspillable: (node) => procedure.kinds[node - MACHINE_REGISTERS] === 'spilled',
  };
}

/** The register a move copies: the two may share one machine register. */
function moveSource(operation: Operation): number | undefined {
  return operation.op === 'move' && !isConstant(operation.from) ? indexOf(operation.from) : undefined;
}

/**
 * Makes one node of two that a move connects, where that cannot make the graph harder to colour (Briggs): the merged
 * node has fewer than `colours` neighbours that are themselves hard to colour. Only virtual registers are merged;
 * the wish for a machine register is left to the choice of colours.
 */
export function coalesce(graph: Graph, colours: number): void {
  const degree = Uint32Array.from(graph.neighbours, (set) => set.size);
  const alias = new Map<number, number>();
  const actual = (node: number): number => {
    let current = node;
    for (let next = alias.get(current); next !== undefined; next = alias.get(current)) current = next;
    return current;
  };
  for (let node = MACHINE_REGISTERS; node < graph.nodes; node++) {
    for (const partner of graph.moves[node]!) {
      const [a, b] = [actual(node), actual(partner)];
      if (a === b || a < MACHINE_REGISTERS || b < MACHINE_REGISTERS || graph.neighbours[a]!.has(b)) continue;
      if (graph.unspillable(a) || graph.unspillable(b) || !staysColourable(graph, degree, a, b, colours))
        continue;
      merge(graph, degree, a, b);
      alias.set(b, a);
    }
  }
  graph.moves.forEach((partners, node) => {
    graph.moves[node] = partners.map(actual).filter((partner) => partner !== node);
  });
}

function staysColourable(graph: Graph, degree: Uint32Array, a: number, b: number, colours: number): boolean {
  const both = graph.neighbours[a]!.clone();
  both.addAll(graph.neighbours[b]!);
  let hard = 0;
  both.forEach((node) => {
    if (node < MACHINE_REGISTERS || degree[node]! >= colours) hard++;
  });
  return hard < colours;
}

function merge(graph: Graph, degree: Uint32Array, into: number, from: number): void {
  graph.neighbours[from]!.forEach((node) => {
    const set = graph.neighbours[node]!;
    set.delete(from);
    if (set.has(into)) degree[node]!--;
    else {
      set.add(into);
      graph.neighbours[into]!.add(node);
      degree[into]!++;
    }
  });
  graph.moves[into]!.push(...graph.moves[from]!);
  graph.uses[into]! += graph.uses[from]!;
  graph.uses[from] = 0;
  const members = [from, ...(graph.merged.get(from) ?? [])];
  graph.merged.delete(from);
  graph.merged.set(into, [...(graph.merged.get(into) ?? []), ...members]);
}
