// A second opinion: packets that scapy builds and sums, before and after. TSNAT_DATAPATH_PACKETS says how many
// (2,000 where left out), TSNAT_SEED which.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { PYTHON, ROOT } from '../../support/root.ts';
import { SEED } from '../../support/seed.ts';
import { same } from './support/holds.ts';
import { mapping } from './support/reference/mappings.ts';
import type { Direction } from './support/reference/world.ts';
import { rigNamed } from './support/rigs.ts';
import { Tally } from './support/tally.ts';

const BUILDER = join(ROOT, 'test/nat/datapath/support/packets.py');
const count = Number(process.env.TSNAT_DATAPATH_PACKETS ?? '2000');
/** What one run of the builder gives: all at once would be more than a string holds. */
const BATCH = 5_000;

interface Built {
  readonly name: string;
  readonly direction: Direction;
  readonly mapping: string;
  readonly before: string;
  readonly after: string;
}

test(`random packets of scapy, seed ${SEED}`, (t) => {
  const rig = rigNamed('drop');
  const tally = new Tally();
  for (let from = 0; from < count; from += BATCH) {
    const wanted = String(Math.min(BATCH, count - from));
    const options = { encoding: 'utf8', maxBuffer: 2 ** 28 } as const;
    const built = spawnSync(PYTHON, [BUILDER, wanted, String(SEED + from)], options);
    t.is(built.status, 0, built.stderr);
    for (const line of built.stdout.trim().split('\n')) {
      const { name, direction, mapping: text, before, after } = JSON.parse(line) as Built;
      rig.remap([mapping(text)]);
      const [frame, translated] = [Buffer.from(before, 'hex'), Buffer.from(after, 'hex')];
      const outcome = { verdict: 'next', frame: translated, counted: 0 } as const;
      same(rig, direction, frame, rig.seen(direction, frame, outcome));
      tally.add(name.split(':')[0]!);
    }
  }
  t.is(tally.total, count);
  t.log(tally.line('frames of scapy, as scapy has them translated'));
});
