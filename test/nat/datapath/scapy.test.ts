// A second opinion: packets that scapy builds and sums, before and after. TSNAT_DATAPATH_PACKETS says how many
// (500 where left out), TSNAT_SEED which.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { PYTHON, ROOT } from '../../support/root.ts';
import { Rig, seen } from './support/rig.ts';
import { ip4 } from './support/wire.ts';

const BUILDER = join(ROOT, 'test/nat/datapath/support/packets.py');
const count = process.env.TSNAT_DATAPATH_PACKETS ?? '500';
const seed = process.env.TSNAT_SEED ?? String(Math.trunc(Math.random() * 1e9));

interface Built {
  readonly name: string;
  readonly direction: 'outbound' | 'inbound';
  readonly inside: string;
  readonly outside: string;
  readonly before: string;
  readonly after: string;
}

test(`random packets of scapy, seed ${seed}`, (t) => {
  const rig = new Rig({ map: [], unmapped: 'drop' });
  const built = spawnSync(PYTHON, [BUILDER, count, seed], { encoding: 'utf8', maxBuffer: 2 ** 30 });
  t.is(built.status, 0, built.stderr);
  const packets = built.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Built);
  t.is(packets.length, Number(count));
  for (const { name, direction, inside, outside, before, after } of packets) {
    rig.remap([[ip4(inside), ip4(outside)]]);
    const [frame, translated] = [Buffer.from(before, 'hex'), Buffer.from(after, 'hex')];
    const counted = ip4(direction === 'outbound' ? inside : outside);
    const expected = seen(direction, frame, { verdict: 'next', frame: translated, counted });
    t.deepEqual(rig.run(direction, frame), expected, `${name}, ${direction}, ${inside}=${outside}`);
  }
});
