// Slots: what the programs do to random packets of and for them is what the reference does, in the kernel and in the
// interpreter, which also shows where a packet is sent.

import test from 'ava';
import fc from 'fast-check';
import { type SlotScenario, slotFrame, slotScenario } from './support/arbitrary/slots.ts';
import { holds, same } from './support/holds.ts';
import type { Hook } from './support/machine.ts';
import { destination } from './support/reference/mappings.ts';
import { Rig, type RigOptions } from './support/rig.ts';
import { mac } from './support/shapes.ts';
import { Tally } from './support/tally.ts';

const numRuns = Number(process.env.TSNAT_DATAPATH_PACKETS ?? 2_000);
const seed = process.env.TSNAT_SEED === undefined ? {} : { seed: Number(process.env.TSNAT_SEED) };
const SETTINGS = { numRuns, ...seed, includeErrorInReport: true };

const STATION = { mac: mac('02:11:22:33:44:55'), subnets: [] };
const OPTIONS: readonly RigOptions[] = [
  {},
  { unmapped: 'drop', mss: 1360 },
  {
    unmapped: { outbound: 'drop', inbound: 'pass' },
    spoofed: 'pass',
    destinations: ['0.0.0.0/4', '+0.0.0.0/12', '128.0.0.0/2', '::/4', '8000::/1', '+8000::/4'].map(
      destination,
    ),
  },
];

interface Both {
  readonly kernel: Rig;
  readonly interpreter: Rig;
}

const both = (options: RigOptions): Both => ({
  kernel: new Rig({ ...options, station: STATION }),
  interpreter: new Rig({ ...options, station: STATION, machine: 'interpreter' }),
});
const RIGS = OPTIONS.map(both);

function check({ kernel, interpreter }: Both, one: SlotScenario, tally: Tally): void {
  for (const rig of [kernel, interpreter]) {
    rig.remap(one.mappings);
    rig.reslot(one.slots, one.lists);
  }
  const frame = slotFrame(one);
  const { to, ...seen } = holds(interpreter, one.hook, frame, one.options);
  tally.see(same(kernel, one.hook, frame, seen, one.options));
  if (to !== undefined) tally.add(to.replace(/\d+/, 'n'));
}

const MET: { readonly [H in Hook]: readonly string[] } = {
  slot: ['translated', 'unbound', 'foreign', 'denied', 'malformed', 'authenticated', 'excluded', 'untouched'],
  inbound: [
    ...['translated', 'quarantined', 'expired', 'too_big', 'too_big_answered', 'unmapped', 'untouched'],
    ...['device n', 'neighbour at n'],
  ],
  outbound: ['translated', 'untouched', 'spoofed', 'hairpin', 'unmapped'],
};

for (const family of [4, 6] as const) {
  for (const hook of ['slot', 'inbound', 'outbound'] as const) {
    test(`IPv${family}: packets, whole and spoilt: ${hook}`, (t) => {
      const tally = new Tally();
      fc.assert(
        fc.property(slotScenario(family, [hook]), fc.constantFrom(...RIGS), (one, rigs) =>
          check(rigs, one, tally),
        ),
        SETTINGS,
      );
      t.log(tally.line(`IPv${family} frames as the reference has them`));
      for (const outcome of MET[hook]) t.true(tally.has(outcome), outcome);
    });
  }
}
