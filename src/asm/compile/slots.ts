// The stack: every slot gets its place below r10. Slots that only one block uses, such as the keys of look-ups, share
// places with others whose time has passed, so that a program may look things up hundreds of times.

import { STACK_SIZE } from '../isa.ts';
import { BuildError, type Site } from '../source.ts';
import {
  type Block,
  forEachOperand,
  isConstant,
  type Operand,
  type Operation,
  type Procedure,
  type Slot,
  type Vreg,
} from './ir.ts';

export interface Slots {
  readonly size: number;
  /** Offset from r10 of the address in a virtual register, for registers that always hold a slot's address. */
  readonly byVreg: ReadonlyMap<Vreg, number>;
  readonly bySlot: ReadonlyMap<Slot, number>;
  /** Registers used for more than an access through them. */
  readonly passed: ReadonlySet<Vreg>;
}

/** Where a slot is used: operations `first` to `last` of `block`, or in more than one block. */
interface Use {
  readonly slot: Slot;
  readonly block: Block;
  readonly first: number;
  last: number;
  local: boolean;
  readonly site: Site;
}

/** @throws BuildError with code STACK when the slots do not fit the kernel's 512 bytes. */
export function placeSlots(procedure: Procedure): Slots {
  const { uses, owners, passed } = collectUses(procedure);
  const bySlot = new Map<Slot, number>();
  let size = 0;
  for (const use of uses) {
    if (use.local) continue;
    size = below(size, use.slot);
    requireStack(size, use.site);
    bySlot.set(use.slot, -size);
  }
  const shared = size;
  let block: Block | undefined;
  let taken: { readonly from: number; readonly to: number; readonly last: number }[] = [];
  // Uses come block by block, in the order of their first operation.
  for (const { slot, block: where, first, last, local, site } of uses) {
    if (!local) continue;
    if (where !== block) taken = [];
    block = where;
    taken = taken.filter((other) => other.last >= first);
    let to = below(shared, slot);
    for (let clash = overlap(taken, to, slot); clash; clash = overlap(taken, to, slot))
      to = below(clash.to, slot);
    requireStack(to, site);
    taken.push({ from: to - slot.size, to, last });
    bySlot.set(slot, -to);
    size = Math.max(size, to);
  }
  const byVreg = new Map<Vreg, number>();
  for (const [vreg, slot] of owners) byVreg.set(vreg, bySlot.get(slot)!);
  return { size, byVreg, bySlot, passed };
}

/** The depth of `slot` when it stands below `depth`, aligned to its size (at most 8). */
function below(depth: number, { size }: Slot): number {
  const alignment = size >= 8 ? 8 : size > 2 ? 4 : size;
  return Math.ceil((depth + size) / alignment) * alignment;
}

const overlap = <T extends { from: number; to: number }>(
  taken: readonly T[],
  to: number,
  { size }: Slot,
): T | undefined => taken.find((other) => other.from < to && to - size < other.to);

interface Collected {
  readonly uses: readonly Use[];
  /** The slots by the registers that hold their addresses. */
  readonly owners: ReadonlyMap<Vreg, Slot>;
  readonly passed: ReadonlySet<Vreg>;
}

function collectUses({ blocks }: Procedure): Collected {
  const owners = new Map<Vreg, Slot>();
  const bySlot = new Map<Slot, Use>();
  const passed = new Set<Vreg>();
  for (let b = 0; b < blocks.length; b++) {
    const block = blocks[b]!;
    let index = 0;
    let operation: Operation;
    const see = (slot: Slot): void => {
      const use = bySlot.get(slot);
      if (!use)
        bySlot.set(slot, { slot, block, first: index, last: index, local: true, site: operation.site });
      else if (use.block === block) use.last = index;
      else use.local = false;
    };
    const seeOperand = (operand: Operand): void => {
      const slot = isConstant(operand) ? undefined : owners.get(operand);
      if (!slot) return;
      see(slot);
      if (!('base' in operation && operation.base === operand)) passed.add(operand as Vreg);
    };
    const { operations } = block;
    for (; index < operations.length; index++) {
      operation = operations[index]!;
      if (owners.size > 0) forEachOperand(operation, seeOperand);
      if (operation.op !== 'frame') continue;
      owners.set(operation.dst, operation.slot);
      see(operation.slot);
    }
  }
  return { uses: [...bySlot.values()], owners, passed };
}

export function requireStack(size: number, site: Site | undefined): void {
  if (size <= STACK_SIZE) return;
  throw new BuildError('STACK', `${size} bytes of stack are needed, the kernel gives ${STACK_SIZE}`, site);
}
