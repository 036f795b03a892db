// What slots may send, what reaches them when they are released, and what conntrack gets to see of them.

import test from 'ava';
import { sleep } from '../support/command.ts';
import { NEAR_OUTSIDE } from '../support/lab.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { ask, overBoth, serve } from '../support/seen.ts';
import { attachBare, CLONE, CLONE_GATEWAY, makeSlotLab, outsideOf, takeSlots } from '../support/slot-lab.ts';
import { statusOf } from '../support/state.ts';
import { ping, pingOk } from '../support/traffic.ts';

needsRootAndBpf(test);

const METADATA = '169.254.169.254';
/** Another host beyond the uplink. */
const OTHER = '198.51.100.9';

test.serial('what is not bound gets nowhere, and what is released a second time neither', async (t) => {
  const lab = await makeSlotLab(t, { slots: 2 });
  const name = await attachBare(t, lab);
  const slots = takeSlots(t, lab, name, { bind: false });
  const [slot] = lab.slots;
  t.is((await ping(slot!, lab.server, { count: 2 })).status, 1);
  t.true((await statusOf(t, name)).reasons.outbound.unbound! >= 2);
  slots.bind('tap0', outsideOf(0));
  await pingOk(t, slot!, lab.server);
  slots.release('tap0');
  t.is((await ping(slot!, lab.server, { count: 1 })).status, 1);
  t.is((await ping(lab.outside, outsideOf(0), { count: 1 })).status, 1);
});

test.serial('a source that is none of its own is dropped, unless any may send', async (t) => {
  const lab = await makeSlotLab(t, { slots: 2 });
  const name = await attachBare(t, lab);
  const slots = takeSlots(t, lab, name);
  const [strict, free] = lab.slots;
  slots.remove(['tap1']);
  slots.reserve([{ interface: 'tap1', inside: CLONE }], { antiSpoof: false });
  await lab.gateway.ip('route add 10.66.0.0/24 dev tap1');
  await lab.outside.ip('route add 10.66.0.0/24 via 203.0.113.1');
  for (const [i, slot] of [strict!, free!].entries()) {
    // Who is none of its own is told no MAC either.
    const mac = await lab.gateway.mac(lab.devices[i]!);
    await slot.ip('addr add 10.66.0.9/32 dev up0', `neigh replace ${CLONE_GATEWAY} lladdr ${mac} dev up0`);
  }
  const from = ['-I', '10.66.0.9'];
  t.is((await ping(strict!, lab.server, { count: 2, more: from })).status, 1);
  const { reasons } = await statusOf(t, name);
  t.true(reasons.outbound.foreign! >= 2);
  await pingOk(t, free!, lab.server, { more: from });
});

test.serial('metadata services and destinations that are not allowed', async (t) => {
  const lab = await makeSlotLab(t, { slots: 3 });
  await lab.gateway.ip(`addr add ${METADATA}/32 dev lo`);
  await lab.outside.ip(`addr add ${OTHER}/32 dev lo`);
  await lab.gateway.ip(`route add ${OTHER}/32 via ${NEAR_OUTSIDE}`);
  const name = await attachBare(t, lab);
  const slots = takeSlots(t, lab, name);
  const [open, careful, narrow] = lab.slots;
  slots.remove(['tap1', 'tap2']);
  slots.reserve([{ interface: 'tap1', inside: CLONE }], { denyLinkLocal: true });
  const allow = [{ address: 0xcb00_7100, length: 24 }];
  slots.reserve([{ interface: 'tap2', inside: CLONE }], { allow });
  slots.bindAll([
    ['tap1', outsideOf(1)],
    ['tap2', outsideOf(2)],
  ]);
  const reaches = async (slot: typeof open, address: string): Promise<boolean> =>
    (await ping(slot!, address, { count: 2 })).status === 0;
  const table = [open, careful, narrow].map((slot) =>
    Promise.all([METADATA, OTHER, lab.server].map((address) => reaches(slot, address))),
  );
  t.deepEqual(await Promise.all(table), [
    [true, true, true],
    [false, true, true],
    [false, false, true],
  ]);
  t.true((await statusOf(t, name)).reasons.outbound.denied! >= 6);
  t.deepEqual(slots.list()[2]?.policy.allow, allow);
});

test.serial(
  'a released outside in quarantine reaches nobody, is nobody else’s, and is counted',
  async (t) => {
    const lab = await makeSlotLab(t, { slots: 2 });
    const name = await attachBare(t, lab);
    const slots = takeSlots(t, lab, name);
    await pingOk(t, lab.outside, outsideOf(0));
    slots.release('tap0', { quarantine: 15 });
    t.throws(() => slots.rebind('tap1', outsideOf(0)), { code: 'EQUARANTINED' });
    t.is((await ping(lab.outside, outsideOf(0), { count: 2 })).status, 1);
    t.true((await statusOf(t, name)).reasons.inbound.quarantined! >= 2);
    t.like(slots.quarantine()[0], { interface: 'tap0', outside: 0xcb00_710a });
    for (let tries = 0; slots.quarantine().length > 0 && tries < 300; tries++) await sleep(100);
    slots.rebind('tap1', outsideOf(0));
    await pingOk(t, lab.outside, outsideOf(0));
    await pingOk(t, lab.slots[1]!, lab.server);
  },
);

test.serial(
  'conntrack: nothing where nobody asks for it, else outsides only, and nothing with notrack',
  async (t) => {
    const lab = await makeSlotLab(t, { slots: 3 });
    takeSlots(t, lab, await attachBare(t, lab));
    await serve(t, lab.outside, ['tcp', NEAR_OUTSIDE, 7000], ['udp', NEAR_OUTSIDE, 7000]);
    const exchange = async (): Promise<void> => {
      for (const [i, slot] of lab.slots.entries()) {
        const seen = [outsideOf(i), 5000];
        t.deepEqual(await ask(slot, ...overBoth([CLONE, 5000], [NEAR_OUTSIDE, 7000])), [seen, seen]);
      }
    };
    const tracked = async (): Promise<string[]> =>
      (await lab.gateway.must(['conntrack', '-L'])).split('\n').filter((line) => line !== '');
    const rules = (text: string): Promise<string> => lab.gateway.must(['nft', '-f', '-'], { input: text });
    await exchange();
    t.deepEqual(await tracked(), [], 'no rule asks for it');
    // Any rule about connections makes the kernel track them. It sees what comes from slots behind the translation, and
    // nothing of what goes to them.
    await rules(
      'table ip t { chain c { type filter hook forward priority 0; ct state established counter; }; }',
    );
    await exchange();
    const entries = await tracked();
    t.true(entries.length >= 3, entries.join('\n'));
    t.false(
      entries.some((entry) => entry.includes('172.16.0.')),
      entries.join('\n'),
    );
    const sources = new Set(entries.map((entry) => /src=(\S+)/.exec(entry)?.[1]));
    t.deepEqual(
      [...sources].sort(),
      lab.slots.map((_, i) => outsideOf(i)),
    );
    t.true(
      entries.every((entry) => entry.includes('[UNREPLIED]')),
      'replies go past it',
    );
    await rules(
      'table ip raw { chain p { type filter hook prerouting priority raw; ip saddr 203.0.113.0/28 notrack; }; }',
    );
    await lab.gateway.must(['conntrack', '-F']);
    await exchange();
    t.deepEqual(await tracked(), [], 'notrack');
  },
);
