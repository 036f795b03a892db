// Slots in a real kernel: what does not get through, and who is told. ICMP errors of everybody on the way reach the slots
// and those who speak with them, each about the addresses that it knows.

import test, { type ExecutionContext } from 'ava';
import type { Namespace } from '../../support/namespace.ts';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { ask } from '../../support/seen.ts';
import { ping, pingOk } from '../../support/traffic.ts';
import { INSIDE, INSIDE6, SERVER, SERVER6, SlotLab, UPLINK, UPLINK6 } from './support/slot-lab.ts';

needsRootAndBpf(test);

const OUT7 = '203.0.113.7';
const OUT8 = '203.0.113.8';
const OUT7_6 = '2001:db8::7';
const OUT8_6 = '2001:db8::8';
const USES = new Set(['addresses', 'slots', 'slots6', 'slot_lists', 'slot_lists6'] as const);
const OPTIONS = { uses: USES, outsides: [OUT7, OUT8, OUT7_6, OUT8_6] };
/** Nobody listens there. */
const CLOSED = 9;

async function bound(t: ExecutionContext, options: { readonly linkMtu?: number } = {}): Promise<SlotLab> {
  const { linkMtu: mtu = 1500 } = options;
  const lab = await SlotLab.make(t, ['tap7', 'tap8'], { ...OPTIONS, ...options });
  lab.bind('tap7', OUT7, INSIDE, { mtu, hasStation: true });
  lab.bind('tap8', OUT8, INSIDE, { mtu });
  lab.bind('tap7', OUT7_6, INSIDE6, { mtu, hasStation: true });
  lab.bind('tap8', OUT8_6, INSIDE6, { mtu });
  return lab;
}

async function hops(host: Namespace, address: string): Promise<string[]> {
  const text = await host.must(['traceroute', '-n', '-q', '1', '-w', '2', '-m', '4', '-N', '1', address]);
  const lines = text.trim().split('\n').slice(1);
  return lines.map((line) => line.trim().split(/\s+/)[1] ?? '');
}

test('ICMP errors find their way', async (t) => {
  const lab = await bound(t);
  const [seven, eight] = [lab.in('tap7'), lab.in('tap8')];
  const refused = async (host: Namespace, own: string, to: string): Promise<void> => {
    const [answer] = await ask(host, { protocol: 'udp', from: [own, 0], to: [to, CLOSED] });
    t.is(answer, 'ECONNREFUSED', `${own} to ${to}`);
  };
  await refused(seven, INSIDE, SERVER);
  await refused(lab.outside, SERVER, OUT7);
  await refused(seven, INSIDE, OUT8);
  await refused(seven, INSIDE, UPLINK);
  await refused(lab.gateway, UPLINK, OUT7);
  await refused(seven, INSIDE6, SERVER6);
  await refused(lab.outside, SERVER6, OUT7_6);
  await refused(eight, INSIDE6, OUT7_6);
  await refused(eight, INSIDE6, UPLINK6);
  // The host's own stack answers what ends its life here: to the slot, and about what is for one.
  t.deepEqual(await hops(seven, SERVER), [UPLINK, SERVER]);
  t.deepEqual(await hops(lab.outside, OUT7), [UPLINK, OUT7]);
  t.deepEqual(await hops(seven, SERVER6), [UPLINK6, SERVER6]);
  t.deepEqual(await hops(lab.outside, OUT7_6), [UPLINK6, OUT7_6]);
  t.true(lab.reasons().expired! >= 2);
});

test('who sends more than fits is told', async (t) => {
  const lab = await bound(t, { linkMtu: 1300 });
  const eight = lab.in('tap8');
  // Links of slots are narrow; what slots send to each other is no larger.
  await eight.ip('link set eth0 mtu 1500');
  await lab.gateway.ip('link set tap8 mtu 1500');
  const large = { size: 1372, count: 2 };
  for (const host of [lab.outside, eight, lab.gateway]) {
    const told = await ping(host, OUT7, { ...large, more: ['-M', 'do'] });
    t.regex(told.stdout + told.stderr, /mtu ?= ?1300/, JSON.stringify(lab.reasons()));
  }
  const told = lab.reasons().too_big_answered;
  t.true(told! >= 3, `${told}`);
  await lab.outside.ip('route flush cache');
  await ping(lab.outside, OUT7, { ...large, more: ['-M', 'dont'] });
  t.true(lab.reasons().too_big! >= 1, 'IPv4 that may be cut is not: it is dropped');
  for (const host of [lab.outside, eight, lab.gateway]) {
    const first = await ping(host, OUT7_6, { ...large, more: ['-M', 'do'] });
    t.regex(first.stdout + first.stderr, /mtu ?= ?1300/, JSON.stringify(lab.reasons()));
    // And believes it: what it sends next comes in fragments.
    await pingOk(t, host, OUT7_6, large);
  }
});

test('policies of a slot', async (t) => {
  const lab = await bound(t);
  const [seven, eight] = [lab.in('tap7'), lab.in('tap8')];
  lab.bind('tap7', OUT7, INSIDE, { flags: ['denyLinkLocal', 'listed'], list: 5 });
  lab.bind('tap7', OUT7_6, INSIDE6, { flags: ['denyLinkLocal', 'listed'], list: 5 });
  lab.allow(5, SERVER, 32);
  lab.allow(5, '169.254.0.0', 16);
  lab.allow(5, '2001:db8::', 126);
  await pingOk(t, seven, SERVER);
  await pingOk(t, seven, SERVER6);
  const counts = async (reason: string, host: Namespace, to: string, more: string[] = []): Promise<void> => {
    const before = lab.reasons()[reason] ?? 0;
    const { stdout } = await ping(host, to, { count: 2, more });
    t.regex(stdout, /100% packet loss/, to);
    t.true((lab.reasons()[reason] ?? 0) >= before + 2, `${reason}: ${to}`);
  };
  await counts('denied', seven, '169.254.169.254');
  await counts('denied', seven, UPLINK);
  await counts('denied', seven, 'fd00:ec2::254');
  await counts('denied', seven, '2001:db8::77');
  // Whose question for the gateway would not be answered.
  await pingOk(t, eight, SERVER);
  await eight.ip('addr add 10.9.9.9/32 dev eth0');
  await counts('foreign', eight, SERVER, ['-I', '10.9.9.9']);
  lab.reserve('tap8', INSIDE);
  await counts('unbound', eight, SERVER);
  // Any source: what is no inside is left to the host, which has no way back here.
  lab.bind('tap8', OUT8, INSIDE, { flags: ['anySource'] });
  await pingOk(t, eight, SERVER);
  const { foreign } = lab.reasons();
  await ping(eight, SERVER, { count: 2, more: ['-I', '10.9.9.9'] });
  t.is(lab.reasons().foreign, foreign);
  lab.quarantine('tap8', OUT8, 1n << 62n);
  await counts('quarantined', lab.outside, OUT8);
  lab.quarantine('tap8', OUT8, 0n);
  const { quarantined } = lab.reasons();
  await ping(lab.outside, OUT8, { count: 1 });
  t.is(lab.reasons().quarantined, quarantined);
});
