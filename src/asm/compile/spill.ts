// Moves virtual registers to the stack: every reading loads a fresh register, every writing stores one.

import { FRAME_POINTER } from '../isa.ts';
import type { Site } from '../source.ts';
import {
  definitionOf,
  forEachOperand,
  forEachTerminatorOperand,
  isConstant,
  machine,
  type Operand,
  type Operation,
  type Vreg,
  type VregKind,
  withDefinition,
  withOperands,
  withTerminatorOperands,
} from './ir.ts';
import type { Lowered } from './lower.ts';
import { rebuild } from './rebuild.ts';
import { requireStack } from './slots.ts';

const SLOT_SIZE = 8;

/**
 * @param spilled the registers, each with the number of its slot; those that are live at the same time have different ones
 * @param touched for each block whether it has to do with any of `spilled`
 */
export function spill(procedure: Lowered, spilled: ReadonlyMap<Vreg, number>, touched: Uint8Array): Lowered {
  const kinds: VregKind[] = [...procedure.kinds];
  const offsets = new Map<Vreg, number>();
  const taken = Math.ceil(procedure.frame / SLOT_SIZE) * SLOT_SIZE;
  let frame = taken;
  for (const [vreg, slot] of spilled) {
    const depth = taken + (slot + 1) * SLOT_SIZE;
    frame = Math.max(frame, depth);
    offsets.set(vreg, -depth);
  }
  requireStack(frame, procedure.entry.operations[0]?.site);

  const fresh = (): Vreg => kinds.push('spilled') - 1;
  const address = (vreg: Vreg) =>
    ({ base: machine(FRAME_POINTER), offset: offsets.get(vreg)!, size: SLOT_SIZE }) as const;
  const rewritten = rebuild(procedure, (block) => {
    if (touched[block.number] === 0) return { operations: block.operations, terminator: block.terminator! };
    const operations: Operation[] = [];
    let site: Site;
    let loaded: Map<Vreg, Vreg> | undefined;
    const reload = (operand: Operand): void => {
      if (isConstant(operand) || !spilled.has(operand) || loaded?.has(operand)) return;
      const dst = fresh();
      loaded ??= new Map();
      loaded.set(operand, dst);
      operations.push({ op: 'load', dst, ...address(operand), site });
    };
    const reloaded = (operand: Operand): Operand =>
      isConstant(operand) ? operand : (loaded?.get(operand) ?? operand);
    for (let o = 0; o < block.operations.length; o++) {
      const operation = block.operations[o]!;
      loaded = undefined;
      site = operation.site;
      forEachOperand(operation, reload);
      const defined = definitionOf(operation);
      const reading = loaded ? withOperands(operation, reloaded) : operation;
      if (defined === undefined || !spilled.has(defined)) {
        operations.push(reading);
        continue;
      }
      // A two-address operation goes on with the register it has just loaded.
      const dst = reloaded(defined) === defined ? fresh() : (reloaded(defined) as Vreg);
      operations.push(withDefinition(reading, dst));
      operations.push({ op: 'store', ...address(defined), value: dst, site });
    }
    const terminator = block.terminator!;
    loaded = undefined;
    site = terminator.site;
    forEachTerminatorOperand(terminator, reload);
    return { operations, terminator: withTerminatorOperands(terminator, reloaded) };
  });
  return { ...rewritten, kinds, frame, slots: procedure.slots };
}
