// Redirect on TC: it sends on what it can past the stack, and where it cannot nothing is different.

import test, { type ExecutionContext } from 'ava';
import { HELPERS, type Program, program } from '../../src/asm/index.ts';
import { attach, detach, loadProgram } from '../../src/loader/index.ts';
import { PACKET_OTHERHOST } from '../../src/nat/datapath/frame.ts';
import { Capture } from '../support/capture.ts';
import { sleep } from '../support/command.ts';
import { FAR_OUTSIDE, type Lab, ON_LINK } from '../support/lab.ts';
import { patternHash } from '../support/peer/pattern.ts';
import { redirectOn, seenByFirewall, testSending } from '../support/redirect.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { scapy } from '../support/scapy.ts';
import { brokenStatusOf, mappingsOf, statusOf } from '../support/state.ts';
import { ping, pingOk, sendDatagrams, startEcho, startHttp, transfer } from '../support/traffic.ts';
import { acquaint, forwardedBy, INSIDE6, makeXdpLab, ON_LINK6, SERVER6 } from '../support/xdp.ts';

const BYTES = 3_000_000;
/** What the stack has a hand in now and then while packets fly: a neighbour that is asked again. */
const STRAY = 5;
const MANY = { count: 20 };

needsRootAndBpf(test);

/** Packets are sent on without the stack, or by it. */
async function goesPast(t: ExecutionContext, lab: Lab, run: () => Promise<unknown>): Promise<void> {
  const byStack = await forwardedBy(lab, run);
  t.true(byStack <= STRAY, `the stack forwarded ${byStack} packets`);
}
async function goesThrough(t: ExecutionContext, lab: Lab, run: () => Promise<unknown>): Promise<void> {
  t.true((await forwardedBy(lab, run)) > 0, 'the stack forwarded nothing');
}

for (const offload of ['on', 'wire'] as const) {
  testSending(`ping, UDP and TCP of both families go past the stack, offload ${offload}`, async (t) => {
    const lab = await makeXdpLab(t, { offload });
    const name = await redirectOn(t, lab);
    await acquaint(lab);
    for (const host of [lab.inside, lab.outside]) await startHttp(t, host, { address: '::' });
    const echo = await startEcho(t, lab.outside);
    const before = await statusOf(t, name);
    let byFirewall = 0;
    await goesPast(t, lab, async () => {
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
        t.like(await transfer(lab.inside, SERVER6, 'put', BYTES), { from: ON_LINK6, ...expected });
      });
    });
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
  });
}

testSending('what it cannot do comes out as without it', async (t) => {
  const lab = await makeXdpLab(t, { offload: 'on' });
  const name = await redirectOn(t, lab, ['--unmapped', 'drop', '--exclude', `${FAR_OUTSIDE}/32`]);
  // The first packets find no neighbour: the stack looks for it.
  await goesThrough(t, lab, () => pingOk(t, lab.inside, lab.server));
  await acquaint(lab);
  // Fragments.
  await goesThrough(t, lab, async () => t.is((await ping(lab.inside, lab.server, { size: 4000 })).status, 0));
  await goesThrough(t, lab, async () => t.is((await ping(lab.outside, ON_LINK, { size: 4000 })).status, 0));
  await goesThrough(t, lab, async () => t.is((await ping(lab.inside, SERVER6, { size: 4000 })).status, 0));
  // The last hop is the gateway's own affair, either way.
  const last = await ping(lab.inside, lab.server, { count: 1, more: ['-t', '1'] });
  t.regex(last.stdout, /From 10\.0\.0\.1 .*Time to live exceeded/);
  const lastIn = await ping(lab.outside, ON_LINK, { count: 1, more: ['-t', '1'] });
  t.regex(lastIn.stdout, /From 203\.0\.113\.1 .*Time to live exceeded/);
  const last6 = await ping(lab.inside, SERVER6, { count: 1, more: ['-t', '1'] });
  t.regex(last6.stdout, /From fd00::1 .*Time exceeded/);
  // To oneself.
  await pingOk(t, lab.inside, ON_LINK);
  await pingOk(t, lab.inside, ON_LINK6);
  // An excluded other end is somebody that is not translated for.
  await lab.outside.ip(`addr add ${FAR_OUTSIDE}/32 dev down0`, 'route add 10.0.0.0/24 via 203.0.113.1');
  await lab.gateway.ip(`route add ${FAR_OUTSIDE}/32 via ${lab.server}`);
  await goesThrough(t, lab, () => pingOk(t, lab.inside, FAR_OUTSIDE));
  // Nobody's address, either way, and somebody else's.
  await lab.inside.ip('addr add 10.0.0.77/24 dev up0', `addr add ${ON_LINK}/32 dev up0`);
  t.is((await ping(lab.inside, lab.server, { count: 1, more: ['-I', '10.0.0.77'] })).status, 1);
  t.is((await ping(lab.outside, '203.0.113.77', { count: 1 })).status, 1);
  const { reasons } = await statusOf(t, name);
  for (const reason of ['unmapped', 'hairpin', 'excluded'] as const)
    t.true(reasons.outbound[reason]! > 0, reason);
  t.is(reasons.outbound.spoofed, 0);
  const spoofed = await Capture.start(
    t,
    lab.outside,
    'down0',
    `icmp and src ${ON_LINK} and icmp[4:2] == 0x7777`,
  );
  const frame = (source: string, id: string): string =>
    `Ether(dst="${macOf.down0}")/IP(src="${source}",dst="${lab.server}")/ICMP(id=${id})`;
  const macOf = { down0: await lab.gateway.mac('down0') };
  await scapy(lab.inside, `sendp([${frame(ON_LINK, '0x7777')}] * 3, iface="up0")\n`);
  t.is((await statusOf(t, name)).reasons.outbound.spoofed, 3);
  // Tagged frames are of another interface, which nobody has here.
  const counted = async () => (await statusOf(t, name)).translated.outbound.packets;
  const before = await counted();
  const tagged = `Ether(dst="${macOf.down0}")/Dot1Q(vlan=5)/IP(src="10.0.0.5",dst="${lab.server}")/ICMP(id=0x7777)`;
  await scapy(lab.inside, `sendp([${tagged}] * 3, iface="up0")\n`);
  await sleep(200);
  t.is(await counted(), before);
  await spoofed.stop();
  t.is(spoofed.frames().length, 0);
});

