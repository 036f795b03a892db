// Instruction selection: one operation in machine form, one or two instructions; none where a register moves to itself.

import {
  add,
  and,
  arsh,
  atomicAdd,
  type Binary,
  be,
  call,
  callLocal,
  div,
  type Instruction,
  type Label,
  load,
  loadImm64,
  loadMap,
  loadMapValue,
  lsh,
  mod,
  mov,
  mul,
  or,
  rsh,
  store,
  storeImm,
  sub,
  xor,
} from '../instruction.ts';
import { FRAME_POINTER, type Register } from '../isa.ts';
import type { MapSpec } from '../program.ts';
import type { Site } from '../source.ts';
import { type Allocated, registerOf } from './allocate.ts';
import {
  type BinaryOperator,
  type Block,
  type Callee,
  isConstant,
  isHelper,
  machine,
  type Operation,
  type Subprocedure,
  type Vreg,
} from './ir.ts';

const BINARY: { readonly [O in BinaryOperator]: Binary } = {
  add,
  sub,
  mul,
  div,
  mod,
  or,
  and,
  xor,
  lsh,
  rsh,
  arsh,
};

/** Where a function of the program starts. */
export type Functions = (callee: Subprocedure) => Label;

/** The instructions of a block without its terminator. */
export function select(block: Block, allocated: Allocated, functions: Functions): Instruction[] {
  const out: Instruction[] = [];
  const { operations } = block;
  for (let o = 0; o < operations.length; o++) {
    const operation = operations[o]!;
    if (o > 0 && isLoadedBack(operations[o - 1]!, operation, allocated)) continue;
    selectOperation(operation, allocated, functions, out);
  }
  return out;
}

/** Whether a load gets what was stored just before, into the register it still is in: spilling leaves such pairs. */
function isLoadedBack(before: Operation, operation: Operation, allocated: Allocated): boolean {
  if (operation.op !== 'load' || before.op !== 'store' || isConstant(before.value)) return false;
  return (
    operation.size === SPILLED &&
    before.size === SPILLED &&
    operation.base === before.base &&
    operation.base === machine(FRAME_POINTER) &&
    operation.offset === before.offset &&
    registerOf(allocated, operation.dst) === registerOf(allocated, before.value)
  );
}

/** What spilling stores: whole registers. */
const SPILLED = 8;

/** `instruction` as said at `site`. */
export function said(instruction: Instruction, site: Site): Instruction {
  const { opcode, dst, src, offset, imm, wide, map, target } = instruction;
  // Written out, since nothing else is made so often; the rarer forms may take their time.
  if (wide !== undefined || map || target) return { ...instruction, site };
  return { opcode, dst, src, offset, imm, site };
}

function selectOperation(
  operation: Operation,
  allocated: Allocated,
  functions: Functions,
  out: Instruction[],
): void {
  const { site } = operation;
  switch (operation.op) {
    case 'move': {
      const { from } = operation;
      const dst = registerOf(allocated, operation.dst);
      if (isConstant(from)) out.push(said(loadConstant(dst, from), site));
      else if (registerOf(allocated, from) !== dst)
        out.push(said(mov.reg(dst, registerOf(allocated, from)), site));
      return;
    }
    case 'binary': {
      const { operator, width, b } = operation;
      const dst = registerOf(allocated, operation.dst);
      const forms = BINARY[operator];
      if (isConstant(b))
        out.push(said(width === 32 ? forms.imm32(dst, low32(b)) : forms.imm(dst, low32(b)), site));
      else {
        const src = registerOf(allocated, b);
        out.push(said(width === 32 ? forms.reg32(dst, src) : forms.reg(dst, src), site));
      }
      return;
    }
    case 'swap':
      out.push(said(be(registerOf(allocated, operation.dst), operation.bits), site));
      return;
    case 'load': {
      const { size, dst, base, offset } = operation;
      out.push(said(load(size, registerOf(allocated, dst), registerOf(allocated, base), offset), site));
      return;
    }
    case 'store': {
      const { size, offset, value } = operation;
      const base = registerOf(allocated, operation.base);
      const instruction = isConstant(value)
        ? storeImm(size, base, offset, low32(value))
        : store(size, base, offset, registerOf(allocated, value));
      out.push(said(instruction, site));
      return;
    }
    case 'atomic_add': {
      const { size, base, offset, value } = operation;
      const added = registerOf(allocated, value as Vreg);
      out.push(said(atomicAdd(size, registerOf(allocated, base), offset, added), site));
      return;
    }
    case 'frame': {
      const dst = registerOf(allocated, operation.dst);
      out.push(said(mov.reg(dst, FRAME_POINTER), site));
      out.push(said(add.imm(dst, allocated.slots.get(operation.slot)!), site));
      return;
    }
    case 'map':
      out.push(
        said(emitMap(registerOf(allocated, operation.dst), operation.map, operation.valueOffset), site),
      );
      return;
    case 'call':
      out.push(said(emitCall(operation.callee, functions), site));
  }
}

function loadConstant(dst: Register, value: bigint): Instruction {
  // The 32-bit form clears the upper half, the 64-bit form sign-extends: between them, most constants are one unit.
  const unsigned = BigInt.asUintN(64, value);
  if (unsigned <= 0x7fff_ffffn) return mov.imm32(dst, Number(unsigned));
  if (BigInt.asIntN(64, value) === BigInt.asIntN(32, value)) return mov.imm(dst, low32(value));
  if (unsigned <= 0xffff_ffffn) return mov.imm32(dst, low32(value));
  return loadImm64(dst, value);
}

function emitMap(dst: Register, map: MapSpec, valueOffset: number | undefined): Instruction {
  return valueOffset === undefined ? loadMap(dst, map) : loadMapValue(dst, map, valueOffset);
}

const emitCall = (callee: Callee, functions: Functions): Instruction =>
  isHelper(callee) ? call(callee.id) : callLocal(functions(callee));

/** The low half of a constant as a signed immediate. */
export const low32 = (value: bigint): number => Number(BigInt.asIntN(32, value));
