// What the DSL records and the compiler passes hand on: typed operations on virtual registers, in basic blocks.
// Plain data. Nothing in here knows how many registers the machine has.

import type { Helper } from '../helper.ts';
import type { AccessSize } from '../isa.ts';
import type { MapSpec } from '../program.ts';
import type { Site } from '../source.ts';

/** A virtual register. Non-negative; negative numbers stand for machine registers after lowering (`machine(n)`). */
export type Vreg = number;
/** A virtual register, or a constant (64-bit, two's complement where negative). */
export type Operand = Vreg | bigint;
export type Width = 32 | 64;

export type BinaryOperator =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'mod'
  | 'or'
  | 'and'
  | 'xor'
  | 'lsh'
  | 'rsh'
  | 'arsh';
export type Comparison = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge' | 'slt' | 'sle' | 'sgt' | 'sge' | 'set';

/** Memory on the program's stack. */
export interface Slot {
  readonly size: number;
  readonly name: string;
}

/** An operation without control flow. 32-bit operations leave the upper half of `dst` zero. */
export type Operation = { readonly site: Site } & (
  | { readonly op: 'move'; readonly dst: Vreg; readonly from: Operand }
  | {
      readonly op: 'binary';
      readonly operator: BinaryOperator;
      readonly width: Width;
      readonly dst: Vreg;
      readonly a: Operand;
      readonly b: Operand;
    }
  /** Between host and network byte order; zero-extends. */
  | { readonly op: 'swap'; readonly dst: Vreg; readonly a: Vreg; readonly bits: 16 | 32 | 64 }
  | {
      readonly op: 'load';
      readonly dst: Vreg;
      readonly base: Vreg;
      readonly offset: number;
      readonly size: AccessSize;
    }
  | {
      readonly op: 'store';
      readonly base: Vreg;
      readonly offset: number;
      readonly size: AccessSize;
      readonly value: Operand;
    }
  | {
      readonly op: 'atomic_add';
      readonly base: Vreg;
      readonly offset: number;
      readonly size: 4 | 8;
      readonly value: Operand;
    }
  /** Address of a stack slot. */
  | { readonly op: 'frame'; readonly dst: Vreg; readonly slot: Slot }
  /** A map as helpers take it or, with an offset, an address inside the value of an array of one entry. */
  | { readonly op: 'map'; readonly dst: Vreg; readonly map: MapSpec; readonly valueOffset?: number }
  | { readonly op: 'call'; readonly dst: Vreg; readonly callee: Callee; readonly args: readonly Operand[] }
);

/** What can be called: a kernel helper, or another procedure of the same program. */
export type Callee = Helper | Subprocedure;

export interface Subprocedure {
  readonly name: string;
  readonly procedure: Procedure;
  /** As of a helper: something in it may move the packet. */
  readonly movesPacket: boolean;
}

export const isHelper = (callee: Callee): callee is Helper => 'id' in callee;

/** How a block ends. */
export type Terminator = { readonly site: Site } & (
  | { readonly end: 'jump'; readonly to: Block }
  | {
      readonly end: 'branch';
      readonly comparison: Comparison;
      readonly width: Width;
      readonly a: Operand;
      readonly b: Operand;
      readonly whenTrue: Block;
      readonly whenFalse: Block;
    }
  | { readonly end: 'exit'; readonly value: Operand }
);

export interface Block {
  readonly name: string;
  /** Position in which it was said. */
  readonly order: number;
  /** Seldom reached, or the end of a path that leaves early: stands behind everything else. */
  cold: boolean;
  /** Evaluates the rest of a condition: stands right behind the first part. */
  readonly condition: boolean;
  operations: Operation[];
  terminator: Terminator | undefined;
  /** Its place in the blocks of its procedure. */
  number: number;
}

/** What a virtual register holds, as far as the passes care; `spilled` ones carry values to and from the stack. */
export type VregKind = 'scalar' | 'context' | 'packet' | 'stack' | 'map' | 'value_or_null' | 'spilled';

/** A recorded function. A program's first one has the context as its only parameter. */
export interface Procedure {
  readonly name: string;
  /** The virtual registers that the arguments are in when it starts. */
  readonly parameters: readonly Vreg[];
  readonly entry: Block;
  readonly blocks: readonly Block[];
  /** Indexed by virtual register. */
  readonly kinds: readonly VregKind[];
}

/** Where a program's first procedure has its context. */
export const CONTEXT: Vreg = 0;

/** Machine register `n` in the numbering of virtual registers. */
export const machine = (n: number): Vreg => -1 - n;
/** Which machine register a negative virtual register stands for. */
export const machineNumber = (vreg: Vreg): number => -1 - vreg;
export const isMachine = (vreg: Vreg): boolean => vreg < 0;
export const isConstant = (operand: Operand): operand is bigint => typeof operand === 'bigint';

