// Random programs that the verifier accepts: a frame that fetches a packet and a map value and at the end shows every
// register, around a body of random steps. Steps keep to a convention, so that any sequence of them is valid:
// r0 to r4 and r9 always hold numbers, r5 is scratch, r6 the context, r7 the packet, r8 a map value.

import fc from 'fast-check';
import {
  assemble,
  type Item,
  instruction as i,
  type Program,
  type Register,
} from '../../../src/asm/index.ts';
import { type Kind, type Place, results, scratch, WINDOW } from './convention.ts';
import { type Step, stepArbitrary } from './steps.ts';

const SLOTS = 8;
/** What a program returns whose packet has become too short. */
const TOO_SHORT = 77;
/** Offsets of `data` and `data_end` in the context. */
const CONTEXT = { sched_cls: [76, 80], xdp: [0, 4] } as const;

export interface Plan {
  readonly kind: Kind;
  readonly seeds: readonly bigint[];
  readonly stack: readonly bigint[];
  readonly steps: readonly Step[];
}

const word = fc.oneof(
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.constantFrom(
    0n,
    1n,
    (1n << 64n) - 1n,
    1n << 63n,
    (1n << 63n) - 1n,
    0xffff_ffffn,
    1n << 32n,
    0x8000_0000n,
  ),
);

/** Plans of at most `length` steps. */
export const planArbitrary = (length: number): fc.Arbitrary<Plan> =>
  fc.constantFrom<Kind>('sched_cls', 'xdp').chain((kind) =>
    fc.record({
      kind: fc.constant(kind),
      seeds: fc.array(word, { minLength: 6, maxLength: 6 }),
      stack: fc.array(word, { minLength: SLOTS, maxLength: SLOTS }),
      steps: fc.array(stepArbitrary(kind), { minLength: 1, maxLength: length }),
    }),
  );

/** The registers that hold numbers. */
const NUMBERS: readonly Register[] = [0, 1, 2, 3, 4, 9];

export function build(plan: Plan): Program {
  const leave = i.label('leave');
  const [data, dataEnd] = CONTEXT[plan.kind];
  const packet: readonly Item[] = [
    i.load(4, 7, 6, data),
    i.load(4, 5, 6, dataEnd),
    i.mov.reg(0, 7),
    i.add.imm(0, WINDOW),
    i.jgt.reg(0, 5, leave),
  ];
  const place: Place = { kind: plan.kind, leave, packet, functions: [] };
  const lookup = (map: typeof scratch | typeof results, into: Register): readonly Item[] => [
    i.storeImm(4, 10, -4, 0),
    i.loadMap(1, map),
    i.mov.reg(2, 10),
    i.add.imm(2, -4),
    i.call(1),
    i.jeq.imm(0, 0, leave),
    i.mov.reg(into, 0),
  ];
  const ends = plan.steps.map((_, index) => i.label(`step ${index + 1}`));
  const body = plan.steps.flatMap((step, index): readonly Item[] => {
    const target = ends[Math.min(index + step.skip, ends.length - 1)]!;
    return [...step.emit(place, target), { place: ends[index]! }];
  });
  return assemble({ name: 'random', type: plan.kind }, [
    i.mov.reg(6, 1),
    ...lookup(scratch, 8),
    ...packet,
    ...plan.stack.flatMap((value, slot) => [i.loadImm64(0, value), i.store(8, 10, -8 * (slot + 1), 0)]),
    ...NUMBERS.map((register, index) => i.loadImm64(register, plan.seeds[index]!)),
    ...body,
    // Every number goes where the test can see all of its 64 bits.
    ...NUMBERS.map((register, index) => i.store(8, 10, -8 * (index + 2), register)),
    ...lookup(results, 7),
    ...NUMBERS.flatMap((_, index) => [i.load(8, 0, 10, -8 * (index + 2)), i.store(8, 7, 8 * index, 0)]),
    i.load(8, 0, 10, -16),
    i.mov.reg32(0, 0),
    i.exit(),
    { place: leave },
    i.mov.imm(0, TOO_SHORT),
    i.exit(),
    ...place.functions,
  ]);
}
