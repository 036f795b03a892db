// Programs that know only what an instance uses do the same with it, and leave the rest alone.

import test from 'ava';
import fc from 'fast-check';
import type { Use } from '../../../src/nat/uses.ts';
import { damage, spoil } from './support/arbitrary/damage.ts';
import type { Kind } from './support/arbitrary/mappings.ts';
import type { Family } from './support/arbitrary/packets.ts';
import { frameOf, scenario } from './support/arbitrary/scenario.ts';
import { holds } from './support/holds.ts';
import { destination } from './support/reference/mappings.ts';
import { Rig } from './support/rig.ts';
import { mac } from './support/shapes.ts';
import { Tally } from './support/tally.ts';

const numRuns = Number(process.env.TSNAT_DATAPATH_PACKETS ?? 300);

interface Instance {
  readonly uses: readonly Use[];
  readonly kinds: readonly Kind[];
}

const FOUR: readonly Instance[] = [
  { uses: ['addresses'], kinds: ['address'] },
  { uses: ['addresses', 'prefixes'], kinds: ['address', 'prefix'] },
  { uses: ['addresses', 'ports'], kinds: ['address', 'port', 'port_block'] },
  { uses: ['addresses', 'ports', 'destinations'], kinds: ['port_block'] },
  { uses: ['addresses', 'destinations'], kinds: ['address'] },
];
const SIX: readonly Instance[] = [
  { uses: ['addresses', 'addresses6'], kinds: ['address'] },
  { uses: ['addresses', 'prefixes6'], kinds: ['prefix'] },
  { uses: ['addresses', 'prefixes6', 'neutral6'], kinds: ['prefix', 'neutral'] },
  { uses: ['addresses', 'ports6'], kinds: ['port', 'port_block'] },
  { uses: ['addresses', 'addresses6', 'prefixes6', 'destinations6'], kinds: ['address', 'prefix'] },
];
const STATION = { mac: mac('02:11:22:33:44:55'), subnets: [] };

for (const [family, instances] of [
  [4, FOUR],
  [6, SIX],
] as const) {
  for (const { uses, kinds } of instances) {
    test(`IPv${family}: ${uses.join(', ')}`, (t) => {
      const tally = new Tally();
      const destinations = [
        ...(uses.includes('destinations') ? ['0.0.0.0/2', '+0.0.0.0/3'] : []),
        ...(uses.includes('destinations6') ? ['::/2', '+::/3'] : []),
      ].map(destination);
      const rig = new Rig({ unmapped: 'drop', uses, destinations, station: STATION });
      const other: Family = family === 4 ? 6 : 4;
      const scenarios = fc.oneof(
        { weight: 5, arbitrary: scenario(family, { kinds }) },
        { weight: 1, arbitrary: scenario(other, { kinds: ['address'] }) },
      );
      fc.assert(
        fc.property(scenarios, fc.option(damage), (one, harm) => {
          // An instance has no mappings of what it does not use.
          rig.remap(one.mappings.filter(({ inside }) => typeof inside === 'number' || family === 6));
          const frame = frameOf(one);
          tally.see(holds(rig, one.direction, harm === null ? frame : spoil(frame, harm)));
        }),
        { numRuns, includeErrorInReport: true },
      );
      t.log(tally.line(`IPv${family} frames`));
      t.true(tally.has('translated'));
      if (family === 4) t.true(tally.has('not_ip'));
    });
  }
}
