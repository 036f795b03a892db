// Register allocation by graph colouring (Briggs): registers that are live at the same time interfere; moves attract.
// Machine registers are nodes that have their colour already. What finds no colour goes to the stack, and it starts again.

import { coalesce, type Graph, interference } from './interference.ts';
import { isMachine, machineNumber, type Vreg } from './ir.ts';
import { MACHINE_REGISTERS } from './liveness.ts';
import type { Lowered } from './lower.ts';
import { spill } from './spill.ts';

/** r0 to r9; r10 is the frame pointer. */
const COLOURS = 10;
/** Clobbered registers first: what need not survive a call leaves r6-r9 to what must. */
const PREFERENCE: readonly number[] = [1, 2, 3, 4, 5, 0, 6, 7, 8, 9];

/** A program whose virtual registers have machine registers. */
export interface Allocated extends Lowered {
  /** Indexed by virtual register; undefined for one that is never live. */
  readonly registers: readonly (number | undefined)[];
}

export function allocate(procedure: Lowered): Allocated {
  let current = procedure;
  for (;;) {
    const graph = interference(current);
    coalesce(graph, COLOURS);
    const { colours, uncoloured } = colour(graph);
    const members = (node: number): readonly number[] => graph.merged.get(node) ?? [];
    if (uncoloured.length === 0) {
      for (const node of graph.merged.keys())
        for (const member of members(node)) colours[member] = colours[node];
      return { ...current, registers: colours.slice(MACHINE_REGISTERS) };
    }
    const spilled = uncoloured.flatMap((node) => [node, ...members(node)]);
    current = spill(current, new Set(spilled.map((node) => node - MACHINE_REGISTERS)));
  }
}

function colour(graph: Graph): { colours: (number | undefined)[]; uncoloured: number[] } {
  const colours: (number | undefined)[] = Array.from({ length: graph.nodes }, (_, node) =>
    node < MACHINE_REGISTERS ? node : undefined,
  );
  const uncoloured: number[] = [];
  for (const node of removalOrder(graph).reverse()) {
    const chosen = choose(graph, node, colours);
    if (chosen === undefined) uncoloured.push(node);
    colours[node] = chosen;
  }
  return { colours, uncoloured };
}

/** Easily coloured nodes first; where there is none, the one whose spilling would cost least for what it frees. */
function removalOrder(graph: Graph): number[] {
  const degree = graph.neighbours.map((set) => set.size);
  const present = new Set<number>();
  for (let node = MACHINE_REGISTERS; node < graph.nodes; node++) {
    if (graph.uses[node]! > 0) present.add(node);
  }
  const order: number[] = [];
  while (present.size > 0) {
    let next: number | undefined;
    let cheapest: number | undefined;
    for (const node of present) {
      if (degree[node]! < COLOURS) {
        next = node;
        break;
      }
      if (cheapest === undefined || spillCost(graph, node, degree) < spillCost(graph, cheapest, degree))
        cheapest = node;
    }
    const removed = next ?? cheapest!;
    present.delete(removed);
    order.push(removed);
    graph.neighbours[removed]!.forEach((other) => {
      degree[other]!--;
    });
  }
  return order;
}

const spillCost = (graph: Graph, node: number, degree: readonly number[]): number =>
  graph.unspillable(node) ? Number.POSITIVE_INFINITY : graph.uses[node]! / degree[node]!;

function choose(graph: Graph, node: number, colours: readonly (number | undefined)[]): number | undefined {
  const taken = new Set<number>();
  graph.neighbours[node]!.forEach((other) => {
    const colour = colours[other];
    if (colour !== undefined) taken.add(colour);
  });
  const free = PREFERENCE.filter((candidate) => !taken.has(candidate));
  const partners = graph.moves[node]!;
  for (const partner of partners) {
    const wished = colours[partner];
    if (wished !== undefined && free.includes(wished)) return wished;
  }
  // Partners that have no colour yet: leave them the chance to take the same one.
  const open = partners.filter((partner) => colours[partner] === undefined);
  return (
    free.find((candidate) => open.every((partner) => canTake(graph, partner, candidate, colours))) ?? free[0]
  );
}

function canTake(
  graph: Graph,
  node: number,
  candidate: number,
  colours: readonly (number | undefined)[],
): boolean {
  let can = true;
  graph.neighbours[node]!.forEach((other) => {
    if (colours[other] === candidate) can = false;
  });
  return can;
}

/** Register that `vreg` lives in. @internal */
export function registerOf(allocated: Allocated, vreg: Vreg): number {
  if (isMachine(vreg)) return machineNumber(vreg);
  const register = allocated.registers[vreg];
  if (register === undefined) throw new Error(`virtual register ${vreg} has no register`);
  return register;
}
