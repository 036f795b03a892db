// What each operation of a procedure reads and sets, as numbers in arrays: what the passes that only ask for registers
// work on. A register's index is its own number for a machine register, else its vreg + MACHINE_REGISTERS.

import {
  type Block,
  isConstant,
  isMachine,
  machineNumber,
  type Operand,
  type Procedure,
  type Vreg,
} from './ir.ts';

/** r0 to r10. */
export const MACHINE_REGISTERS = 11;
/** r0 to r5, as a set of bits: a call leaves nothing of use in them but its result. */
export const CLOBBERED = 0x3f;
/** No register; no block. */
export const NONE = -1;

export const indexOf = (vreg: Vreg): number =>
  isMachine(vreg) ? machineNumber(vreg) : vreg + MACHINE_REGISTERS;

export interface Table {
  readonly blocks: readonly Block[];
  /** How many register indices there are. */
  readonly registers: number;
  /** Operations are numbered through; block b has those from `starts[b]` to before `starts[b + 1]`, its terminator last. */
  readonly starts: readonly number[];
  /** For each operation the index of the register it sets, or NONE. */
  readonly sets: readonly number[];
  /** What operation o reads: `reads` from `readStarts[o]` to before `readStarts[o + 1]`. */
  readonly reads: readonly number[];
  readonly readStarts: readonly number[];
  /** For each operation: where it is a move between registers, the index it moves from; CALL for a call; else NONE. */
  readonly forms: readonly number[];
  /** Two for each block: indices of the blocks it goes on to, or NONE. */
  readonly successors: readonly number[];
  /** Whether any block goes back to one before it. */
  readonly loops: boolean;
}

/** In `Table.forms`. */
export const CALL = -2;

export function tabulate({ blocks, kinds }: Procedure): Table {
  const starts: number[] = [];
  const sets: number[] = [];
  const reads: number[] = [];
  const readStarts: number[] = [];
  const forms: number[] = [];
  const successors: number[] = [];
  const read = (operand: Operand): void => {
    if (!isConstant(operand)) reads.push(indexOf(operand));
  };
  let loops = false;
  for (let b = 0; b < blocks.length; b++) {
    const { operations, terminator } = blocks[b]!;
    starts.push(sets.length);
    for (let o = 0; o < operations.length; o++) {
      const operation = operations[o]!;
      let form = NONE;
      readStarts.push(reads.length);
      switch (operation.op) {
        case 'move':
          read(operation.from);
          if (!isConstant(operation.from)) form = indexOf(operation.from);
          break;
        case 'binary':
          read(operation.a);
          read(operation.b);
          break;
        case 'swap':
          read(operation.a);
          break;
        case 'load':
          read(operation.base);
          break;
        case 'store':
        case 'atomic_add':
          read(operation.base);
          read(operation.value);
          break;
        case 'call':
          form = CALL;
          for (let a = 0; a < operation.args.length; a++) read(operation.args[a]!);
      }
      sets.push(operation.op === 'store' || operation.op === 'atomic_add' ? NONE : indexOf(operation.dst));
      forms.push(form);
    }
    readStarts.push(reads.length);
    sets.push(NONE);
    forms.push(NONE);
    let [first, second] = [NONE, NONE];
    if (terminator!.end === 'branch') {
      read(terminator!.a);
      read(terminator!.b);
      first = terminator!.whenTrue.number;
      second = terminator!.whenFalse.number;
    } else if (terminator!.end === 'jump') first = terminator!.to.number;
    else read(terminator!.value);
    successors.push(first, second);
    loops ||= (first !== NONE && first <= b) || (second !== NONE && second <= b);
  }
  starts.push(sets.length);
  readStarts.push(reads.length);
  const registers = MACHINE_REGISTERS + kinds.length;
  return { blocks, registers, starts, sets, reads, readStarts, forms, successors, loops };
}

/** The blocks that can be reached without entering a cold one, nearest first; and for each block 1 where it is one. */
export function usualWay({ blocks, successors }: Table): { order: readonly number[]; usual: Uint8Array } {
  const usual = new Uint8Array(blocks.length);
  const order = [0];
  usual[0] = 1;
  for (let i = 0; i < order.length; i++) {
    const b = order[i]!;
    for (let s = 2 * b; s < 2 * b + 2; s++) {
      const successor = successors[s]!;
      if (successor === NONE || usual[successor] !== 0 || blocks[successor]!.cold) continue;
      usual[successor] = 1;
      order.push(successor);
    }
  }
  return { order, usual };
}