/** Goes through the operands an operation reads. */
export function forEachOperand(operation: Operation, visit: (operand: Operand) => void): void {
  switch (operation.op) {
    case 'move':
      visit(operation.from);
      return;
    case 'binary':
      visit(operation.a);
      visit(operation.b);
      return;
    case 'swap':
      visit(operation.a);
      return;
    case 'load':
      visit(operation.base);
      return;
    case 'store':
    case 'atomic_add':
      visit(operation.base);
      visit(operation.value);
      return;
    case 'frame':
    case 'map':
      return;
    case 'call':
      for (let i = 0; i < operation.args.length; i++) visit(operation.args[i]!);
  }
}

/** The virtual register an operation gives a value to. */
export const definitionOf = (operation: Operation): Vreg | undefined =>
  operation.op === 'store' || operation.op === 'atomic_add' ? undefined : operation.dst;

/** Goes through the operands a terminator reads. */
export function forEachTerminatorOperand(terminator: Terminator, visit: (operand: Operand) => void): void {
  if (terminator.end === 'branch') {
    visit(terminator.a);
    visit(terminator.b);
  } else if (terminator.end === 'exit') visit(terminator.value);
}

/** The same operation on other operands: `read` maps what is read, the destination stays. Itself where nothing changes. */
export function withOperands(operation: Operation, read: (operand: Operand) => Operand): Operation {
  switch (operation.op) {
    case 'move': {
      const from = read(operation.from);
      return from === operation.from ? operation : { ...operation, from };
    }
    case 'binary': {
      const a = read(operation.a);
      const b = read(operation.b);
      return a === operation.a && b === operation.b ? operation : { ...operation, a, b };
    }
    case 'swap': {
      const a = register(read(operation.a), operation.a);
      return a === operation.a ? operation : { ...operation, a };
    }
    case 'load': {
      const base = register(read(operation.base), operation.base);
      return base === operation.base ? operation : { ...operation, base };
    }
    case 'store':
    case 'atomic_add': {
      const base = register(read(operation.base), operation.base);
      const value = read(operation.value);
      return base === operation.base && value === operation.value ? operation : { ...operation, base, value };
    }
    case 'frame':
    case 'map':
      return operation;
    case 'call': {
      const args = operation.args.map(read);
      return args.every((arg, i) => arg === operation.args[i]) ? operation : { ...operation, args };
    }
  }
}

/** `mapped` where an operation needs a register, which a constant is not. */
const register = (mapped: Operand, vreg: Vreg): Vreg => (isConstant(mapped) ? vreg : mapped);

/** The same operation giving its value to another register. */
export const withDefinition = (operation: Operation, dst: Vreg): Operation =>
  ({ ...operation, dst }) as Operation;

/** The same terminator reading other operands. Itself where nothing changes. */
export function withTerminatorOperands(
  terminator: Terminator,
  read: (operand: Operand) => Operand,
): Terminator {
  switch (terminator.end) {
    case 'jump':
      return terminator;
    case 'exit': {
      const value = read(terminator.value);
      return value === terminator.value ? terminator : { ...terminator, value };
    }
    case 'branch': {
      const a = read(terminator.a);
      const b = read(terminator.b);
      return a === terminator.a && b === terminator.b ? terminator : { ...terminator, a, b };
    }
  }
}

/**
 * Blocks reachable from the entry, each before its successors where there is no loop (reverse postorder). Numbers them.
 */
export function reachable(entry: Block): Block[] {
  // A block was found if its number says where: that of any other does not.
  const found: Block[] = [];
  const order: Block[] = [];
  // The way from the entry to where the search is, and how many successors of each block on it were looked at.
  const way: Block[] = [];
  const looked: number[] = [];
  let block: Block | undefined = entry;
  for (;;) {
    if (block && found[block.number] !== block) {
      block.number = found.length;
      found.push(block);
      way.push(block);
      looked.push(0);
    }
    const top: number = way.length - 1;
    if (top < 0) break;
    const terminator = way[top]!.terminator;
    const n = looked[top]!++;
    if (terminator?.end === 'jump' && n === 0) block = terminator.to;
    else if (terminator?.end === 'branch' && n < 2)
      block = n === 0 ? terminator.whenTrue : terminator.whenFalse;
    else {
      order.push(way.pop()!);
      looked.pop();
      block = undefined;
    }
  }
  order.reverse();
  for (let i = 0; i < order.length; i++) order[i]!.number = i;
  return order;
}
