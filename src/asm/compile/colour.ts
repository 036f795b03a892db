// Colours an interference graph (Chaitin, Briggs): nodes are taken out of it one by one, those first that are easy to
// colour whatever the rest gets, and coloured in the opposite order.

import type { Graph } from './graph.ts';
import { NONE } from './table.ts';

/** r0 to r9; r10 is the frame pointer. */
export const COLOURS = 10;
export const ALL_COLOURS: number = (1 << COLOURS) - 1;
/** Clobbered registers first: what need not survive a call leaves r6-r9 to what must. */
export const PREFERENCE: readonly number[] = [1, 2, 3, 4, 5, 0, 6, 7, 8, 9];

export interface Colouring {
  /** The machine register of each node; NONE for one that has none, or is never live. */
  readonly colours: Int32Array;
  /** The nodes there was no colour for. */
  readonly uncoloured: readonly number[];
}

/** @param cost of leaving a node without a colour */
export function colour(graph: Graph, cost: (node: number) => number): Colouring {
  const { nodes, parts, machine } = graph;
  const colours = new Int32Array(nodes).fill(NONE);
  /** For each node the colours its neighbours have, as bits. */
  const taken = machine.slice();
  const partners = partnersOf(graph);
  const uncoloured: number[] = [];
  const order = removalOrder(graph, cost);
  for (let i = order.length - 1; i >= 0; i--) {
    const node = order[i]!;
    const chosen = choose(graph.wishes[node]!, partners.get(node), colours, taken, node);
    if (chosen === NONE) {
      uncoloured.push(node);
      continue;
    }
    colours[node] = chosen;
    for (let e = graph.edge(node); e !== NONE; e = graph.nextEdge(e)) taken[graph.end(e)]! |= 1 << chosen;
  }
  for (let node = 0; node < nodes; node++)
    if (parts[node] !== NONE) colours[node] = colours[graph.actual(node)]!;
  return { colours, uncoloured };
}

/** The nodes that each is moved from or to, where they were not merged. */
function partnersOf(graph: Graph): ReadonlyMap<number, readonly number[]> {
  const { moves } = graph;
  const partners = new Map<number, number[]>();
  const add = (node: number, partner: number): void => {
    const known = partners.get(node);
    if (known) known.push(partner);
    else partners.set(node, [partner]);
  };
  for (let i = 0; i < moves.length; i += 2) {
    const a = graph.actual(moves[i]!);
    const b = graph.actual(moves[i + 1]!);
    if (a === b) continue;
    add(a, b);
    add(b, a);
  }
  return partners;
}

/** Easily coloured nodes first; where there is none, the one whose spilling would cost least for what it frees. */
function removalOrder(graph: Graph, cost: (node: number) => number): number[] {
  const { nodes, uses, parts } = graph;
  const degree = graph.degree.slice();
  const present = new Uint8Array(nodes);
  const easy: number[] = [];
  const hard: number[] = [];
  for (let node = nodes - 1; node >= 0; node--) {
    if (uses[node] === 0 || parts[node] !== NONE) continue;
    present[node] = 1;
    (degree[node]! < COLOURS ? easy : hard).push(node);
  }
  const order: number[] = [];
  for (;;) {
    const removed = easy.pop() ?? cheapest(hard, present, degree, cost);
    if (removed === undefined) return order;
    present[removed] = 0;
    order.push(removed);
    for (let e = graph.edge(removed); e !== NONE; e = graph.nextEdge(e)) {
      const other = graph.end(e);
      if (--degree[other]! === COLOURS - 1 && present[other] !== 0) easy.push(other);
    }
  }
}

/** Of those `hard` nodes that are still present the cheapest; forgets the others. */
function cheapest(
  hard: number[],
  present: Uint8Array,
  degree: Int32Array,
  cost: (node: number) => number,
): number | undefined {
  let best: number | undefined;
  let least = 0;
  let kept = 0;
  for (let i = 0; i < hard.length; i++) {
    const node = hard[i]!;
    if (present[node] === 0) continue;
    hard[kept++] = node;
    const each = cost(node) / degree[node]!;
    if (best !== undefined && each > least) continue;
    best = node;
    least = each;
  }
  hard.length = kept;
  return best;
}

/** A free colour, or NONE: the one wished for, else one that the partners without a colour can take as well. */
function choose(
  wishes: number,
  partners: readonly number[] | undefined,
  colours: Int32Array,
  taken: Int32Array,
  node: number,
): number {
  const free = ALL_COLOURS & ~taken[node]!;
  if (free === 0) return NONE;
  let open = free;
  let wished = wishes & free;
  if (partners) {
    for (let i = 0; i < partners.length; i++) {
      const partner = partners[i]!;
      if (colours[partner] === NONE) open &= ~taken[partner]!;
      else wished |= free & (1 << colours[partner]!);
    }
  }
  const good = wished !== 0 ? wished : open !== 0 ? open : free;
  for (let i = 0; i < COLOURS; i++) if ((good & (1 << PREFERENCE[i]!)) !== 0) return PREFERENCE[i]!;
  return NONE;
}
