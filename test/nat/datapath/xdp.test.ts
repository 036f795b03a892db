// XDP either leaves a packet and all counters as they are, or does what the programs of TC and routing would do together.
// Tried on random packets; TSNAT_DATAPATH_PACKETS says how many, TSNAT_SEED repeats a run.

import test from 'ava';
import fc from 'fast-check';
import { damage, spoil } from './support/arbitrary/damage.ts';
import { frameOf, scenario } from './support/arbitrary/scenario.ts';
import { OPTIONS } from './support/rigs.ts';
import { Tally } from './support/tally.ts';
import { agrees, answer, rigNamed } from './support/xdp/agrees.ts';
import { plain } from './support/xdp/conversation.ts';

const numRuns = Number(process.env.TSNAT_DATAPATH_PACKETS ?? 600);
const seed = process.env.TSNAT_SEED === undefined ? {} : { seed: Number(process.env.TSNAT_SEED) };
const SETTINGS = { numRuns, ...seed, includeErrorInReport: true };
const names = fc.constantFrom(...Object.keys(OPTIONS));

for (const family of [4, 6] as const) {
  const odd = scenario(family).map(({ mappings, direction, ...rest }) => {
    return { mappings, direction, frame: frameOf({ mappings, direction, ...rest }) };
  });
  for (const [what, packets, harm] of [
    ['plain packets', plain(family), fc.constant(null)],
    ['valid packets', odd, fc.constant(null)],
    ['whatever the bytes', fc.oneof(plain(family), odd), damage],
  ] as const) {
    test(`IPv${family}: ${what}: as TC and routing do it, or not at all`, (t) => {
      const tally = new Tally();
      const one = packets.chain((made) => fc.tuple(fc.constant(made), answer(made.direction)));
      fc.assert(
        fc.property(one, names, harm, ([{ mappings, direction, frame }, routing], name, spoilt) => {
          rigNamed(name).tc.remap(mappings);
          tally.add(agrees(name, direction, spoilt === null ? frame : spoil(frame, spoilt), routing));
        }),
        SETTINGS,
      );
      t.log(tally.line(`IPv${family} frames`));
      for (const outcome of ['sent on', 'left to TC', 'not translated']) t.true(tally.has(outcome), outcome);
    });
  }
}
