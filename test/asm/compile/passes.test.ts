// Properties of the compiler's passes, on random programs: what they must keep, whatever they improve.

import test from 'ava';
import fc from 'fast-check';
import { type Allocated, registerOf } from '../../../src/asm/compile/allocate.ts';
import { arrange } from '../../../src/asm/compile/arrange.ts';
import type { Block, Procedure } from '../../../src/asm/compile/ir.ts';
import { decodeInstructions, type Program } from '../../../src/asm/index.ts';
import { blocksOf, eachWithLive, successors, written } from '../support/live.ts';
import { type Compiler, difference, outOfStack, usual } from '../support/random/compare.ts';
import { planFrom } from '../support/random/generator.ts';
import { record } from '../support/random/record.ts';
import { Kernel, worldFrom } from '../support/random/run.ts';
import { allocated, compileBy, type Optional, recorded } from '../support/stages.ts';

const PROGRAMS = 60;
/** A failure is made smaller for no longer than this. */
const CHECKS = { numRuns: PROGRAMS, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true };
const number = fc.nat(0xffff);
const tapes = fc.array(number, { minLength: 40, maxLength: 1500, size: 'max' });
const worlds = fc.array(fc.array(number, { maxLength: 200, size: 'max' }), { minLength: 2, maxLength: 2 });

/** Runs `check` on random programs; those that are honestly too large do not count. */
function forAll(check: (tape: readonly number[]) => void, programs: number = PROGRAMS): void {
  const property = fc.property(tapes, (tape) => {
    try {
      check(tape);
    } catch (error) {
      if (!outOfStack(error)) throw error;
    }
  });
  fc.assert(property, { ...CHECKS, numRuns: programs });
}

const SUBSETS: readonly (readonly Optional[])[] = [[], ['simplify'], ['split'], ['simplify', 'split']];

for (const passes of SUBSETS) {
  const named = passes.length === 0 ? 'no optional pass' : passes.join(' and ');
  test(`with ${named}, programs mean the same`, (t) => {
    using kernel = new Kernel();
    const compile: Compiler = (body) => compileBy('random', body, passes);
    const property = fc.property(tapes, worlds, (tape, numbers) => {
      try {
        const wrong = difference(
          kernel,
          planFrom(tape),
          numbers.map((one) => worldFrom(one)),
          compile,
        );
        if (wrong.length > 0) throw new Error(wrong.join('\n'));
      } catch (error) {
        if (!outOfStack(error)) throw error;
      }
    });
    t.notThrows(() => fc.assert(property, CHECKS));
  });
}

test('what is live at the same time lies in different registers', (t) => {
  let pairs = 0;
  const check = (procedure: Allocated): void => {
    eachWithLive(procedure, (operation, behind) => {
      for (const defined of written(operation)) {
        for (const other of behind) {
          const copied = operation.op === 'move' && operation.from === other;
          if (other === defined || copied) continue;
          pairs++;
          if (registerOf(procedure, other) !== registerOf(procedure, defined)) continue;
          throw new Error(
            `${defined} (${operation.op}) and ${other} are both in r${registerOf(procedure, other)}`,
          );
        }
      }
    });
  };
  for (const passes of SUBSETS) {
    t.notThrows(() => forAll((tape) => check(allocated(recordedPlan(tape), passes))));
  }
  t.true(pairs > 50_000, `${pairs} pairs looked at`);
});

/** Where nothing is loaded into the kernel, programs cost little; and what goes wrong here does so seldom. */
const MANY = 500;

test('what the machine does in place is in place: the result of an operation is where its first operand was', (t) => {
  let spilled = 0;
  t.notThrows(() =>
    forAll((tape) => {
      const procedure = allocated(recordedPlan(tape), []);
      spilled += procedure.kinds.filter((kind) => kind === 'spilled').length;
      for (const { operations } of procedure.blocks) {
        for (const operation of operations) {
          if (operation.op !== 'binary' && operation.op !== 'swap') continue;
          const { dst, a } = operation;
          if (typeof a === 'number' && registerOf(procedure, a) === registerOf(procedure, dst)) continue;
          throw new Error(`${operation.op}: ${a} to ${dst}`);
        }
      }
    }, MANY),
  );
  t.true(spilled > 100, `${spilled} reloads and stores: without them this shows nothing`);
});

test('virtual registers are in r0 to r9, never in the frame pointer', (t) => {
  t.notThrows(() =>
    forAll((tape) => {
      const { registers } = allocated(recordedPlan(tape), ['simplify', 'split']);
      for (const register of registers) {
        if (register !== undefined && !(register >= 0 && register <= 9)) throw new Error(`r${register}`);
      }
    }),
  );
});

test('every block that is reached is placed once, and no other', (t) => {
  t.notThrows(() =>
    forAll((tape) => {
      const procedure = allocated(recordedPlan(tape), ['simplify', 'split']);
      const { order, insteadOf } = arrange(procedure);
      const actual = (block: Block): Block => insteadOf.get(block) ?? block;
      const reached = new Set([actual(procedure.entry)]);
      for (const block of reached)
        for (const next of successors(block.terminator!)) reached.add(actual(next));
      if (new Set(order).size !== order.length) throw new Error('a block is placed twice');
      const missing = [...reached].filter((block) => !order.includes(block));
      const idle = order.filter((block) => !reached.has(block));
      if (missing.length > 0 || idle.length > 0)
        throw new Error(`${missing.length} missing, ${idle.length} idle`);
      for (const block of insteadOf.values())
        if (insteadOf.has(block)) throw new Error('a stand-in has a stand-in');
      const known = blocksOf(procedure.entry);
      for (const block of order) if (!known.has(block)) throw new Error('a block out of nowhere');
    }),
  );
});

test('every jump goes to an instruction of the program', (t) => {
  t.notThrows(() => forAll((tape) => requireSoundJumps(usual(record(planFrom(tape))))));
});

const JA = 0x05;
const CALL = 0x85;
const EXIT = 0x95;

function requireSoundJumps({ code }: Program): void {
  const starts = new Set<number>();
  let unit = 0;
  const jumps: number[] = [];
  for (const { opcode, offset, wide } of decodeInstructions(code)) {
    starts.add(unit);
    const isJump = (opcode & 7) === 5 || (opcode & 7) === 6;
    if (isJump && opcode !== CALL && opcode !== EXIT) jumps.push(unit + 1 + offset);
    unit += wide === undefined ? 1 : 2;
  }
  for (const to of jumps) if (!starts.has(to)) throw new Error(`a jump to ${to}, which is no instruction`);
  const last = code[code.length - 8];
  if (last !== EXIT && last !== JA) throw new Error(`the program runs out behind opcode ${last}`);
}

function recordedPlan(tape: readonly number[]): Procedure {
  return recorded('random', record(planFrom(tape)));
}
