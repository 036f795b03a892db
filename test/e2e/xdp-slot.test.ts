// XDP for slots, generic and native: what comes for them goes past TC where that can be, and nothing is different where not.

import test from 'ava';
import { openSlots } from '../../src/nat/instance/index.ts';
import { refuses, tsnatOk } from '../support/cli.ts';
import { sleep } from '../support/command.ts';
import { patternHash } from '../support/peer/pattern.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { ask, overBoth, serve } from '../support/seen.ts';
import {
  attachBare,
  CLONE,
  CLONE_MAC,
  CLONE6,
  makeSlotLab,
  OUTSIDE6,
  outside6Of,
  outsideOf,
  type SlotLab,
  takeSlots,
} from '../support/slot-lab.ts';
import { statusOf } from '../support/state.ts';
import { startTapGuests } from '../support/tap-guests.ts';
import { ping, pingOk, sendDatagrams, startEcho, startHttp, transfer } from '../support/traffic.ts';
import { instanceName } from '../support/translate.ts';
import { forwarded, MODES, NATIVE_VETH } from '../support/xdp.ts';
import { arrivedAtTc, onTheWire, withXdp } from '../support/xdp-slots.ts';

const BYTES = 3_000_000;
const EXPECTED = { bytes: BYTES, sha256: patternHash(BYTES) };
/** What TC gets now and then while packets fly: ARP, neighbours that are asked again. */
const STRAY = 20;

needsRootAndBpf(test);

