// Programs that make no sense: whatever the bytes, a run ends, with a result or with a typed fault.

import process from 'node:process';
import test from 'ava';
import fc from 'fast-check';
import type { Program } from '../../src/asm/index.ts';
import { createMap, Vm, VmFault } from '../../src/vm/index.ts';
import { prefixes, results, scratch, table } from './support/convention.ts';
import { build, planArbitrary } from './support/generator.ts';

const RUNS = Number(process.env.TSNAT_FUZZ ?? 1000);
const MAPS = Object.fromEntries(
  [scratch, results, table, prefixes].map((spec) => [spec.name, createMap(spec)]),
);
const packet = Uint8Array.from({ length: 100 }, (_, n) => n);

/** The interpreter of a program; undefined where it is refused before it runs. */
function vmOf(program: Program): Vm | undefined {
  try {
    return new Vm(program, { maps: MAPS, instructionLimit: 2000 });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Runs it as it comes. @throws whatever is no fault */
function survive(program: Program): void {
  const vm = vmOf(program);
  for (const run of [() => vm?.run({ packet }), () => vm?.runMemory(new Uint8Array(16))]) {
    try {
      run();
    } catch (error) {
      if (!(error instanceof VmFault)) throw error;
    }
  }
}

const kind = fc.constantFrom('sched_cls' as const, 'xdp' as const);
const plain = (type: 'sched_cls' | 'xdp', code: Uint8Array): Program => ({
  name: 'fuzz',
  type,
  license: 'GPL',
  code,
  relocations: [],
  locations: [],
});

/** Classes and operations in their places, registers that exist more often than not. */
const word = fc
  .tuple(
    fc.nat({ max: 255 }),
    fc.nat({ max: 11 }),
    fc.nat({ max: 11 }),
    fc.oneof(fc.integer({ min: -16, max: 16 }), fc.integer({ min: -32768, max: 32767 })),
    fc.oneof(fc.integer({ min: -4, max: 220 }), fc.integer()),
  )
  .map(([opcode, dst, src, offset, imm]) => {
    const view = new DataView(new ArrayBuffer(8));
    view.setUint8(0, opcode);
    view.setUint8(1, dst | (src << 4));
    view.setInt16(2, offset, true);
    view.setInt32(4, imm, true);
    return new Uint8Array(view.buffer);
  });

test('random bytes', (t) => {
  const property = fc.property(kind, fc.uint8Array({ maxLength: 400 }), (type, code) =>
    survive(plain(type, code)),
  );
  fc.assert(property, { numRuns: RUNS });
  t.pass();
});

test('random instructions', (t) => {
  const property = fc.property(kind, fc.array(word, { maxLength: 60 }), (type, words) =>
    survive(plain(type, Uint8Array.from(words.flatMap((one) => [...one])))),
  );
  fc.assert(property, { numRuns: RUNS });
  t.pass();
});

test('sound programs with some bits changed', (t) => {
  const change = fc.tuple(fc.nat(), fc.nat({ max: 7 }));
  const property = fc.property(
    planArbitrary(20),
    fc.array(change, { minLength: 1, maxLength: 6 }),
    (plan, changes) => {
      const program = build(plan);
      const code = program.code.slice();
      for (const [at, bit] of changes) code[at % code.length] = code[at % code.length]! ^ (1 << bit);
      survive({ ...program, code });
    },
  );
  fc.assert(property, { numRuns: RUNS });
  t.pass();
});
