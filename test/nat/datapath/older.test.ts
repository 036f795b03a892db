// The datapath in the instructions of older kernels does to every packet what the reference does.

import test from 'ava';
import fc from 'fast-check';
import { type IsaLevel, inIsa, isaLevelOf } from '../../../src/asm/index.ts';
import { datapath } from '../../../src/nat/index.ts';
import { USES } from '../../../src/nat/uses.ts';
import { damage, spoil } from './support/arbitrary/damage.ts';
import { frameOf, scenario } from './support/arbitrary/scenario.ts';
import { holds } from './support/holds.ts';
import { Rig } from './support/rig.ts';
import { mac } from './support/shapes.ts';

const numRuns = Number(process.env.TSNAT_DATAPATH_PACKETS ?? 600);
const STATION = { mac: mac('02:11:22:33:44:55'), subnets: [] };
const LEVELS: readonly IsaLevel[] = [1, 2, 3];

for (const isa of LEVELS) {
  test(`level ${isa} of the instruction set`, (t) => {
    for (const unmapped of ['pass', 'drop'] as const) {
      const { outbound, inbound } = datapath({ unmapped, uses: new Set(USES) });
      for (const program of [outbound, inbound]) t.true(isaLevelOf(inIsa(program, isa)!.code) <= isa);
      const rig = new Rig({ unmapped, isa, station: STATION });
      fc.assert(
        fc.property(fc.oneof(scenario(4), scenario(6)), fc.option(damage), (one, harm) => {
          rig.remap(one.mappings);
          const frame = frameOf(one);
          holds(rig, one.direction, harm === null ? frame : spoil(frame, harm));
        }),
        { numRuns, includeErrorInReport: true },
      );
    }
  });
}
