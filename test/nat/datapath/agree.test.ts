// The three executions agree: what the interpreter makes of a frame is what the kernel makes of it, in a test run. (The
// third is a device that forwards real frames: ../differential.) The interpreter also shows where a packet is turned to.

import test from 'ava';
import fc from 'fast-check';
import { damage, spoil } from './support/arbitrary/damage.ts';
import { frameOf, scenario } from './support/arbitrary/scenario.ts';
import { holds, same } from './support/holds.ts';
import { RIG_NAMES, rigNamed } from './support/rigs.ts';
import { Tally } from './support/tally.ts';

const numRuns = Number(process.env.TSNAT_DATAPATH_PACKETS ?? 2_000);

for (const family of [4, 6] as const) {
  test(`IPv${family}: kernel and interpreter`, (t) => {
    const tally = new Tally();
    fc.assert(
      fc.property(
        ...[scenario(family), fc.option(damage, { freq: 2 }), fc.constantFrom(...RIG_NAMES)],
        (one, harm, name) => {
          const [kernel, interpreter] = [rigNamed(name), rigNamed(name, 'interpreter')];
          for (const rig of [kernel, interpreter]) rig.remap(one.mappings);
          const frame = harm === null ? frameOf(one) : spoil(frameOf(one), harm);
          const { to: _, ...seen } = interpreter.run(one.direction, frame);
          tally.see(same(kernel, one.direction, frame, seen));
          holds(interpreter, one.direction, frame);
        },
      ),
      { numRuns, includeErrorInReport: true },
    );
    t.pass();
    t.log(tally.line(`IPv${family} frames, alike in kernel and interpreter`));
  });
}
