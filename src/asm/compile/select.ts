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
import { type Allocated, registerOf } from './allocate.ts';
import {
  type BinaryOperator,
  type Block,
  type Callee,
  isConstant,
  isHelper,
  type Operand,
  type Operation,
  type Slot,
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
  const registers = (vreg: Vreg): Register => registerOf(allocated, vreg) as Register;
  return block.operations.flatMap((operation) =>
    emitOperation(operation, registers, allocated.slots, functions).map((instruction) => ({
      ...instruction,
      site: operation.site,
    })),
  );
}

type Registers = (vreg: Vreg) => Register;

function emitOperation(
  operation: Operation,
  registers: Registers,
  slots: ReadonlyMap<Slot, number>,
  functions: Functions,
): Instruction[] {
  switch (operation.op) {
    case 'move':
      return emitMove(registers(operation.dst), operation.from, registers);
    case 'binary': {
      const dst = registers(operation.dst);
      const { operator, width, b } = operation;
      const forms = BINARY[operator];
      if (isConstant(b)) return [width === 32 ? forms.imm32(dst, low32(b)) : forms.imm(dst, low32(b))];
      return [width === 32 ? forms.reg32(dst, registers(b)) : forms.reg(dst, registers(b))];
    }
    case 'swap':
      return [be(registers(operation.dst), operation.bits)];
    case 'load':
      return [load(operation.size, registers(operation.dst), registers(operation.base), operation.offset)];
    case 'store': {
      const { size, base, offset, value } = operation;
      if (isConstant(value)) return [storeImm(size, registers(base), offset, low32(value))];
      return [store(size, registers(base), offset, registers(value))];
    }
    case 'atomic_add':
      return [
        atomicAdd(
          operation.size,
          registers(operation.base),
          operation.offset,
          registers(operation.value as Vreg),
        ),
      ];
    case 'frame': {
      const dst = registers(operation.dst);
      return [mov.reg(dst, FRAME_POINTER), add.imm(dst, slots.get(operation.slot)!)];
    }
    case 'map':
      return [emitMap(registers(operation.dst), operation.map, operation.valueOffset)];
    case 'call':
      return [emitCall(operation.callee, functions)];
  }
}

function emitMove(dst: Register, from: Operand, registers: Registers): Instruction[] {
  if (!isConstant(from)) {
    const src = registers(from);
    return src === dst ? [] : [mov.reg(dst, src)];
  }
  // The 32-bit form clears the upper half, the 64-bit form sign-extends: between them, most constants are one unit.
  if (BigInt.asUintN(64, from) <= 0x7fff_ffffn) return [mov.imm32(dst, Number(from))];
  if (BigInt.asIntN(64, from) === BigInt.asIntN(32, from)) return [mov.imm(dst, low32(from))];
  if (BigInt.asUintN(64, from) <= 0xffff_ffffn) return [mov.imm32(dst, low32(from))];
  return [loadImm64(dst, from)];
}

function emitMap(dst: Register, map: MapSpec, valueOffset: number | undefined): Instruction {
  return valueOffset === undefined ? loadMap(dst, map) : loadMapValue(dst, map, valueOffset);
}

const emitCall = (callee: Callee, functions: Functions): Instruction =>
  isHelper(callee) ? call(callee.id) : callLocal(functions(callee));

/** The low half of a constant as a signed immediate. */
export const low32 = (value: bigint): number => Number(BigInt.asIntN(32, value));
