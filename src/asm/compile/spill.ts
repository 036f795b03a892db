// Moves virtual registers to the stack: every reading loads a fresh register, every writing stores one.

import { FRAME_POINTER } from '../isa.ts';
import {
  definitionOf,
  isConstant,
  machine,
  type Operand,
  type Operation,
  operandsOf,
  operandsOfTerminator,
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

export function spill(procedure: Lowered, spilled: ReadonlySet<Vreg>): Lowered {
  const kinds: VregKind[] = [...procedure.kinds];
  const offsets = new Map<Vreg, number>();
  let frame = Math.ceil(procedure.frame / SLOT_SIZE) * SLOT_SIZE;
  for (const vreg of spilled) {
    frame += SLOT_SIZE;
    offsets.set(vreg, -frame);
  }
  requireStack(frame, procedure.entry.operations[0]?.site);

  const fresh = (): Vreg => kinds.push('spilled') - 1;
  const address = (vreg: Vreg) =>
    ({ base: machine(FRAME_POINTER), offset: offsets.get(vreg)!, size: SLOT_SIZE }) as const;
  const reload = (
    operands: readonly Operand[],
    site: Operation['site'],
    out: Operation[],
  ): Map<Operand, Vreg> => {
    const loaded = new Map<Operand, Vreg>();
    for (const operand of operands) {
      if (isConstant(operand) || !spilled.has(operand) || loaded.has(operand)) continue;
      const dst = fresh();
      loaded.set(operand, dst);
      out.push({ op: 'load', dst, ...address(operand), site });
    }
    return loaded;
  };

  const rewritten = rebuild(procedure, (block) => {
    const operations: Operation[] = [];
    for (const operation of block.operations) {
      const loaded = reload(operandsOf(operation), operation.site, operations);
      const defined = definitionOf(operation);
      const reading = withOperands(operation, (operand) => loaded.get(operand) ?? operand);
      if (defined === undefined || !spilled.has(defined)) {
        operations.push(reading);
        continue;
      }
      // A two-address operation goes on with the register it has just loaded.
      const dst = loaded.get(defined) ?? fresh();
      operations.push(withDefinition(reading, dst));
      operations.push({ op: 'store', ...address(defined), value: dst, site: operation.site });
    }
    const terminator = block.terminator!;
    const loaded = reload(operandsOfTerminator(terminator), terminator.site, operations);
    return { operations, terminator: withTerminatorOperands(terminator, (o) => loaded.get(o) ?? o) };
  });
  return { ...rewritten, kinds, frame, slots: procedure.slots };
}