/** What a tenant can do to its packets before they reach the host: make them look like those that redirect has sent. */
const disguise: Program = program('sched_cls', 'disguise', (p) => {
  p.call(HELPERS.skb_change_type, [p.context, PACKET_OTHERHOST]);
  p.next();
});

testSending('nobody inside can pose as redirect', async (t) => {
  const lab = await makeXdpLab(t);
  const name = await redirectOn(t, lab);
  await acquaint(lab);
  const loaded = loadProgram(disguise, {});
  const target = { interface: 'up0', netns: lab.inside.name, hook: 'auto', direction: 'egress' } as const;
  const attachment = attach({ ...target, program: loaded });
  t.teardown(() => {
    detach(attachment);
    loaded.close();
  });
  const spoofed = await Capture.start(
    t,
    lab.outside,
    'down0',
    `icmp and src ${ON_LINK} and icmp[4:2] == 0x7777`,
  );
  const mac = await lab.gateway.mac('down0');
  const frame = `Ether(dst="${mac}")/IP(src="${ON_LINK}",dst="${lab.server}")/ICMP(id=0x7777)`;
  await scapy(lab.inside, `sendp([${frame}] * 3, iface="up0")\n`);
  await spoofed.stop();
  t.is(spoofed.frames().length, 0);
  t.is((await statusOf(t, name)).reasons.outbound.spoofed, 3);
  // It does no harm either.
  await goesPast(t, lab, () => pingOk(t, lab.inside, lab.server, MANY));
});

testSending('an MTU that is less is told, on either side, of a device and of a route', async (t) => {
  const lab = await makeXdpLab(t, { offload: 'on' });
  await lab.gateway.ip(`route add ${lab.server}/32 dev ${lab.device} mtu 1200`);
  const name = await redirectOn(t, lab);
  await acquaint(lab);
  await startHttp(t, lab.outside, { address: '::' });
  await startHttp(t, lab.inside, { address: '::' });
  const large = { count: 1, size: 1250, more: ['-M', 'do'] };
  // Of a route, of which a look-up by a program does not tell.
  t.regex((await ping(lab.inside, lab.server, large)).stdout, /10\.0\.0\.1 .*mtu ?= ?1200/);
  const expected = { bytes: BYTES, sha256: patternHash(BYTES) };
  t.like(await transfer(lab.inside, lab.server, 'put', BYTES), { from: ON_LINK, ...expected });
  t.regex(await lab.inside.must(['ip', 'route', 'get', lab.server]), /mtu 1200/);
  await goesPast(t, lab, () => pingOk(t, lab.inside, lab.server, MANY));
  // Of a route that has come later, it has to be told itself.
  await lab.gateway.ip(`route replace ${lab.server}/32 dev ${lab.device} mtu 1000`);
  const { problems } = await brokenStatusOf(t, name);
  t.regex(problems.join(), /a route has an MTU of 1000.*--replace/);
  await lab.gateway.ip(`route replace ${lab.server}/32 dev ${lab.device} mtu lock 1000`);
  t.true((await statusOf(t, name)).healthy);
  t.regex((await ping(lab.inside, lab.server, { ...large, size: 1050 })).stdout, /mtu ?= ?1000/);
  // Of a device.
  await lab.gateway.ip(`route del ${lab.server}/32 dev ${lab.device}`, `link set down0 mtu 1280`);
  t.regex(
    (await ping(lab.outside, ON_LINK, { ...large, size: 1300 })).stdout,
    /203\.0\.113\.1 .*mtu ?= ?1280/,
  );
  t.regex(
    (await ping(lab.outside, ON_LINK6, { ...large, size: 1300 })).stdout,
    /2001:db8::1 .*mtu ?[:=] ?1280/,
  );
  t.like(await transfer(lab.outside, ON_LINK, 'put', BYTES), { from: lab.server, ...expected });
  t.like(await transfer(lab.outside, ON_LINK6, 'put', BYTES), { from: SERVER6, ...expected });
});
