// XDP on top of TC, generic and native: it does the work where it can, and where it cannot nothing is different.

import test from 'ava';
import { refuses, tsnatOk } from '../support/cli.ts';
import { FAR_OUTSIDE, INSIDE, ON_LINK, SECOND_ON_LINK } from '../support/lab.ts';
import { patternHash } from '../support/peer/pattern.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { brokenStatusOf, mappingsOf, statusOf } from '../support/state.ts';
import { ping, pingOk, sendDatagrams, startEcho, startHttp, transfer } from '../support/traffic.ts';
import { instanceName } from '../support/translate.ts';
import { isPinned } from '../support/witness.ts';
import {
  accelerate,
  acquaint,
  forwardedBy,
  INSIDE6,
  MODES,
  makeXdpLab,
  NATIVE_VETH,
  ON_LINK6,
  SERVER6,
} from '../support/xdp.ts';

const BYTES = 3_000_000;
/** What the stack has a hand in now and then while packets fly: a neighbour that is asked again. */
const STRAY = 5;

needsRootAndBpf(test);

for (const mode of MODES) {
  test.serial(`ping, UDP and TCP of both families go past the stack, ${mode}`, async (t) => {
    const lab = await makeXdpLab(t);
    const name = await accelerate(t, lab, mode);
    await acquaint(lab);
    await startHttp(t, lab.outside);
    await startHttp(t, lab.inside);
    const echo = await startEcho(t, lab.outside);
    const before = await statusOf(t, name);
    const byStack = await forwardedBy(lab, async () => {
      await pingOk(t, lab.inside, lab.server);
      await pingOk(t, lab.outside, ON_LINK);
      await pingOk(t, lab.inside, SERVER6);
      await pingOk(t, lab.outside, ON_LINK6);
      t.like(await sendDatagrams(lab.inside, lab.server), { sent: 100, echoed: 100, spoiled: 0 });
      const expected = { bytes: BYTES, sha256: patternHash(BYTES) };
      t.like(await transfer(lab.inside, lab.server, 'get', BYTES), { from: ON_LINK, ...expected });
      t.like(await transfer(lab.inside, lab.server, 'put', BYTES), { from: ON_LINK, ...expected });
      t.like(await transfer(lab.outside, ON_LINK, 'get', BYTES), { from: lab.server, ...expected });
    });
    t.true(byStack <= STRAY, `the stack forwarded ${byStack} packets`);
    const { translated, healthy, reasons } = await statusOf(t, name);
    t.true(healthy);
    for (const way of ['outbound', 'inbound'] as const) {
      const packets = translated[way].packets - before.translated[way].packets;
      t.true(packets > BYTES / 1500, `${packets} ${way} packets`);
    }
    t.is(reasons.outbound.malformed, 0);
    t.deepEqual((await echo.stop()).from, [ON_LINK]);
    const six = (await mappingsOf(t, name)).find(({ inside }) => inside === INSIDE6);
    t.true((six?.outbound.packets ?? 0) >= 6 && (six?.inbound.packets ?? 0) >= 6);
  });

  test.serial(`unfinished checksums and super-packets are left to TC, ${mode}`, async (t) => {
    const lab = await makeXdpLab(t, { offload: 'on' });
    await accelerate(t, lab, mode);
    await acquaint(lab);
    await startHttp(t, lab.outside);
    await startHttp(t, lab.inside);
    const echo = await startEcho(t, lab.outside);
    const expected = { bytes: BYTES, sha256: patternHash(BYTES) };
    const byStack = await forwardedBy(lab, async () => {
      t.like(await sendDatagrams(lab.inside, lab.server), { sent: 100, echoed: 100, spoiled: 0 });
      t.like(await transfer(lab.inside, lab.server, 'put', BYTES), { from: ON_LINK, ...expected });
      t.like(await transfer(lab.outside, ON_LINK, 'put', BYTES), { from: lab.server, ...expected });
    });
    t.true(byStack > 100, `the stack forwarded only ${byStack} packets`);
    await echo.stop();
  });

  test.serial(`what XDP cannot do comes out as without it, ${mode}`, async (t) => {
    const lab = await makeXdpLab(t);
    const more = ['--unmapped', 'drop', '--exclude', `${FAR_OUTSIDE}/32`];
    const name = await accelerate(t, lab, mode, more);
    await acquaint(lab);
    const stack = async (run: () => Promise<unknown>): Promise<void> => {
      t.true((await forwardedBy(lab, run)) > 0);
    };
    // Fragments.
    await stack(async () => t.is((await ping(lab.inside, lab.server, { size: 4000 })).status, 0));
    await stack(async () => t.is((await ping(lab.inside, SERVER6, { size: 4000 })).status, 0));
    // The last hop is the gateway's own affair.
    const { stdout } = await ping(lab.inside, lab.server, { count: 1, more: ['-t', '1'] });
    t.regex(stdout, /From 10\.0\.0\.1 .*Time to live exceeded/);
    // To oneself.
    await pingOk(t, lab.inside, ON_LINK);
    // Nobody's address, either way, and somebody else's.
    await lab.inside.ip(`addr add 10.0.0.77/24 dev up0`);
    t.is((await ping(lab.inside, lab.server, { count: 1, more: ['-I', '10.0.0.77'] })).status, 1);
    const { reasons } = await statusOf(t, name);
    t.true(reasons.outbound.unmapped! > 0);
    t.true(reasons.outbound.hairpin! > 0);
    // An MTU that is less on the other side.
    await lab.gateway.ip(`link set ${lab.device} mtu 1300`);
    const large = await ping(lab.inside, lab.server, { count: 1, size: 1400, more: ['-M', 'do'] });
    t.regex(large.stdout, /Frag needed|Message too long|mtu ?= ?1300/i);
  });

  test.serial(`changes take hold at once, ${mode}`, async (t) => {
    const lab = await makeXdpLab(t);
    const name = await accelerate(t, lab, mode);
    await acquaint(lab);
    await tsnatOk(t, ['map', 'del', name, INSIDE]);
    t.is((await ping(lab.outside, ON_LINK, { count: 1 })).status, 1);
    await tsnatOk(t, ['map', 'add', name, `${INSIDE}=${SECOND_ON_LINK}`]);
    await pingOk(t, lab.outside, SECOND_ON_LINK);
    t.true((await forwardedBy(lab, () => pingOk(t, lab.inside, lab.server))) <= STRAY);
    // Ports are new to the programs: they are swapped, of XDP as well.
    await tsnatOk(t, ['map', 'add', name, `10.0.0.9:80/tcp=203.0.113.9:8080/tcp`]);
    t.true((await forwardedBy(lab, () => pingOk(t, lab.inside, lab.server))) <= STRAY);
    const status = await statusOf(t, name);
    t.like(status, { healthy: true, mappings: 3, xdp: { mode, inside: ['down0'] } });
    const attach = ['attach', lab.device, '--name', name, '--netns', lab.gateway.name, '--replace'];
    await tsnatOk(t, [...attach, '--hook', status.hook]);
    t.is((await statusOf(t, name)).xdp, undefined);
    t.true((await forwardedBy(lab, () => pingOk(t, lab.inside, lab.server))) > STRAY);
    t.notRegex(await lab.gateway.must(['ip', 'link']), /xdp/);
    await tsnatOk(t, [...attach, '--hook', 'xdp', '--inside', 'down0', '--xdp-mode', mode]);
    t.true((await forwardedBy(lab, () => pingOk(t, lab.inside, lab.server))) <= STRAY);
    await tsnatOk(t, ['detach', name]);
    t.notRegex(await lab.gateway.must(['ip', 'link']), /xdp/);
    t.false(isPinned(name));
  });
}

