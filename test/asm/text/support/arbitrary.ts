// Random instructions: every constructor, every register, the edges of every field.

import fc, { type Arbitrary } from 'fast-check';
import {
  type AccessSize,
  type Instruction,
  instruction as i,
  type Register,
} from '../../../../src/asm/index.ts';

export const register: Arbitrary<Register> = fc.integer({ min: 0, max: 10 }) as Arbitrary<Register>;
const edges = (min: number, max: number): Arbitrary<number> =>
  fc.oneof(fc.integer({ min, max }), fc.integer({ min: -16, max: 16 }), fc.constantFrom(min, max, 0, -1));
export const s16: Arbitrary<number> = edges(-0x8000, 0x7fff);
export const s32: Arbitrary<number> = edges(-0x8000_0000, 0x7fff_ffff);
const u32: Arbitrary<number> = fc.oneof(fc.nat(0xffff_ffff), fc.constantFrom(0, 1, 0x8000_0000, 0xffff_ffff));
const u16: Arbitrary<number> = fc.nat(0xffff);
const u64: Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.bigInt({ min: (1n << 31n) - 4n, max: (1n << 32n) + 4n }),
  fc.bigInt({ min: (1n << 64n) - (1n << 32n), max: (1n << 64n) - 1n }),
  fc.bigInt({ min: 0n, max: 16n }),
);
const size: Arbitrary<AccessSize> = fc.constantFrom(1, 2, 4, 8);
const narrow: Arbitrary<1 | 2 | 4> = fc.constantFrom(1, 2, 4);
const locked: Arbitrary<4 | 8> = fc.constantFrom(4, 8);
const swapped: Arbitrary<16 | 32 | 64> = fc.constantFrom(16, 32, 64);

/** A constructor applied to random arguments. */
const of = <A extends unknown[]>(
  make: (...args: A) => Instruction,
  ...args: { [K in keyof A]: Arbitrary<A[K]> }
): Arbitrary<Instruction> => (fc.tuple(...args) as unknown as Arbitrary<A>).map((values) => make(...values));

const BINARY = [
  ...[i.mov, i.add, i.sub, i.mul, i.div, i.mod, i.sdiv, i.smod],
  ...[i.or, i.and, i.xor, i.lsh, i.rsh, i.arsh],
];
const JUMPS = [i.jeq, i.jne, i.jgt, i.jge, i.jlt, i.jle, i.jsgt, i.jsge, i.jslt, i.jsle, i.jset];
const ATOMICS = [
  ...[i.atomicAdd, i.atomicOr, i.atomicAnd, i.atomicXor, i.atomicFetchAdd, i.atomicFetchOr],
  ...[i.atomicFetchAnd, i.atomicFetchXor, i.atomicExchange, i.atomicCompareExchange],
];

export const arithmetic: Arbitrary<Instruction> = fc.oneof(
  ...BINARY.flatMap((forms) => [
    of(forms.imm, register, s32),
    of(forms.reg, register, register),
    of(forms.imm32, register, s32),
    of(forms.reg32, register, register),
  ]),
  of(i.neg, register),
  of(i.neg32, register),
  of(i.be, register, swapped),
  of(i.le, register, swapped),
  of(i.bswap, register, swapped),
  of(i.movsx.reg, register, register, fc.constantFrom(8, 16, 32)),
  of(i.movsx.reg32, register, register, fc.constantFrom(8, 16)),
  of(i.addrSpaceCast, register, register, u16, u16),
);

export const jumps: Arbitrary<Instruction> = fc.oneof(
  ...JUMPS.flatMap((forms) => [
    of(forms.imm, register, s32, s16),
    of(forms.reg, register, register, s16),
    of(forms.imm32, register, s32, s16),
    of(forms.reg32, register, register, s16),
  ]),
  of(i.ja, s16),
  of(i.ja32, s32),
  of(i.mayGoto, s16),
  of(i.jaIndirect, register),
  of(i.call, s32),
  of(i.call, fc.integer({ min: 0, max: 215 })),
  of(i.callLocal, s32),
  of(i.callKernel, s32, s16),
  of(i.callIndirect, register),
  of(i.exit),
);

export const memory: Arbitrary<Instruction> = fc.oneof(
  of(i.load, size, register, register, s16),
  of(i.loadSigned, narrow, register, register, s16),
  of(i.store, size, register, s16, register),
  of(i.storeImm, fc.constantFrom(4, 8), register, s16, s32),
  of(i.storeImm, fc.constant(1), register, s16, fc.integer({ min: -128, max: 255 })),
  of(i.storeImm, fc.constant(2), register, s16, fc.integer({ min: -0x8000, max: 0xffff })),
  of(i.loadAbsolute, narrow, s32),
  of(i.loadIndirect, narrow, register, s32),
  ...ATOMICS.map((make) => of(make, locked, register, s16, register)),
  of(i.loadAcquire, size, register, register, s16),
  of(i.storeRelease, size, register, s16, register),
);

export const wide: Arbitrary<Instruction> = fc.oneof(
  of(i.loadImm64, register, u64),
  of(i.loadMapFd, register, u32),
  of(i.loadMapFdValue, register, u32, u32),
  of(i.loadMapIdx, register, u32),
  of(i.loadMapIdxValue, register, u32, u32),
  of(i.loadBtfId, register, u32, u32),
  of(i.loadFunction, register, s32),
);

export const anyInstruction: Arbitrary<Instruction> = fc.oneof(arithmetic, jumps, memory, wide);
