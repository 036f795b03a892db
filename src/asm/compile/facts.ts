// What holds everywhere in a recorded program: which registers hold the addresses of stack slots, which can lose what was
// found out about them, and which were made to be compared with the end of the packet.

import { isConstant, type Procedure, type Slot, type Vreg, type VregKind } from './ir.ts';
import { NONE } from './table.ts';

export interface Facts {
  readonly kinds: readonly VregKind[];
  /** Stack slots by the registers that hold their addresses: bytes [start, start + size) of all slots. */
  readonly slots: ReadonlyMap<Vreg, { readonly start: number; readonly size: number }>;
  /** Bytes of all slots together. */
  readonly stackSize: number;
  /** Registers that are a packet pointer and `size` bytes. */
  readonly limits: ReadonlyMap<Vreg, { readonly base: Vreg; readonly size: number }>;
  /** Numbers of the registers that hold results of look-ups or packet pointers; NONE for others. By virtual register. */
  readonly pointers: Int32Array;
  /** The registers by these numbers. */
  readonly pointerKinds: readonly VregKind[];
}

export function compileFacts({ blocks, kinds }: Procedure): Facts {
  const starts = new Map<Slot, number>();
  const slots = new Map<Vreg, { start: number; size: number }>();
  const limits = new Map<Vreg, { base: Vreg; size: number }>();
  let stackSize = 0;
  for (let b = 0; b < blocks.length; b++) {
    const { operations } = blocks[b]!;
    for (let o = 0; o < operations.length; o++) {
      const operation = operations[o]!;
      if (operation.op === 'frame') {
        const { slot, dst } = operation;
        let start = starts.get(slot);
        if (start === undefined) {
          start = stackSize;
          starts.set(slot, start);
          stackSize += slot.size;
        }
        slots.set(dst, { start, size: slot.size });
      } else if (
        operation.op === 'binary' &&
        operation.operator === 'add' &&
        kinds[operation.dst] === 'packet'
      ) {
        const { a, b, dst } = operation;
        if (!isConstant(a) && isConstant(b)) limits.set(dst, { base: a, size: Number(b) });
      }
    }
  }
  const pointers = new Int32Array(kinds.length).fill(NONE);
  const pointerKinds: VregKind[] = [];
  for (let vreg = 0; vreg < kinds.length; vreg++) {
    const kind = kinds[vreg]!;
    if (kind === 'packet' || kind === 'value_or_null') pointers[vreg] = pointerKinds.push(kind) - 1;
  }
  return { kinds, slots, stackSize, limits, pointers, pointerKinds };
}
