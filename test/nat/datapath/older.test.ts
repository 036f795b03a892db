// The datapath in the instructions of older kernels does to every packet what the reference does.

import test from 'ava';
import fc from 'fast-check';
import { type IsaLevel, inIsa, isaLevelOf } from '../../../src/asm/index.ts';
import { datapath } from '../../../src/nat/index.ts';
import { address, conversation, damage, spoil } from './support/arbitrary.ts';
import { Rig } from './support/rig.ts';

const numRuns = Number(process.env.TSNAT_DATAPATH_PACKETS ?? 600);
const LEVELS: readonly IsaLevel[] = [1, 2, 3];

for (const isa of LEVELS) {
  test(`level ${isa} of the instruction set`, (t) => {
    for (const unmapped of ['pass', 'drop'] as const) {
      const { outbound, inbound } = datapath({ unmapped });
      for (const program of [outbound, inbound]) t.true(isaLevelOf(inIsa(program, isa)!.code) <= isa);
      const rig = new Rig({ map: [], unmapped, isa });
      fc.assert(
        fc.property(
          ...[conversation, fc.option(damage), fc.boolean(), address, address, address],
          (make, harm, out, inside, outside, peer) => {
            rig.remap([[inside, outside]]);
            const way = out ? 'outbound' : 'inbound';
            const packet = make(out ? inside : outside, peer, out);
            const frame = harm === null ? packet : spoil(packet, harm);
            const [got, wanted] = [rig.run(way, frame), rig.expected(way, frame)].map((seen) =>
              JSON.stringify(seen),
            );
            if (got !== wanted) throw new Error(`${got}\nand not\n${wanted}`);
          },
        ),
        { numRuns, includeErrorInReport: true },
      );
    }
  });
}
