// The random steps of a program; each leaves every register of the convention (generator.ts) valid.

import fc from 'fast-check';
import {
  type AccessSize,
  type Item,
  instruction as i,
  type Label,
  type Register,
} from '../../../src/asm/index.ts';
import { type Kind, type Place, WINDOW } from './convention.ts';
import { helperStep } from './helper-steps.ts';

export interface Step {
  /** How many steps a jump goes over. */
  readonly skip: number;
  emit(place: Place, target: Label): readonly Item[];
}

type Emit = (place: Place, target: Label) => readonly Item[];

const plain = (emit: Emit): Step => ({ skip: 0, emit });
const numbers = fc.constantFrom<Register>(0, 1, 2, 3, 4, 9);
const size = fc.constantFrom<AccessSize>(1, 2, 4, 8);
const s32 = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.integer({ min: -3, max: 70 }),
  fc.constantFrom(-(2 ** 31), 2 ** 31 - 1),
);

const ALU = [i.add, i.sub, i.mul, i.or, i.and, i.xor, i.mov] as const;
const DIVISIONS = [i.div, i.mod, i.sdiv, i.smod] as const;
const SHIFTS = [i.lsh, i.rsh, i.arsh] as const;
const JUMPS = [i.jeq, i.jne, i.jgt, i.jge, i.jlt, i.jle, i.jsgt, i.jsge, i.jslt, i.jsle, i.jset] as const;
const ATOMICS = [
  i.atomicAdd,
  i.atomicOr,
  i.atomicAnd,
  i.atomicXor,
  i.atomicFetchAdd,
  i.atomicFetchOr,
  i.atomicFetchAnd,
  i.atomicFetchXor,
  i.atomicExchange,
  i.atomicCompareExchange,
] as const;

const form = fc.constantFrom('imm', 'reg', 'imm32', 'reg32');

const arithmetic = fc
  .tuple(fc.constantFrom(...ALU, ...DIVISIONS, ...SHIFTS), form, numbers, numbers, s32)
  .map(([operation, how, d, s, imm]): Step => {
    const shifts = SHIFTS.some((one) => one === operation);
    const divides = DIVISIONS.some((one) => one === operation);
    const width = how.endsWith('32') ? 31 : 63;
    const value = shifts ? imm & width : divides && imm === 0 ? 7 : imm;
    if (how === 'reg') return plain(() => [operation.reg(d, s)]);
    if (how === 'reg32') return plain(() => [operation.reg32(d, s)]);
    return plain(() => [how === 'imm' ? operation.imm(d, value) : operation.imm32(d, value)]);
  });

const bits = fc.constantFrom<16 | 32 | 64>(16, 32, 64);
const single = fc.oneof(
  fc
    .tuple(fc.constantFrom(i.be, i.le, i.bswap), numbers, bits)
    .map(([one, d, n]) => plain(() => [one(d, n)])),
  fc.tuple(fc.constantFrom(i.neg, i.neg32), numbers).map(([one, d]) => plain(() => [one(d)])),
  fc
    .tuple(numbers, numbers, fc.constantFrom<8 | 16 | 32>(8, 16, 32))
    .map(([d, s, n]) => plain(() => [i.movsx.reg(d, s, n)])),
  fc
    .tuple(numbers, numbers, fc.constantFrom<8 | 16>(8, 16))
    .map(([d, s, n]) => plain(() => [i.movsx.reg32(d, s, n)])),
  fc
    .tuple(numbers, fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }))
    .map(([d, value]) => plain(() => [i.loadImm64(d, value)])),
);

const jump = fc.tuple(fc.constantFrom(...JUMPS), form, numbers, numbers, s32, fc.nat({ max: 6 })).map(
  ([operation, how, d, s, imm, skip]): Step => ({
    skip,
    emit: (_, target) => {
      if (how === 'reg') return [operation.reg(d, s, target)];
      if (how === 'reg32') return [operation.reg32(d, s, target)];
      return [how === 'imm' ? operation.imm(d, imm, target) : operation.imm32(d, imm, target)];
    },
  }),
);
/** A jump that is always taken once it is reached, which the run decides: the steps it goes over stay reachable. */
const always = fc.tuple(fc.constantFrom(i.ja, i.ja32), numbers, s32, fc.integer({ min: 1, max: 3 })).map(
  ([one, d, imm, skip]): Step => ({
    skip,
    emit: (_, target) => {
      const next = i.label('next');
      return [i.jsgt.imm(d, imm, next), one(target), { place: next }];
    },
  }),
);

/** Memory that is there: stack, packet, map value; with an offset where `n` bytes fit. */
const memory = fc
  .tuple(fc.constantFrom<7 | 8 | 10>(7, 8, 10), size, fc.nat({ max: WINDOW - 1 }))
  .map(([base, n, at]) => {
    const aligned = base === 10 ? at - (at % n) : Math.min(at, WINDOW - n);
    return { base, n, at: base === 10 ? aligned - WINDOW : aligned } as const;
  });

