// tsnat against the kernel's own NAT: the same frames through two routers that differ in nothing else, compared byte for
// byte. TSNAT_DATAPATH_PACKETS says how many for each peer (2,000 where left out), TSNAT_SEED which.

import anyTest, { type TestFn } from 'ava';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { SEED } from '../../support/seed.ts';
import { Rig } from '../datapath/support/rig.ts';
import { Tally } from '../datapath/support/tally.ts';
import { compare } from './support/compare.ts';
import { framesFor } from './support/frames.ts';
import { PEERS } from './support/peers.ts';
import { Router } from './support/router.ts';

const test = anyTest as TestFn;
needsRootAndBpf(test);

const count = Number(process.env.TSNAT_DATAPATH_PACKETS ?? 2_000);
const BATCH = 5_000;

for (const peer of PEERS) {
  test.serial(`${peer.name}, IPv${peer.family}, seed ${SEED}`, async (t) => {
    const rig = new Rig();
    rig.remap(peer.mappings);
    const ours = await Router.make(t);
    await ours.attach(t, rig);
    const theirs = await Router.make(t);
    if (peer.nft !== undefined) await theirs.nft(peer.nft);
    for (const command of peer.tables ?? []) await theirs.namespace.must(command);

    const tally = new Tally();
    for (let from = 0; from < count; from += BATCH) {
      const frames = framesFor(peer, Math.min(BATCH, count - from), SEED + from);
      const [tsnat, kernel] = [await ours.forward(frames), await theirs.forward(frames)];
      frames.forEach((sent, i) => {
        const verdict = compare(sent, tsnat[i], kernel[i], peer);
        tally.add(verdict.equal ? verdict.what : `different: ${verdict.why}`);
      });
      if (peer.stateful) await theirs.namespace.must(['conntrack', '-F']);
    }
    t.log(tally.line(`frames, tsnat and ${peer.name}, IPv${peer.family}`));
    t.true(tally.has('equal'));
  });
}
