// UDP: both ways, without a checksum, and in fragments.

import { join } from 'node:path';
import test from 'ava';
import { Capture } from '../support/capture.ts';
import { GATEWAY, INSIDE, makeLab, NEAR_OUTSIDE, ON_LINK } from '../support/lab.ts';
import { type Ipv4, reassemble } from '../support/packet.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { PYTHON, ROOT } from '../support/root.ts';
import { sendDatagrams, startEcho } from '../support/traffic.ts';
import { HOOKS, translate } from '../support/translate.ts';

const UDP = 17;
const SEND = join(ROOT, 'test/support/peer/udp-nocheck.py');

needsRootAndBpf(test);

for (const hook of HOOKS) {
  for (const size of [64, 1472, 9_000, 40_000]) {
    test.serial(`datagrams of ${size} bytes both ways, ${hook}`, async (t) => {
      const lab = await makeLab(t);
      await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
      const load = { count: 200, size };
      const outer = await startEcho(t, lab.outside);
      const out = await sendDatagrams(lab.inside, lab.server, load);
      t.like(out, { sent: 200, echoed: 200, spoiled: 0, errors: 0, from: [lab.server] });
      t.like(await outer.stop(), { received: 200, duplicates: 0, from: [ON_LINK] });
      const inner = await startEcho(t, lab.inside);
      const back = await sendDatagrams(lab.outside, ON_LINK, load);
      t.like(back, { sent: 200, echoed: 200, spoiled: 0, errors: 0, from: [ON_LINK] });
      t.like(await inner.stop(), { received: 200, duplicates: 0, from: [lab.server] });
    });
  }
}

test.serial(
  'fragments carry the outside address, every one of them, and the datagram checksum fits it',
  async (t) => {
    const lab = await makeLab(t, { offload: 'wire' });
    await translate(t, lab, { map: [[INSIDE, ON_LINK]] });
    const [outer, inner] = await Promise.all([
      Capture.start(t, lab.outside, 'down0', 'udp or ip[6:2] & 0x1fff != 0'),
      Capture.start(t, lab.inside, 'up0', 'udp or ip[6:2] & 0x1fff != 0'),
    ]);
    await startEcho(t, lab.outside);
    const { echoed } = await sendDatagrams(lab.inside, lab.server, { count: 5, size: 6_000 });
    t.is(echoed, 5);
    await Promise.all([outer.stop(), inner.stop()]);
    const whole = (packets: readonly Ipv4[]) =>
      reassemble(packets.filter(({ protocol }) => protocol === UDP));
    for (const [capture, source, destination] of [
      [outer, ON_LINK, NEAR_OUTSIDE],
      [outer, NEAR_OUTSIDE, ON_LINK],
      [inner, INSIDE, NEAR_OUTSIDE],
      [inner, NEAR_OUTSIDE, INSIDE],
    ] as const) {
      const packets = capture.packets().filter((p) => p.source === source && p.destination === destination);
      t.is(packets.length, 5 * 5, `${source} > ${destination}: five datagrams in five fragments each`);
      t.true(packets.every(({ headerChecksum }) => headerChecksum === 'good'));
      t.is(whole(packets.slice(0, 5))?.checksum, 'good', `${source} > ${destination}: datagram checksum`);
    }
    t.deepEqual(await outer.faults(), []);
    t.deepEqual(await inner.faults(), []);
  },
);

test.serial('a UDP checksum of zero stays zero, whole and in fragments, both ways', async (t) => {
  const lab = await makeLab(t, { offload: 'wire' });
  await translate(t, lab, { map: [[INSIDE, ON_LINK]] });
  const [outer, inner] = await Promise.all([
    Capture.start(t, lab.outside, 'down0', 'udp'),
    Capture.start(t, lab.inside, 'up0', 'udp'),
  ]);
  for (const size of ['32', '4000']) {
    await lab.inside.must([PYTHON, SEND, lab.server, '7000', size]);
    await lab.outside.must([PYTHON, SEND, ON_LINK, '7000', size]);
  }
  await Promise.all([outer.stop(), inner.stop()]);
  const fields = (capture: Capture, from: string) =>
    capture
      .packets()
      .filter(
        ({ source, protocol, fragmentOffset }) => source === from && protocol === UDP && fragmentOffset === 0,
      )
      .map(({ transport }) => transport?.field);
  t.deepEqual(fields(outer, ON_LINK), [0, 0]);
  t.deepEqual(fields(inner, NEAR_OUTSIDE), [0, 0]);
});

test.serial('a UDP checksum that comes out as zero is sent as ffff', async (t) => {
  const lab = await makeLab(t, { offload: 'wire' });
  await translate(t, lab, { map: [[INSIDE, ON_LINK]] });
  const outer = await Capture.start(t, lab.outside, 'down0', 'udp port 7001');
  // The sender picks the payload so that the sum under the outside address is 0xffff, whose complement is zero.
  await lab.inside.must([
    PYTHON,
    join(ROOT, 'test/support/peer/udp-zero-sum.py'),
    NEAR_OUTSIDE,
    ON_LINK,
    '7001',
  ]);
  await outer.stop();
  const [packet] = outer.packets();
  t.is(packet?.source, ON_LINK);
  t.is(packet?.transport?.field, 0xffff);
  t.is(packet?.transport?.checksum, 'good');
});

test.serial('the gateway keeps its own address', async (t) => {
  const lab = await makeLab(t);
  await translate(t, lab, { map: [[INSIDE, ON_LINK]] });
  const echo = await startEcho(t, lab.outside);
  const { echoed } = await sendDatagrams(lab.gateway, lab.server, { count: 20 });
  t.is(echoed, 20);
  t.deepEqual((await echo.stop()).from, [GATEWAY]);
});
