// Slots: clones with the very same address, each of which has an outside of its own. In namespaces behind veth pairs,
// behind a bridge with the same MAC as well, and on taps.

import test from 'ava';
import { openSlots } from '../../src/nat/instance/index.ts';
import { GATEWAY, NEAR_OUTSIDE } from '../support/lab.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { ask, overBoth, serve } from '../support/seen.ts';
import {
  attachBare,
  CLONE,
  CLONE_GATEWAY,
  CLONE_MAC,
  CLONE6,
  makeSlotLab,
  OUTSIDE6,
  outside6Of,
  outsideOf,
  takeSlots,
} from '../support/slot-lab.ts';
import { startTapGuests } from '../support/tap-guests.ts';
import { pingOk, sendDatagrams, startEcho, startHttp, transfer } from '../support/traffic.ts';

needsRootAndBpf(test);

for (const topology of ['veth', 'bridge'] as const) {
  const station = topology === 'bridge' ? { station: CLONE_MAC } : {};

  test.serial(`ping, TCP and UDP from identical slots, ${topology}`, async (t) => {
    const lab = await makeSlotLab(t, { topology });
    const name = await attachBare(t, lab, ['--unmapped', 'drop']);
    takeSlots(t, lab, name, station);
    await startHttp(t, lab.outside);
    const echo = await startEcho(t, lab.outside);
    for (const [i, slot] of lab.slots.entries()) {
      await pingOk(t, slot, lab.server);
      const received = await transfer(slot, lab.server, 'put', 300_000);
      t.is(received.from, outsideOf(i));
      t.is(received.bytes, 300_000);
      t.is((await transfer(slot, lab.server, 'get', 300_000)).bytes, 300_000);
      t.is((await sendDatagrams(slot, lab.server)).echoed, 100);
    }
    t.deepEqual(
      [...(await echo.stop()).from].sort(),
      lab.slots.map((_, i) => outsideOf(i)),
    );
  });

  test.serial(`servers in slots that have never sent a packet, ${topology}`, async (t) => {
    const lab = await makeSlotLab(t, { topology });
    takeSlots(t, lab, await attachBare(t, lab, ['--unmapped', 'drop']), station);
    for (const [i, slot] of lab.slots.entries()) {
      await serve(t, slot, ['tcp', CLONE, 7000], ['udp', CLONE, 7000]);
      const asked = await ask(lab.outside, ...overBoth([NEAR_OUTSIDE, 0], [outsideOf(i), 7000]));
      t.true(
        asked.every((seen) => Array.isArray(seen) && seen[0] === NEAR_OUTSIDE),
        `slot ${i} sees who asks: ${JSON.stringify(asked)}`,
      );
      await pingOk(t, lab.outside, outsideOf(i));
    }
  });

  test.serial(`slots to each other and to their host, ${topology}`, async (t) => {
    const lab = await makeSlotLab(t, { topology });
    takeSlots(t, lab, await attachBare(t, lab, ['--unmapped', 'drop']), station);
    const [first, second] = lab.slots;
    await serve(t, second!, ['tcp', CLONE, 7000], ['udp', CLONE, 7000]);
    await serve(t, lab.gateway, ['tcp', GATEWAY, 7001], ['udp', GATEWAY, 7001]);
    const seen = [outsideOf(0), 5000];
    t.deepEqual(await ask(first!, ...overBoth([CLONE, 5000], [outsideOf(1), 7000])), [seen, seen]);
    t.deepEqual(await ask(first!, ...overBoth([CLONE, 5000], [GATEWAY, 7001])), [seen, seen]);
    const fromHost = await ask(lab.gateway, ...overBoth([GATEWAY, 0], [outsideOf(1), 7000]));
    t.true(
      fromHost.every((each) => Array.isArray(each) && each[0] === GATEWAY),
      JSON.stringify(fromHost),
    );
  });
}

test.serial('both families', async (t) => {
  const lab = await makeSlotLab(t, { ipv6: true });
  const name = await attachBare(t, lab, ['--unmapped', 'drop']);
  const slots = takeSlots(t, lab, name);
  slots.reserve(lab.devices.map((device) => ({ interface: device, inside: CLONE6 })));
  slots.bindAll(lab.devices.map((device, i) => [device, outside6Of(i)] as const));
  await serve(t, lab.outside, ['tcp', OUTSIDE6, 7000], ['udp', OUTSIDE6, 7000], ['tcp', NEAR_OUTSIDE, 7000]);
  for (const [i, slot] of lab.slots.entries()) {
    await pingOk(t, slot, OUTSIDE6);
    await pingOk(t, lab.outside, outside6Of(i));
    const seen = [outside6Of(i), 5000];
    t.deepEqual(await ask(slot, ...overBoth([CLONE6, 5000], [OUTSIDE6, 7000])), [seen, seen]);
    const [four] = await ask(slot, { protocol: 'tcp', from: [CLONE, 5000], to: [NEAR_OUTSIDE, 7000] });
    t.deepEqual(four, [outsideOf(i), 5000]);
  }
});

test.serial('taps: identical MACs and addresses, spoken for in user space', async (t) => {
  const lab = await makeSlotLab(t, { slots: 0 });
  const name = await attachBare(t, lab, ['--unmapped', 'drop']);
  const devices = ['tap0', 'tap1', 'tap2'];
  const guests = await startTapGuests(t, lab, devices);
  using slots = openSlots(name);
  slots.reserve(devices.map((device) => ({ interface: device, inside: CLONE })));
  slots.bindAll(devices.map((device, i) => [device, outsideOf(i)] as const));
  const echo = await startEcho(t, lab.outside);
  for (const [i, guest] of guests.entries()) {
    guest.process.stdin?.write(`${JSON.stringify({ to: lab.server, port: 9000, text: `guest ${i}` })}\n`);
    const [line] = await guest.says(/^\{.*\}$/m);
    t.deepEqual(JSON.parse(line), { from: lab.server, text: `guest ${i}`, sound: true });
    await pingOk(t, lab.outside, outsideOf(i));
  }
  t.deepEqual(
    [...(await echo.stop()).from].sort(),
    devices.map((_, i) => outsideOf(i)),
  );
});

test.serial('at the uplink instead, where the slots are routed', async (t) => {
  const lab = await makeSlotLab(t);
  // Routing sees the inside there, so each device needs the gateway's address, and nothing may ask which way is back.
  await lab.gateway.ip(...lab.devices.map((device) => `addr add ${CLONE_GATEWAY}/32 dev ${device}`));
  await lab.gateway.sysctl(
    Object.fromEntries(lab.devices.map((device) => [`ipv4/conf/${device}/proxy_arp`, 1])),
  );
  const name = await attachBare(t, lab, ['--slots', 'uplink', '--unmapped', 'drop']);
  takeSlots(t, lab, name);
  await serve(t, lab.outside, ['tcp', NEAR_OUTSIDE, 7000], ['udp', NEAR_OUTSIDE, 7000]);
  for (const [i, slot] of lab.slots.entries()) {
    const seen = [outsideOf(i), 5000];
    t.deepEqual(await ask(slot, ...overBoth([CLONE, 5000], [NEAR_OUTSIDE, 7000])), [seen, seen]);
    await pingOk(t, lab.outside, outsideOf(i));
  }
  t.notRegex(
    await lab.gateway.must(['tc', 'qdisc', 'show']),
    /clsact \S+ dev tap/,
    'nothing sits on the devices',
  );
});