test.serial('what XDP cannot be attached to is refused, with nothing left behind', async (t) => {
  const lab = await makeXdpLab(t);
  const name = instanceName(t);
  const attach = ['attach', lab.device, '--name', name, '--netns', lab.gateway.name, '--hook', 'xdp'];
  const refused = async (more: readonly string[], names: readonly string[]): Promise<void> => {
    await refuses(t, [...attach, ...more], { status: 1, names: [...names] });
    t.false(isPinned(name));
    t.notRegex(await lab.gateway.must(['ip', 'link']), /xdp/);
  };
  await refused(['--map', `${INSIDE}=${ON_LINK}`], ['--inside']);
  await refused(['--inside', 'nosuch0'], ['nosuch0', 'down0']);
  await refused(['--inside', lab.device], [lab.device]);
  await lab.inside.offload('up0', 'gro off');
  await refused(['--inside', 'down0', '--xdp-mode', 'native'], ['down0', 'gro on']);
  await tsnatOk(t, [...attach, '--inside', 'down0']);
  t.like(await statusOf(t, name), { healthy: true, xdp: { mode: 'generic' } });
});

test.serial('interfaces that change are told of, and repaired', async (t) => {
  const lab = await makeXdpLab(t);
  const name = await accelerate(t, lab, MODES.at(-1) ?? 'generic');
  await acquaint(lab);
  await lab.gateway.ip('link set down0 address 02:00:00:00:77:77');
  t.regex((await brokenStatusOf(t, name)).problems.join(), /MAC of interface 'down0' has changed/);
  await pingOk(t, lab.inside, lab.server);
  await tsnatOk(t, ['attach', lab.device, '--name', name, '--netns', lab.gateway.name, '--replace']);
  t.true((await statusOf(t, name)).healthy);
  if (NATIVE_VETH) {
    await lab.inside.offload('up0', 'gro off');
    t.regex((await brokenStatusOf(t, name)).problems.join(), /down0.*cannot take what native XDP sends/);
  }
  await lab.inside.offload('up0', 'gro on');
  await lab.gateway.ip('link del down0');
  t.regex((await brokenStatusOf(t, name)).problems.join(), /is gone/);
  await tsnatOk(t, ['map', 'add', name, '10.0.0.9:80/tcp=203.0.113.9:8080/tcp']);
  await tsnatOk(t, ['detach', name]);
  t.false(isPinned(name));
});