const access = fc.oneof(
  fc.tuple(memory, numbers).map(([{ base, n, at }, d]) => plain(() => [i.load(n, d, base, at)])),
  fc.tuple(memory, numbers).map(([{ base, n, at }, s]) => plain(() => [i.store(n, base, at, s)])),
  fc
    .tuple(memory, fc.integer({ min: -128, max: 127 }))
    .map(([{ base, n, at }, imm]) => plain(() => [i.storeImm(n, base, at, imm)])),
  fc
    .tuple(memory, numbers)
    .filter(([{ n }]) => n < 8)
    .map(([{ base, n, at }, d]) => plain(() => [i.loadSigned(n as 1 | 2 | 4, d, base, at)])),
  fc.tuple(memory, numbers).map(([{ base, n, at }, d]) => {
    const where = base === 7 ? 8 : base;
    const aligned = at - (((at % n) + n) % n);
    return plain(() => [i.loadAcquire(n, d, where, aligned)]);
  }),
  fc.tuple(memory, numbers).map(([{ base, n, at }, s]) => {
    const where = base === 7 ? 8 : base;
    const aligned = at - (((at % n) + n) % n);
    return plain(() => [i.storeRelease(n, where, aligned, s)]);
  }),
);

const atomic = fc
  .tuple(
    fc.constantFrom(...ATOMICS),
    fc.constantFrom<4 | 8>(4, 8),
    fc.constantFrom<8 | 10>(8, 10),
    fc.nat({ max: WINDOW / 8 - 1 }),
    numbers,
  )
  .map(([operation, n, base, slot, s]) =>
    plain(() => [operation(n, base, base === 10 ? -8 * (slot + 1) : 8 * slot, s)]),
  );

/** A place in the map value that only the run decides; and one in the packet, with its own bounds check. */
const variable = fc
  .tuple(numbers, numbers, fc.constantFrom<AccessSize>(1, 2, 4, 8), fc.boolean())
  .map(([index, d, n, stores]) =>
    plain(() => [
      i.mov.reg(5, index),
      i.and.imm(5, WINDOW / 2 - 1),
      i.add.reg(5, 8),
      stores ? i.store(n, 5, 3, d) : i.load(n, d, 5, 3),
    ]),
  );

/** Pointers that lie on the stack for a while, below what the other steps use. */
const spill = fc
  .constantFrom<Register>(6, 7, 8)
  .map((pointer) =>
    plain(() => [
      i.store(8, 10, -WINDOW - 8, pointer),
      i.mov.imm(pointer, 0),
      i.load(8, pointer, 10, -WINDOW - 8),
    ]),
  );

/** What two pointers into the packet differ by is a number. */
const difference = fc
  .tuple(numbers, fc.nat({ max: 40 }))
  .map(([d, at]) => plain(() => [i.mov.reg(5, 7), i.add.imm(5, at), i.sub.reg(5, 7), i.mov.reg(d, 5)]));

/** A loop of a few turns over arithmetic. */
const loop = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.array(arithmetic, { minLength: 1, maxLength: 4 }))
  .map(([turns, steps]) =>
    plain((place, target) => {
      const again = i.label('again');
      return [
        i.mov.imm(5, turns),
        { place: again },
        ...steps.flatMap((step) => step.emit(place, target)),
        i.sub.imm(5, 1),
        i.jne.imm(5, 0, again),
      ];
    }),
  );

/** The same with `may_goto`, which lets every one of these few turns go round. */
const patientLoop = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.array(arithmetic, { minLength: 1, maxLength: 3 }))
  .map(([turns, steps]) =>
    plain((place, target) => {
      const again = i.label('again');
      const done = i.label('done');
      return [
        i.mov.imm(5, turns),
        { place: again },
        i.mayGoto(done),
        ...steps.flatMap((step) => step.emit(place, target)),
        i.sub.imm(5, 1),
        i.jne.imm(5, 0, again),
        { place: done },
      ];
    }),
  );

/** A call of a function of its own: it gets r1 to r4, has a stack of its own, and returns a number. */
const call = fc.array(arithmetic, { minLength: 1, maxLength: 6 }).map((steps) =>
  plain((place, target) => {
    const entry = i.label('function');
    place.functions.push(
      { place: entry },
      i.mov.imm(0, 0),
      i.mov.imm(9, 3),
      ...steps.flatMap((step) => step.emit(place, target)),
      i.store(8, 10, -8, 9),
      i.load(4, 1, 10, -8),
      i.add.reg(0, 1),
      i.exit(),
    );
    return [i.callLocal(entry), i.mov.reg(1, 0), i.mov.imm(2, 1), i.mov.reg(3, 9), i.mov.imm(4, -2)];
  }),
);

export const stepArbitrary = (kind: Kind): fc.Arbitrary<Step> =>
  fc.oneof(
    { weight: 10, arbitrary: arithmetic },
    { weight: 3, arbitrary: single },
    { weight: 5, arbitrary: jump },
    { weight: 1, arbitrary: always },
    { weight: 6, arbitrary: access },
    { weight: 2, arbitrary: atomic },
    { weight: 2, arbitrary: variable },
    { weight: 1, arbitrary: spill },
    { weight: 1, arbitrary: difference },
    { weight: 1, arbitrary: loop },
    { weight: 1, arbitrary: patientLoop },
    { weight: 1, arbitrary: call },
    { weight: 12, arbitrary: helperStep(kind).map(plain) },
  );
