// A second opinion: tunnel packets that scapy builds and sums, Geneve with options among them, before and after.
// TSNAT_DATAPATH_PACKETS says how many, TSNAT_SEED which.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { PYTHON, ROOT } from '../../support/root.ts';
import { SEED } from '../../support/seed.ts';
import { Tally } from './support/tally.ts';
import type { TunnelKind } from './support/tunnel.ts';
import { boundSlot, type Family, GOES_ON, outcome, rigOf, setUp, type Way } from './support/tunnel-rig.ts';

const test = anyTest as TestFn;
needsRootAndBpf(test);

const BUILDER = join(ROOT, 'test/nat/datapath/support/tunnels.py');
const count = process.env.TSNAT_DATAPATH_PACKETS ?? '500';

interface Built {
  readonly name: string;
  readonly direction: Way;
  readonly kind: TunnelKind;
  readonly family: Family;
  readonly translated: boolean;
  readonly before: string;
  readonly after: string;
}

test(`random tunnel packets of scapy, seed ${SEED}`, (t) => {
  const rig = rigOf('kernel');
  const tally = new Tally();
  const built = spawnSync(PYTHON, [BUILDER, count, String(SEED)], { encoding: 'utf8', maxBuffer: 2 ** 28 });
  t.is(built.status, 0, built.stderr);
  for (const line of built.stdout.trim().split('\n')) {
    const { name, direction, kind, family, translated, before, after } = JSON.parse(line) as Built;
    const done = setUp(rig, boundSlot(kind, family, translated ? 'translated' : 'plain'));
    t.deepEqual(outcome(rig, direction, Buffer.from(before, 'hex')), { ...GOES_ON, frame: after }, line);
    done();
    tally.add(`${kind} ${name}`);
  }
  t.is(tally.total, Number(count));
  t.log(tally.line('tunnel frames of scapy, as scapy has them rewritten'));
});
