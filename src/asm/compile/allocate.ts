// Register allocation by graph colouring (Briggs): registers that are live at the same time interfere; moves attract.
// Machine registers are nodes that have their colour already. What finds no colour goes to the stack, and it starts again.

import type { Register } from '../isa.ts';
import { coalesce } from './coalesce.ts';
import { COLOURS, colour } from './colour.ts';
import type { Graph } from './graph.ts';
import { interference } from './interference.ts';
import { isMachine, machineNumber, type Vreg } from './ir.ts';
import type { Lowered } from './lower.ts';
import { fitReloads } from './reloads.ts';
import { spill } from './spill.ts';
import { MACHINE_REGISTERS, NONE, type Table } from './table.ts';

/** A program whose virtual registers have machine registers. */
export interface Allocated extends Lowered {
  /** Indexed by virtual register; undefined for one that is never live. */
  readonly registers: readonly (number | undefined)[];
}

export function allocate(procedure: Lowered): Allocated {
  let current = procedure;
  for (;;) {
    const { graph, table, live } = interference(current);
    const { kinds } = current;
    // Made by spilling: already as short-lived as can be.
    const isSpilled = (node: number): boolean => kinds[node] === 'spilled';
    coalesce(graph, COLOURS, (node) => !isSpilled(node));
    const { colours, uncoloured } = colour(graph, (node) =>
      isSpilled(node) ? Number.POSITIVE_INFINITY : graph.uses[node]!,
    );
    if (uncoloured.length === 0) return { ...current, registers: registersOf(colours) };
    const without = new Set(uncoloured);
    for (let node = 0; node < graph.nodes; node++) if (without.has(graph.actual(node))) without.add(node);
    const touched = blocksWith(without, table);
    current = spill(current, slotsOf(graph, uncoloured, without), touched);
    const fitted = fitReloads(current, touched, colours, without, live);
    if (fitted) return { ...current, registers: registersOf(fitted) };
  }
}

/** A slot for each register that goes to the stack: the first that none has which is live at the same time. */
function slotsOf(
  graph: Graph,
  uncoloured: readonly number[],
  spilled: ReadonlySet<number>,
): Map<Vreg, number> {
  const slots = new Map<Vreg, number>();
  for (const node of uncoloured) {
    const taken = new Set<number | undefined>();
    for (let e = graph.edge(node); e !== NONE; e = graph.nextEdge(e)) {
      taken.add(slots.get(graph.actual(graph.end(e))));
    }
    let slot = 0;
    while (taken.has(slot)) slot++;
    slots.set(node, slot);
  }
  // What became part of another is where that is.
  for (const node of spilled) slots.set(node, slots.get(graph.actual(node))!);
  return slots;
}

/** For each block whether it reads or sets any of `vregs`. */
function blocksWith(
  vregs: ReadonlySet<Vreg>,
  { blocks, registers, starts, sets, reads, readStarts }: Table,
): Uint8Array {
  const wanted = new Uint8Array(registers);
  for (const vreg of vregs) wanted[vreg + MACHINE_REGISTERS] = 1;
  const touched = new Uint8Array(blocks.length);
  for (let b = 0; b < blocks.length; b++) {
    for (let o = starts[b]!; o < starts[b + 1]!; o++)
      if (sets[o] !== NONE && wanted[sets[o]!] === 1) touched[b] = 1;
    for (let r = readStarts[starts[b]!]!; r < readStarts[starts[b + 1]!]!; r++)
      if (wanted[reads[r]!] === 1) touched[b] = 1;
  }
  return touched;
}

function registersOf(colours: ArrayLike<number>): (number | undefined)[] {
  const registers: (number | undefined)[] = [];
  for (let node = 0; node < colours.length; node++)
    registers.push(colours[node] === NONE ? undefined : colours[node]);
  return registers;
}

/** Register that `vreg` lives in. @internal */
export function registerOf(allocated: Allocated, vreg: Vreg): Register {
  if (isMachine(vreg)) return machineNumber(vreg) as Register;
  const register = allocated.registers[vreg];
  if (register === undefined) throw new Error(`virtual register ${vreg} has no register`);
  return register as Register;
}
