// The kernel takes the programs of slots, with everything else that an instance may have, in both places, for any device.

import test from 'ava';
import { type BpfProgram, loadProgram, RawMap } from '../../../src/loader/index.ts';
import { type DatapathOptions, datapath } from '../../../src/nat/datapath/index.ts';
import { USES, type Use } from '../../../src/nat/uses.ts';
import { needsRootAndBpf } from '../../support/requirements.ts';

needsRootAndBpf(test);

/** BPF_COMPLEXITY_LIMIT_INSNS: what the verifier has patience for. */
const PATIENCE = 1_000_000;

const SETS: { readonly [what: string]: readonly Use[] } = {
  'IPv4 slots': ['addresses', 'slots'],
  'slots of both families': ['addresses', 'addresses6', 'slots', 'slots6', 'slot_lists', 'slot_lists6'],
  everything: USES,
};

for (const [what, uses] of Object.entries(SETS)) {
  for (const more of [{}, { slots: 'uplink' }, { link: 'none', mss: 1360 }] as const) {
    test.serial(`${what}, ${JSON.stringify(more)}`, (t) => {
      const options: DatapathOptions = { unmapped: 'drop', capacity: 16, uses: new Set(uses), ...more };
      const { maps: definitions, ...programs } = datapath(options);
      const maps = Object.fromEntries(
        Object.entries(definitions).map(([name, definition]) => [name, RawMap.create(definition)]),
      );
      t.teardown(() => {
        for (const map of Object.values(maps)) map.close();
      });
      const byName = Object.fromEntries(Object.values(maps).map((map) => [map.spec.name, map]));
      for (const [name, made] of Object.entries(programs)) {
        if (made === undefined) continue;
        using loaded: BpfProgram = loadProgram(made, byName);
        // Told since Linux 5.16.
        const { verifiedInstructions = 0 } = loaded.info;
        t.log(
          `${name}: ${made.code.length / 8} instructions, the verifier went through ${verifiedInstructions}`,
        );
        t.true(verifiedInstructions < PATIENCE);
      }
    });
  }
}
