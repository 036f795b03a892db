// Random programs, said in the DSL and run by the kernel, against a model of the DSL in plain JavaScript. Return codes,
// map values, packets and contexts must be the same. TSNAT_RANDOM_PROGRAMS asks for more of them.

import test from 'ava';
import fc from 'fast-check';
import { formatAsm, inIsa, isaLevelOf, NEWEST_ISA } from '../../../src/asm/index.ts';
import { asXdp, difference, outOfStack, usual } from '../support/random/compare.ts';
import { planFrom } from '../support/random/generator.ts';
import { record } from '../support/random/record.ts';
import { Kernel, worldFrom } from '../support/random/run.ts';

const PROGRAMS = Number(process.env.TSNAT_RANDOM_PROGRAMS ?? 300);
/** Worlds each program runs on. */
const WORLDS = 3;
/** A failure is made smaller for no longer than this. */
const LIMIT = { interruptAfterTimeLimit: 120_000 + 200 * PROGRAMS, markInterruptAsFailure: true };
const number = fc.nat(0xffff);
const tapes = fc.array(number, { minLength: 40, maxLength: 1500, size: 'max' });
const worlds = fc.array(fc.array(number, { maxLength: 300, size: 'max' }), {
  minLength: WORLDS,
  maxLength: WORLDS,
});

/** Of every program type, and in the instructions of older kernels. */
const KINDS = [
  { hook: 'sched_cls', isa: NEWEST_ISA, share: 1 },
  { hook: 'xdp', isa: NEWEST_ISA, share: 3 },
  { hook: 'sched_cls', isa: 2, share: 3 },
  { hook: 'sched_cls', isa: 1, share: 3 },
] as const;

for (const { hook, isa, share } of KINDS) {
  test(`what the kernel does with a program of type ${hook} in level ${isa} is what the DSL says`, (t) => {
    t.timeout(30 * 60_000);
    using kernel = new Kernel();
    let tooLarge = 0;
    let instructions = 0;
    const property = fc.property(tapes, worlds, (tape, numbers) => {
      const plan = planFrom(tape);
      try {
        const started = numbers.map((one) => worldFrom(one, hook));
        const wrong = difference(kernel, plan, started, (body) => {
          const program = inIsa(hook === 'xdp' ? asXdp(body) : usual(body), isa)!;
          if (isaLevelOf(program.code) > isa) throw new Error(`newer than level ${isa}`);
          instructions += program.code.length / 8;
          return program;
        });
        if (wrong.length > 0) throw new Error(wrong.join('\n'));
      } catch (error) {
        if (!outOfStack(error)) throw error;
        tooLarge++;
      }
    });
    const result = fc.check(property, {
      numRuns: Math.ceil(PROGRAMS / share),
      ...LIMIT,
    });
    t.log(`${result.numRuns} programs, ${instructions} instructions, ${tooLarge} too large for the stack`);
    if (result.failed) {
      const [tape = []] = result.counterexample ?? [];
      t.log(JSON.stringify(planFrom(tape), (_, v) => (typeof v === 'bigint' ? `${v}n` : v), 1));
      t.log(listing(tape));
      t.log(`${result.errorInstance}`);
      t.log(`seed ${result.seed}`);
    }
    t.false(result.failed, fc.defaultReportMessage(result) ?? '');
    t.true(tooLarge < PROGRAMS / 20, 'nearly all programs fit the stack');
  });
}

function listing(tape: readonly number[]): string {
  try {
    return formatAsm(usual(record(planFrom(tape))));
  } catch (error) {
    return `${error}`;
  }
}
