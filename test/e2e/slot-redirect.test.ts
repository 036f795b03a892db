// Redirect and slots in one instance: hosts behind an interface inside are sent on past the stack, slots on other devices
// are translated and delivered as without it, and they reach each other.

import test from 'ava';
import { veth } from '../support/lab.ts';
import { Namespace } from '../support/namespace.ts';
import { SENDS_ON } from '../support/redirect.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { attachBare, CLONE, makeSlotLab, outsideOf, takeSlots } from '../support/slot-lab.ts';
import { statusOf } from '../support/state.ts';
import { TC_HOOKS } from '../support/tcx.ts';
import { ping, pingOk, sendDatagrams, startEcho, startHttp, transfer } from '../support/traffic.ts';
import { forwardedBy } from '../support/xdp.ts';

needsRootAndBpf(test);

const HOST = '10.0.0.5';
const HOST_OUTSIDE = '203.0.113.5';
const BYTES = 300_000;
/** Of a neighbour that is asked for now and then. */
const STRAY = 5;

for (const hook of TC_HOOKS) {
  test.serial(`redirect beside slots, ${hook}`, async (t) => {
    const lab = await makeSlotLab(t, { slots: 2 });
    const { gateway, outside, slots, server } = lab;
    const host = await Namespace.make('host');
    t.teardown(() => host.remove());
    await veth([gateway, 'lan0'], [host, 'up0']);
    await gateway.ip('addr add 10.0.0.1/24 dev lan0');
    await host.ip(`addr add ${HOST}/24 dev up0`, 'route add default via 10.0.0.1');
    const name = await attachBare(t, lab, [
      ...['--hook', hook, '--redirect', '--inside', 'lan0', '--map', `${HOST}=${HOST_OUTSIDE}`],
      ...['--unmapped', 'drop'],
    ]);
    const handle = takeSlots(t, lab, name);
    for (const each of [outside, host, ...slots]) await startHttp(t, each, { address: '0.0.0.0' });
    const echo = await startEcho(t, outside);
    // The first packets look for neighbours.
    for (const from of [host, ...slots]) await pingOk(t, from, server);
    await pingOk(t, outside, HOST_OUTSIDE);

    const byStack = await forwardedBy({ gateway }, async () => {
      t.is((await transfer(host, server, 'put', BYTES)).from, HOST_OUTSIDE);
      t.is((await transfer(outside, HOST_OUTSIDE, 'get', BYTES)).bytes, BYTES);
    });
    t.is(byStack <= STRAY, SENDS_ON, 'the host inside is sent on past the stack');

    for (const [i, slot] of slots.entries()) {
      t.is((await transfer(slot, server, 'put', BYTES)).from, outsideOf(i));
      t.is((await transfer(slot, server, 'get', BYTES)).bytes, BYTES);
      t.is((await transfer(outside, outsideOf(i), 'get', BYTES)).bytes, BYTES);
      t.is((await sendDatagrams(slot, server)).echoed, 100);
      // A hop less at each turn.
      t.is((await ping(slot, server, { count: 1, more: ['-t', '1'] })).status, 1);
    }
    // Each by the other's outside.
    t.is((await transfer(slots[0]!, outsideOf(1), 'put', BYTES)).from, outsideOf(0));
    t.is((await transfer(slots[0]!, HOST_OUTSIDE, 'put', BYTES)).from, outsideOf(0));
    t.is((await transfer(host, outsideOf(1), 'put', BYTES)).from, HOST_OUTSIDE);
    t.deepEqual([...(await echo.stop()).from].sort(), [outsideOf(0), outsideOf(1)]);

    const { healthy, problems, reasons } = await statusOf(t, name);
    t.true(healthy, problems.join());
    t.is(reasons.outbound.spoofed, 0);
    t.is(reasons.outbound.malformed, 0);

    // What a slot sends gets out by its own outside only, and what nobody may send gets nowhere.
    handle.release('tap0');
    t.not((await ping(slots[0]!, server)).status, 0);
    await pingOk(t, slots[1]!, server);
    await pingOk(t, host, server);
    handle.bind('tap0', outsideOf(0));
    await pingOk(t, slots[0]!, server);
  });

  test.serial(`a slot on an interface of redirect's inside, ${hook}`, async (t) => {
    const lab = await makeSlotLab(t, { slots: 2 });
    const { outside, slots, server } = lab;
    const name = await attachBare(t, lab, ['--hook', hook, '--redirect', '--inside', 'tap0']);
    takeSlots(t, lab, name);
    await startHttp(t, outside);
    for (const [i, slot] of slots.entries()) {
      await pingOk(t, slot, server);
      await pingOk(t, outside, outsideOf(i));
      t.is((await transfer(slot, server, 'put', BYTES)).from, outsideOf(i));
      // What is none of its insides is dropped, with redirect as without.
      await slot.ip('addr add 172.16.0.9/24 dev up0');
      t.not((await ping(slot, server, { more: ['-I', '172.16.0.9'] })).status, 0);
    }
    const { healthy, problems } = await statusOf(t, name);
    t.true(healthy, problems.join());
    t.is(CLONE, '172.16.0.2');
  });
}