for (const mode of MODES) {
  test.serial(`ping, UDP and TCP of both families for slots go past TC, ${mode}`, async (t) => {
    const lab = await makeSlotLab(t, { ipv6: true });
    await onTheWire(lab);
    const name = await attachBare(t, lab, ['--unmapped', 'drop', ...withXdp(mode)]);
    const slots = takeSlots(t, lab, name, { station: CLONE_MAC });
    slots.reserve(lab.devices.map((device) => ({ interface: device, inside: CLONE6, station: CLONE_MAC })));
    slots.bindAll(lab.devices.map((device, i) => [device, outside6Of(i)] as const));
    await startHttp(t, lab.outside);
    const echo = await startEcho(t, lab.outside);
    for (const [i, slot] of lab.slots.entries()) {
      await serve(t, slot, ['tcp', CLONE, 7000], ['udp', CLONE, 7000], ['tcp', CLONE6, 7000]);
      await pingOk(t, slot, lab.server);
      await pingOk(t, lab.outside, outside6Of(i));
    }
    const atTc = await arrivedAtTc(name, async () => {
      for (const [i, slot] of lab.slots.entries()) {
        await pingOk(t, slot, lab.server);
        await pingOk(t, lab.outside, outsideOf(i));
        await pingOk(t, slot, OUTSIDE6);
        await pingOk(t, lab.outside, outside6Of(i));
        t.like(await sendDatagrams(slot, lab.server), { sent: 100, echoed: 100, spoiled: 0 });
        t.like(await transfer(slot, lab.server, 'put', BYTES), { from: outsideOf(i), ...EXPECTED });
        t.like(await transfer(slot, lab.server, 'get', BYTES), EXPECTED);
        const asked = await ask(lab.outside, ...overBoth([lab.server, 0], [outsideOf(i), 7000]));
        t.true(
          asked.every((seen) => Array.isArray(seen) && seen[0] === lab.server),
          JSON.stringify(asked),
        );
        const [six] = await ask(lab.outside, {
          protocol: 'tcp',
          from: [OUTSIDE6, 0],
          to: [outside6Of(i), 7000],
        });
        t.true(Array.isArray(six) && six[0] === OUTSIDE6, JSON.stringify(six));
      }
    });
    t.true(atTc <= STRAY, `TC got ${atTc} packets`);
    for (const { inbound, outbound } of slots.list()) {
      t.true(inbound.packets >= 6n && outbound.packets >= 6n);
    }
    const four = slots.list().filter(({ inside }) => typeof inside === 'number');
    t.true(four.every(({ inbound }) => inbound.packets > BYTES / 1500));
    const { healthy, reasons, slots: summary, xdp } = await statusOf(t, name);
    t.true(healthy);
    t.deepEqual(xdp?.inside, []);
    t.deepEqual(summary.xdp, { delivered: 6, left: 0 });
    t.is(reasons.inbound.malformed, 0);
    t.deepEqual(
      [...(await echo.stop()).from].sort(),
      lab.slots.map((_, i) => outsideOf(i)),
    );
  });

  test.serial(`unfinished checksums and super-packets for slots are left to TC, ${mode}`, async (t) => {
    const lab = await makeSlotLab(t, { slots: 2 });
    await onTheWire(lab);
    await lab.outside.offload('down0', 'tx on');
    const name = await attachBare(t, lab, withXdp(mode));
    takeSlots(t, lab, name, { station: CLONE_MAC });
    await startHttp(t, lab.outside);
    const echo = await startEcho(t, lab.outside);
    const atTc = await arrivedAtTc(name, async () => {
      for (const [i, slot] of lab.slots.entries()) {
        t.like(await sendDatagrams(slot, lab.server), { sent: 100, echoed: 100, spoiled: 0 });
        t.like(await transfer(slot, lab.server, 'get', BYTES), EXPECTED);
        t.like(await transfer(slot, lab.server, 'put', BYTES), { from: outsideOf(i), ...EXPECTED });
      }
    });
    t.true(atTc > 200, `TC got only ${atTc} packets`);
    await echo.stop();
  });

  test.serial(`taps, ${mode}`, async (t) => {
    const lab = await makeSlotLab(t, { slots: 0 });
    await onTheWire(lab);
    const name = await attachBare(t, lab, ['--unmapped', 'drop', ...withXdp(mode)]);
    const devices = ['tap0', 'tap1'];
    const guests = await startTapGuests(t, lab, devices);
    using slots = openSlots(name);
    slots.reserve(devices.map((device) => ({ interface: device, inside: CLONE, station: CLONE_MAC })));
    slots.bindAll(devices.map((device, i) => [device, outsideOf(i)] as const));
    const echo = await startEcho(t, lab.outside);
    await pingOk(t, lab.outside, outsideOf(0));
    const count = 30;
    const atTc = await arrivedAtTc(name, async () => {
      for (const [i, guest] of guests.entries()) {
        guest.process.stdin?.write(`${JSON.stringify({ to: lab.server, port: 9000, text: `guest ${i}` })}\n`);
        const [line] = await guest.says(/^\{.*\}$/m);
        t.deepEqual(JSON.parse(line), { from: lab.server, text: `guest ${i}`, sound: true });
        await pingOk(t, lab.outside, outsideOf(i), { count });
      }
    });
    t.true(atTc < count, `TC got ${atTc} packets`);
    t.deepEqual((await statusOf(t, name)).slots.xdp, { delivered: 2, left: 0 });
    await echo.stop();
  });

  test.serial(`what XDP cannot do for slots comes out as without it, ${mode}`, async (t) => {
    const lab = await makeSlotLab(t, { slots: 2 });
    await onTheWire(lab);
    const name = await attachBare(t, lab, withXdp(mode));
    const slots = takeSlots(t, lab, name, { station: CLONE_MAC });
    const [first] = lab.slots;
    await pingOk(t, lab.outside, outsideOf(0));
    const byTc = async (run: () => Promise<unknown>): Promise<void> => {
      t.true((await arrivedAtTc(name, run)) > 0);
    };
    await byTc(() => pingOk(t, lab.outside, outsideOf(0), { size: 4000 }));
    slots.remove(['tap1']);
    await lab.gateway.ip('link set tap1 mtu 1400');
    slots.reserve([{ interface: 'tap1', inside: CLONE, station: CLONE_MAC }]);
    slots.bind('tap1', outsideOf(1));
    const large = { size: 1400, count: 2, more: ['-M', 'do'] };
    await byTc(async () => {
      const told = await ping(lab.outside, outsideOf(1), large);
      t.regex(told.stdout + told.stderr, /mtu ?= ?1400/);
    });
    await byTc(async () => {
      const { stdout } = await ping(lab.outside, outsideOf(0), { count: 1, more: ['-t', '1'] });
      t.regex(stdout, /Time to live exceeded/);
    });
    // Nobody listens: the host outside says so, and the slot is told.
    await byTc(async () => {
      const [answer] = await ask(first!, { protocol: 'udp', from: [CLONE, 0], to: [lab.server, 9] });
      t.is(answer, 'ECONNREFUSED');
    });
    // Slots to each other never come to XDP.
    await pingOk(t, first!, outsideOf(1));
    slots.rebind('tap0', '203.0.113.200', { quarantine: 60 });
    await byTc(async () => t.is((await ping(lab.outside, outsideOf(0), { count: 1 })).status, 1));
    t.true((await statusOf(t, name)).reasons.inbound.quarantined! > 0);
    await pingOk(t, lab.outside, '203.0.113.200');
    slots.release('tap0');
    await byTc(async () => t.is((await ping(lab.outside, '203.0.113.200', { count: 1 })).status, 1));
  });

  test.serial(`plain mappings beside slots, and slots that come while packets fly, ${mode}`, async (t) => {
    const lab = await makeSlotLab(t, { slots: 3 });
    await onTheWire(lab);
    // The first has an address of its own, and no slot.
    const [plain, second] = lab.slots;
    await lab.gateway.ip('addr add 172.16.0.1/24 dev tap0');
    await plain!.offload('up0', 'tx off');
    const name = await attachBare(t, lab, [
      ...[...withXdp(mode), '--inside', 'tap0', '--map', `${CLONE}=203.0.113.99`],
    ]);
    const cli = (...args: string[]) => tsnatOk(t, args);
    await cli('slot', 'reserve', name, `${CLONE}%tap1`, '--station', CLONE_MAC);
    await cli('slot', 'bind', name, `tap1=${outsideOf(1)}`);
    await startHttp(t, lab.outside);
    await pingOk(t, lab.outside, '203.0.113.99');
    const before = await forwarded(lab);
    const atTc = await arrivedAtTc(name, async () => {
      t.like(await transfer(plain!, lab.server, 'get', BYTES), EXPECTED);
      t.like(await transfer(second!, lab.server, 'get', BYTES), EXPECTED);
    });
    const byStack = (await forwarded(lab)) - before;
    t.true(atTc <= STRAY, `TC got ${atTc} packets`);
    // What the slot sends is still the stack's to forward.
    using slots = openSlots(name);
    const [slot] = slots.list();
    t.true(byStack <= Number(slot!.outbound.packets) + STRAY, `the stack forwarded ${byStack} packets`);
    // Programs that know slots of IPv6 come first, then the slots; and an instance is replaced: no echo is missing.
    const echo = await startEcho(t, lab.outside);
    const talk = Promise.all([
      sendDatagrams(plain!, lab.server, { count: 3_000 }),
      sendDatagrams(second!, lab.server, { count: 3_000 }),
    ]);
    await cli('slot', 'reserve', name, `${CLONE}%tap2`, '--station', CLONE_MAC);
    await cli('slot', 'reserve', name, `${CLONE6}%tap2`, '--station', CLONE_MAC);
    await cli('attach', 'out0', '--netns', lab.gateway.name, '--name', name, '--replace');
    await sleep(100);
    for (const { sent, echoed } of await talk) t.is(echoed, sent);
    await echo.stop();
    t.like(await statusOf(t, name), { healthy: true, xdp: { mode, inside: ['tap0'] } });
  });
}

