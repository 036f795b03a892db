// What each operation of a procedure reads and sets, as numbers in arrays: what the passes that only ask for registers
// work on. A register's index is its own number for a machine register, else its vreg + MACHINE_REGISTERS.

import {
  type Block,
  isConstant,
  isMachine,
  machineNumber,
  type Operand,
  type Operation,
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
  readonly starts: Int32Array;
  /** For each operation the index of the register it sets, or NONE. */
  readonly sets: Int32Array;
  /** What operation o reads: `reads` from `readStarts[o]` to before `readStarts[o + 1]`. */
  readonly reads: readonly number[];
  readonly readStarts: Int32Array;
  /** For each operation: where it is a move between registers, the index it moves from; CALL for a call; else NONE. */
  readonly forms: Int32Array;
  /** Two for each block: indices of the blocks it goes on to, or NONE. */
  readonly successors: Int32Array;
  /** Whether any block goes back to one before it. */
  readonly loops: boolean;
}

/** In `Table.forms`. */
export const CALL = -2;

export function tabulate({ blocks, kinds }: Procedure): Table {
  let operationCount = blocks.length;
  for (let b = 0; b < blocks.length; b++) operationCount += blocks[b]!.operations.length;
  const starts = new Int32Array(blocks.length + 1);
  const sets = new Int32Array(operationCount);
  const reads: number[] = [];
  const readStarts = new Int32Array(operationCount + 1);
  const forms = new Int32Array(operationCount);
  const successors = new Int32Array(2 * blocks.length).fill(NONE);
  let loops = false;
  let at = 0;
  for (let b = 0; b < blocks.length; b++) {
    const { operations, terminator } = blocks[b]!;
    starts[b] = at;
    for (let o = 0; o < operations.length; o++, at++) {
      const operation = operations[o]!;
      readStarts[at] = reads.length;
      sets[at] = operation.op === 'store' || operation.op === 'atomic_add' ? NONE : indexOf(operation.dst);
      forms[at] = readsOf(operation, reads);
    }
    readStarts[at] = reads.length;
    sets[at] = NONE;
    forms[at] = NONE;
    at++;
    if (terminator!.end === 'branch') {
      read(terminator!.a, reads);
      read(terminator!.b, reads);
      successors[2 * b] = terminator!.whenTrue.number;
      successors[2 * b + 1] = terminator!.whenFalse.number;
    } else if (terminator!.end === 'jump') successors[2 * b] = terminator!.to.number;
    else read(terminator!.value, reads);
    const back = (successor: number): boolean => successor !== NONE && successor <= b;
    loops ||= back(successors[2 * b]!) || back(successors[2 * b + 1]!);
  }
  starts[blocks.length] = at;
  readStarts[at] = reads.length;
  const registers = MACHINE_REGISTERS + kinds.length;
  return { blocks, registers, starts, sets, reads, readStarts, forms, successors, loops };
}

/** Appends what an operation reads; gives its form. */
function readsOf(operation: Operation, reads: number[]): number {
  switch (operation.op) {
    case 'move':
      read(operation.from, reads);
      return isConstant(operation.from) ? NONE : indexOf(operation.from);
    case 'binary':
      read(operation.a, reads);
      read(operation.b, reads);
      return NONE;
    case 'swap':
      read(operation.a, reads);
      return NONE;
    case 'load':
      read(operation.base, reads);
      return NONE;
    case 'store':
    case 'atomic_add':
      read(operation.base, reads);
      read(operation.value, reads);
      return NONE;
    case 'call':
      for (let a = 0; a < operation.args.length; a++) read(operation.args[a]!, reads);
      return CALL;
    case 'frame':
    case 'map':
      return NONE;
  }
}

function read(operand: Operand, reads: number[]): void {
  if (!isConstant(operand)) reads.push(indexOf(operand));
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
