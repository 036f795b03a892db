// Swapping the programs of a running instance: no packet is lost, no counter, no mapping.

import test from 'ava';
import { tsnatOk } from '../support/cli.ts';
import { sleep } from '../support/command.ts';
import { INSIDE, makeLab, ON_LINK } from '../support/lab.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { mappingsOf, statusOf } from '../support/state.ts';
import { pingOk, sendDatagrams, startEcho } from '../support/traffic.ts';
import { HOOKS, translate } from '../support/translate.ts';
import { eventually, showProgram } from '../support/witness.ts';

const COUNT = 16_000;
const RATE = 4_000;

needsRootAndBpf(test);

for (const hook of HOOKS) {
  test.serial(`--replace under a stream of numbered datagrams loses none, ${hook}`, async (t) => {
    const lab = await makeLab(t);
    const { name } = await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
    const echo = await startEcho(t, lab.outside);
    const first = await statusOf(t, name);
    const stream = sendDatagrams(lab.inside, lab.server, { count: COUNT, rate: RATE });
    let swaps = 0;
    let running = true;
    const done = stream.finally(() => {
      running = false;
    });
    await sleep(200);
    while (running) {
      await tsnatOk(t, ['attach', lab.device, '--netns', lab.gateway.name, '--name', name, '--replace']);
      swaps += 1;
    }
    t.like(await done, { sent: COUNT, echoed: COUNT, spoiled: 0, errors: 0, missing: [] });
    t.like(await echo.stop(), { received: COUNT, duplicates: 0, from: [ON_LINK] });
    t.true(swaps >= 3, `${swaps} swaps`);
    const last = await statusOf(t, name);
    t.not(last.programs.outbound?.id, first.programs.outbound?.id, 'the programs are others');
    t.not(last.programs.inbound?.id, first.programs.inbound?.id);
    t.like(last, { hook, healthy: true, mappings: 1 });
    const [mapping] = await mappingsOf(t, name);
    t.is(mapping?.outbound.packets, COUNT, 'every packet is counted');
    t.is(mapping?.inbound.packets, COUNT);
    const old = first.programs.outbound?.id ?? 0;
    await eventually(t, 'the old program is gone', async () => (await showProgram(old)) === undefined);
  });

  test.serial(`--replace takes new settings and new mappings, ${hook}`, async (t) => {
    const lab = await makeLab(t);
    const { name } = await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
    const attach = ['attach', lab.device, '--netns', lab.gateway.name, '--name', name, '--replace'];
    await tsnatOk(t, [...attach, '--unmapped', 'drop']);
    t.like(await statusOf(t, name), { unmapped: 'drop', mappings: 1, hook });
    await pingOk(t, lab.inside, lab.server);
    await tsnatOk(t, [...attach, '--map', `${INSIDE}=203.0.113.50`]);
    t.deepEqual(
      (await mappingsOf(t, name)).map(({ inside, outside }) => [inside, outside]),
      [[INSIDE, '203.0.113.50']],
    );
    await pingOk(t, lab.inside, lab.server);
    await pingOk(t, lab.outside, '203.0.113.50');
  });
}
