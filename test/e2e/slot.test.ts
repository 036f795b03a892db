// Slots: namespaces with the very same address, each of which has an outside of its own.

import test from 'ava';
import { startHttp, pingOk, sendDatagrams, startEcho, transfer } from '../support/traffic.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { attachBare, CLONE_MAC, makeSlotLab, outsideOf, takeSlots } from '../support/slot-lab.ts';

needsRootAndBpf(test);

for (const topology of ['veth', 'bridge'] as const) {
  test.serial(`ping, TCP and UDP from identical slots, ${topology}`, async (t) => {
    const lab = await makeSlotLab(t, { topology });
    const name = await attachBare(t, lab, ['--unmapped', 'drop']);
    takeSlots(t, lab, name, topology === 'bridge' ? { station: CLONE_MAC } : {});
    await startHttp(t, lab.outside);
    const echo = await startEcho(t, lab.outside);
    for (const [i, slot] of lab.slots.entries()) {
      await pingOk(t, slot, lab.server);
      const received = await transfer(slot, lab.server, 'put', 100_000);
      t.is(received.from, outsideOf(i));
      t.is(received.bytes, 100_000);
      t.is((await sendDatagrams(slot, lab.server)).echoed, 100);
    }
    t.deepEqual([...(await echo.stop()).from].sort(), lab.slots.map((_, i) => outsideOf(i)));
  });
}
