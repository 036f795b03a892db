// Redirect on TC: it sends on what it can past the stack, and where it cannot nothing is different.

import test from 'ava';
import { INSIDE, ON_LINK } from '../support/lab.ts';
import { patternHash } from '../support/peer/pattern.ts';
import { redirectOn, seenByFirewall } from '../support/redirect.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { mappingsOf, statusOf } from '../support/state.ts';
import { pingOk, sendDatagrams, startEcho, startHttp, transfer } from '../support/traffic.ts';
import { acquaint, forwardedBy, INSIDE6, makeXdpLab, ON_LINK6, SERVER6 } from '../support/xdp.ts';

const BYTES = 3_000_000;
/** What the stack has a hand in now and then while packets fly: a neighbour that is asked again. */
const STRAY = 5;

needsRootAndBpf(test);

for (const offload of ['on', 'wire'] as const) {
  test.serial(`ping, UDP and TCP of both families go past the stack, offload ${offload}`, async (t) => {
    const lab = await makeXdpLab(t, { offload });
    const name = await redirectOn(t, lab);
    await acquaint(lab);
    await startHttp(t, lab.outside, { address: '::' });
    await startHttp(t, lab.inside, { address: '::' });
    const echo = await startEcho(t, lab.outside);
    const before = await statusOf(t, name);
    let byFirewall = 0;
    const byStack = await forwardedBy(lab, async () => {
      byFirewall = await seenByFirewall(lab, async () => {
        await pingOk(t, lab.inside, lab.server);
        await pingOk(t, lab.outside, ON_LINK);
        await pingOk(t, lab.inside, SERVER6);
        await pingOk(t, lab.outside, ON_LINK6);
        t.like(await sendDatagrams(lab.inside, lab.server), { sent: 100, echoed: 100, spoiled: 0 });
        const expected = { bytes: BYTES, sha256: patternHash(BYTES) };
        t.like(await transfer(lab.inside, lab.server, 'get', BYTES), { from: ON_LINK, ...expected });
        t.like(await transfer(lab.inside, lab.server, 'put', BYTES), { from: ON_LINK, ...expected });
        t.like(await transfer(lab.outside, ON_LINK, 'get', BYTES), { from: lab.server, ...expected });
        t.like(await transfer(lab.inside, SERVER6, 'get', BYTES), { from: ON_LINK6, ...expected });
      });
    });
    t.true(byStack <= STRAY, `the stack forwarded ${byStack} packets`);
    t.true(byFirewall <= STRAY, `the firewall saw ${byFirewall} packets`);
    const { translated, healthy, reasons, problems } = await statusOf(t, name);
    t.true(healthy, problems.join());
    for (const way of ['outbound', 'inbound'] as const) {
      const bytes = translated[way].bytes - before.translated[way].bytes;
      t.true(bytes > BYTES, `${bytes} bytes ${way}`);
    }
    t.is(reasons.outbound.malformed, 0);
    t.is(reasons.outbound.spoofed, 0);
    t.deepEqual((await echo.stop()).from, [ON_LINK]);
    const six = (await mappingsOf(t, name)).find(({ inside }) => inside === INSIDE6);
    t.true((six?.outbound.packets ?? 0) >= 6 && (six?.inbound.packets ?? 0) >= 6);
    t.truthy(INSIDE);
  });
}
