// A second opinion: packets that scapy builds and sums, before and after. TSNAT_DATAPATH_PACKETS says how many
// (500 where left out), TSNAT_SEED which.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { PYTHON, ROOT } from '../../support/root.ts';
import { same } from './support/holds.ts';
import { mapping } from './support/reference/mappings.ts';
import type { Direction } from './support/reference/world.ts';
import { rigNamed } from './support/rigs.ts';
import { Tally } from './support/tally.ts';

const BUILDER = join(ROOT, 'test/nat/datapath/support/packets.py');
const count = process.env['TSNAT_DATAPATH_PACKETS'] ?? '2000';
const seed = process.env['TSNAT_SEED'] ?? String(Math.trunc(Math.random() * 1e9));

interface Built {
  readonly name: string;
  readonly direction: Direction;
  readonly mapping: string;
  readonly before: string;
  readonly after: string;
}

test(`random packets of scapy, seed ${seed}`, (t) => {
  const rig = rigNamed('drop');
  const tally = new Tally();
  const built = spawnSync(PYTHON, [BUILDER, count, seed], { encoding: 'utf8', maxBuffer: 2 ** 31 });
  t.is(built.status, 0, built.stderr);
  const packets = built.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Built);
  t.is(packets.length, Number(count));
  for (const { name, direction, mapping: text, before, after } of packets) {
    rig.remap([mapping(text)]);
    const [frame, translated] = [Buffer.from(before, 'hex'), Buffer.from(after, 'hex')];
    same(
      rig,
      direction,
      frame,
      rig.seen(direction, frame, { verdict: 'next', frame: translated, counted: 0 }),
    );
    tally.add(name);
  }
  t.log(tally.line('frames of scapy'));
});
