// Register allocation by graph colouring (Briggs): registers that are live at the same time interfere; moves attract.
// Machine registers are nodes that have their colour already. What finds no colour goes to the stack, and it starts again.

import type { Register } from '../isa.ts';
import { BitRows, lowestBit } from './bits.ts';
import { coalesce } from './coalesce.ts';
import { type Graph, interference } from './interference.ts';
import { isMachine, machineNumber, type Vreg } from './ir.ts';
import type { Lowered } from './lower.ts';
import { spill } from './spill.ts';
import { MACHINE_REGISTERS, NONE } from './table.ts';

/** r0 to r9; r10 is the frame pointer. */
const COLOURS = 10;
const ALL_COLOURS: number = (1 << COLOURS) - 1;
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
    const merged = coalesce(graph, COLOURS);
    const { colours, uncoloured } = colour(graph);
    if (uncoloured.length === 0) {
      for (const [node, members] of merged) for (const member of members) colours[member] = colours[node]!;
      return { ...current, registers: registersOf(colours) };
    }
    const spilled = uncoloured.flatMap((node) => [node, ...(merged.get(node) ?? [])]);
    current = spill(current, new Set(spilled.map((node) => node - MACHINE_REGISTERS)));
  }
}

function registersOf(colours: Int32Array): (number | undefined)[] {
  const registers: (number | undefined)[] = [];
  for (let node = MACHINE_REGISTERS; node < colours.length; node++)
    registers.push(colours[node] === NONE ? undefined : colours[node]);
  return registers;
}

/** Sets of colours are the bits of a number. */
function colour(graph: Graph): { colours: Int32Array; uncoloured: number[] } {
  const { nodes, neighbours } = graph;
  const { words, width } = neighbours;
  const colours = new Int32Array(nodes).fill(NONE);
  /** For each node the colours its neighbours have. */
  const taken = new Int32Array(nodes);
  const give = (node: number, chosen: number): void => {
    colours[node] = chosen;
    for (let w = 0; w < width; w++) {
      for (let rest = words[node * width + w]!; rest !== 0; rest &= rest - 1)
        taken[w * 32 + lowestBit(rest)]! |= 1 << chosen;
    }
  };
  for (let node = 0; node < MACHINE_REGISTERS; node++) give(node, node);
  const uncoloured: number[] = [];
  const order = removalOrder(graph);
  for (let i = order.length - 1; i >= 0; i--) {
    const node = order[i]!;
    const chosen = choose(graph.moves[node]!, ALL_COLOURS & ~taken[node]!, colours, taken);
    if (chosen === NONE) uncoloured.push(node);
    else give(node, chosen);
  }
  return { colours, uncoloured };
}

/** Easily coloured nodes first; where there is none, the one whose spilling would cost least for what it frees. */
function removalOrder(graph: Graph): number[] {
  const { nodes, neighbours, uses } = graph;
  const { words, width } = neighbours;
  const degree = graph.degree.slice();
  const present = new BitRows(1, nodes);
  const easy = new BitRows(1, nodes);
  let left = 0;
  for (let node = MACHINE_REGISTERS; node < nodes; node++) {
    if (uses[node] === 0) continue;
    present.add(0, node);
    if (degree[node]! < COLOURS) easy.add(0, node);
    left++;
  }
  const order: number[] = [];
  for (; left > 0; left--) {
    let removed = first(easy);
    if (removed === NONE) removed = cheapest(graph, present, degree);
    present.delete(0, removed);
    easy.delete(0, removed);
    order.push(removed);
    for (let w = 0; w < width; w++) {
      for (let rest = words[removed * width + w]!; rest !== 0; rest &= rest - 1) {
        const other = w * 32 + lowestBit(rest);
        degree[other]!--;
        if (degree[other] === COLOURS - 1 && present.has(0, other)) easy.add(0, other);
      }
    }
  }
  return order;
}

function first({ words, width }: BitRows): number {
  for (let w = 0; w < width; w++) if (words[w] !== 0) return w * 32 + lowestBit(words[w]!);
  return NONE;
}

function cheapest(graph: Graph, { words, width }: BitRows, degree: Int32Array): number {
  let best = NONE;
  let least = 0;
  for (let w = 0; w < width; w++) {
    for (let rest = words[w]!; rest !== 0; rest &= rest - 1) {
      const node = w * 32 + lowestBit(rest);
      const cost = graph.unspillable(node) ? Number.POSITIVE_INFINITY : graph.uses[node]! / degree[node]!;
      if (best !== NONE && cost >= least) continue;
      best = node;
      least = cost;
    }
  }
  return best;
}

/** One of the `free` colours, or NONE: that of a partner, else one that the partners without a colour can take as well. */
function choose(partners: readonly number[], free: number, colours: Int32Array, taken: Int32Array): number {
  if (free === 0) return NONE;
  let open = free;
  for (const partner of partners) {
    const wished = colours[partner]!;
    if (wished === NONE) open &= ~taken[partner]!;
    else if ((free & (1 << wished)) !== 0) return wished;
  }
  const good = open === 0 ? free : open;
  return PREFERENCE.find((candidate) => (good & (1 << candidate)) !== 0)!;
}

/** Register that `vreg` lives in. @internal */
export function registerOf(allocated: Allocated, vreg: Vreg): Register {
  if (isMachine(vreg)) return machineNumber(vreg) as Register;
  const register = allocated.registers[vreg];
  if (register === undefined) throw new Error(`virtual register ${vreg} has no register`);
  return register as Register;
}