(NATIVE_VETH ? test.serial : test.serial.skip)(
  'a device that native XDP cannot send to is left to TC, and taken when it can',
  async (t) => {
    const lab = await makeSlotLab(t, { slots: 2 });
    await onTheWire(lab);
    await lab.slots[1]!.offload('up0', 'gro off');
    const name = await attachBare(t, lab, withXdp('native'));
    takeSlots(t, lab, name, { station: CLONE_MAC });
    t.deepEqual((await statusOf(t, name)).slots.xdp, { delivered: 1, left: 1 });
    await reaches(t, lab, name, [false, true]);
    await lab.slots[1]!.offload('up0', 'gro on');
    await tsnatOk(t, ['attach', 'out0', '--netns', lab.gateway.name, '--name', name, '--replace']);
    await reaches(t, lab, name, [false, false]);
  },
);

/** Pings each slot: it answers, and TC has or has not had a hand in it. */
async function reaches(
  t: Parameters<typeof pingOk>[0],
  lab: SlotLab,
  name: string,
  byTc: readonly boolean[],
): Promise<void> {
  for (const [i, expected] of byTc.entries()) {
    const count = 30;
    const atTc = await arrivedAtTc(name, () => pingOk(t, lab.outside, outsideOf(i), { count }));
    t.is(atTc >= count, expected, `slot ${i}: TC got ${atTc} packets`);
  }
}

test.serial('what needs interfaces inside says so', async (t) => {
  const lab = await makeSlotLab(t, { slots: 1 });
  const named = ['--netns', lab.gateway.name, '--name', instanceName(t)];
  const attach = ['attach', 'out0', ...named, ...withXdp('generic')];
  await refuses(t, [...attach, '--map', '10.0.0.5=203.0.113.5'], {
    status: 1,
    names: ['10.0.0.5=203.0.113.5', '--inside', 'slots'],
  });
  const name = await attachBare(t, lab, [...withXdp('generic'), '--map', `${CLONE}%tap0=${outsideOf(0)}`]);
  const status = await tsnatOk(t, ['status', name]);
  t.regex(status, /generic xdp for slots/);
  t.regex(status, /1 bound, 0 reserved, .*; XDP delivers to 0 of them/);
});
