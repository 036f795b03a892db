// TCP in bulk: 200 MB through the gateway with segmentation offload on (20 in an emulated machine), each way, begun from
// each side, and the content's hash compared. With the gateway finishing the checksums, partial ones are put to the proof
// as well.

import test from 'ava';
import { Capture } from '../support/capture.ts';
import { EMULATED, PATIENCE } from '../support/emulation.ts';
import { INSIDE, type Lab, makeLab, ON_LINK } from '../support/lab.ts';
import { patternHash } from '../support/peer/pattern.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { startHttp, transfer } from '../support/traffic.ts';
import { HOOKS, translate } from '../support/translate.ts';

/** Sequence numbers and checksums need no more to go wrong; a machine that is emulated would take half an hour. */
const BULK = EMULATED ? 20_000_000 : 200_000_000;
const MEGABYTE = 1_000_000;
const CHECKED = 3_000_000;

needsRootAndBpf(test);

async function superPackets(lab: Lab): Promise<string> {
  return lab.gateway.must(['ethtool', '-k', lab.device]);
}

for (const hook of HOOKS) {
  test.serial(`${BULK / MEGABYTE} MB each way, client inside, ${hook}`, async (t) => {
    t.timeout(240_000 * PATIENCE);
    const lab = await makeLab(t);
    await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
    t.regex(await superPackets(lab), /tcp-segmentation-offload: on/);
    t.regex(await superPackets(lab), /generic-receive-offload: on|generic-segmentation-offload: on/);
    await startHttp(t, lab.outside);
    const sha256 = patternHash(BULK);
    const expected = { from: ON_LINK, bytes: BULK, sha256 };
    t.deepEqual(await transfer(lab.inside, lab.server, 'get', BULK), expected);
    t.deepEqual(await transfer(lab.inside, lab.server, 'put', BULK), expected);
  });

  test.serial(`${BULK / MEGABYTE} MB each way, client outside, ${hook}`, async (t) => {
    t.timeout(240_000 * PATIENCE);
    const lab = await makeLab(t);
    await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
    await startHttp(t, lab.inside);
    const expected = { from: lab.server, bytes: BULK, sha256: patternHash(BULK) };
    t.deepEqual(await transfer(lab.outside, ON_LINK, 'get', BULK), expected);
    t.deepEqual(await transfer(lab.outside, ON_LINK, 'put', BULK), expected);
  });
}

test.serial('super-packets do reach the translator, and their segments are sound on the wire', async (t) => {
  const lab = await makeLab(t, { offload: 'partial' });
  await translate(t, lab, { map: [[INSIDE, ON_LINK]] });
  await startHttp(t, lab.outside);
  await startHttp(t, lab.inside);
  const [before, outer, inner] = await Promise.all([
    Capture.start(t, lab.gateway, 'down0', 'tcp'),
    Capture.start(t, lab.outside, 'down0', 'tcp'),
    Capture.start(t, lab.inside, 'up0', 'tcp'),
  ]);
  t.is((await transfer(lab.inside, lab.server, 'put', CHECKED)).sha256, patternHash(CHECKED));
  t.is((await transfer(lab.outside, ON_LINK, 'put', CHECKED)).sha256, patternHash(CHECKED));
  await Promise.all([before.stop(), outer.stop(), inner.stop()]);
  t.true(
    before.packets().some(({ totalLength }) => totalLength > 1500),
    'what comes to the gateway is larger than the MTU',
  );
  // The gateway's own devices finish checksums and segments, so what the hosts receive can be checked.
  const arrived = outer.packets().filter(({ source }) => source === ON_LINK);
  t.true(arrived.length > CHECKED / 1500);
  t.true(
    arrived.every(({ transport, totalLength }) => transport?.checksum === 'good' && totalLength <= 1500),
    'every segment from the inside',
  );
  const delivered = inner.packets().filter(({ destination }) => destination === INSIDE);
  t.true(delivered.length > CHECKED / 1500);
  t.true(
    delivered.every(({ transport }) => transport?.checksum === 'good'),
    'every segment from the outside',
  );
  t.false(outer.packets().some(({ source, destination }) => [source, destination].includes(INSIDE)));
});
