// An instance with redirect through its changes: what is mapped, whether it is on at all, and interfaces that come and go.

import test from 'ava';
import { refuses, tsnat, tsnatOk } from '../support/cli.ts';
import { INSIDE, ON_LINK, SECOND_ON_LINK } from '../support/lab.ts';
import { redirectOn, testSending } from '../support/redirect.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { brokenStatusOf, statusOf } from '../support/state.ts';
import { TC_HOOKS } from '../support/tcx.ts';
import { ping, pingOk } from '../support/traffic.ts';
import { instanceName } from '../support/translate.ts';
import { filtersOn, hasClsact, isPinned } from '../support/witness.ts';
import { acquaint, forwardedBy, makeXdpLab } from '../support/xdp.ts';

const STRAY = 5;
const MANY = { count: 20 };

needsRootAndBpf(test);

for (const hook of TC_HOOKS) {
  testSending(`changes take hold at once, ${hook}`, async (t) => {
    const lab = await makeXdpLab(t, { offload: 'on' });
    const name = await redirectOn(t, lab, ['--hook', hook]);
    const byStack = () => forwardedBy(lab, () => pingOk(t, lab.inside, lab.server, MANY));
    await acquaint(lab);
    t.true((await byStack()) <= STRAY);
    await tsnatOk(t, ['map', 'del', name, INSIDE]);
    t.is((await ping(lab.outside, ON_LINK, { count: 1 })).status, 1);
    await tsnatOk(t, ['map', 'add', name, `${INSIDE}=${SECOND_ON_LINK}`]);
    await pingOk(t, lab.outside, SECOND_ON_LINK);
    t.true((await byStack()) <= STRAY);
    // Ports are new to the programs: they are swapped, all three.
    await tsnatOk(t, ['map', 'add', name, '10.0.0.9:80/tcp=203.0.113.9:8080/tcp']);
    t.true((await byStack()) <= STRAY);
    t.like(await statusOf(t, name), { healthy: true, mappings: 3, hook, redirect: { inside: ['down0'] } });
    const attach = ['attach', lab.device, '--name', name, '--netns', lab.gateway.name, '--replace'];
    await tsnatOk(t, [...attach, '--unmapped', 'drop']);
    t.true((await byStack()) <= STRAY);
    // Another interface inside, which nobody is behind, and back.
    await lab.gateway.ip(
      'link add other0 type veth peer name other1',
      'link set other0 up',
      'link set other1 up',
    );
    await tsnatOk(t, [...attach, '--inside', 'other0']);
    t.true((await byStack()) > STRAY);
    t.like(await statusOf(t, name), { healthy: true, redirect: { inside: ['other0'] } });
    t.deepEqual(await filtersOn(lab.gateway, 'down0', 'ingress').catch(() => []), []);
    t.false(await hasClsact(lab.gateway, 'down0'));
    await tsnatOk(t, [...attach, '--inside', 'down0', '--inside', 'other0']);
    t.true((await byStack()) <= STRAY);
    await tsnatOk(t, [...attach, '--no-redirect']);
    t.is((await statusOf(t, name)).redirect, undefined);
    t.true((await byStack()) > STRAY);
    for (const device of ['down0', 'other0']) t.false(await hasClsact(lab.gateway, device), device);
    await tsnatOk(t, [...attach, '--redirect', '--inside', 'down0']);
    t.true((await byStack()) <= STRAY);
    await tsnatOk(t, ['detach', name]);
    t.false(isPinned(name));
    for (const device of ['down0', lab.device]) t.false(await hasClsact(lab.gateway, device), device);
  });

  testSending(`a qdisc of others stays, ${hook}`, async (t) => {
    const lab = await makeXdpLab(t);
    await lab.gateway.must(['tc', 'qdisc', 'add', 'dev', 'down0', 'clsact']);
    const name = await redirectOn(t, lab, ['--hook', hook]);
    await acquaint(lab);
    await tsnatOk(t, ['detach', name]);
    t.true(await hasClsact(lab.gateway, 'down0'));
    t.deepEqual(await filtersOn(lab.gateway, 'down0', 'ingress'), []);
  });
}

testSending('XDP and redirect take turns', async (t) => {
  const lab = await makeXdpLab(t);
  const name = await redirectOn(t, lab);
  const attach = ['attach', lab.device, '--name', name, '--netns', lab.gateway.name, '--replace'];
  await refuses(t, [...attach, '--hook', 'xdp', '--inside', 'down0'], {
    status: 1,
    names: ['--no-redirect'],
  });
  await tsnatOk(t, [...attach, '--hook', 'xdp', '--no-redirect', '--inside', 'down0']);
  const { xdp, redirect, hook } = await statusOf(t, name);
  t.like({ xdp, redirect }, { xdp: { inside: ['down0'] }, redirect: undefined });
  await refuses(t, [...attach, '--redirect', '--inside', 'down0'], { status: 1, names: ['--hook tcx'] });
  await tsnatOk(t, [...attach, '--hook', hook, '--redirect', '--inside', 'down0']);
  t.like(await statusOf(t, name), { healthy: true, xdp: undefined, redirect: { inside: ['down0'] } });
  await acquaint(lab);
  t.true((await forwardedBy(lab, () => pingOk(t, lab.inside, lab.server, MANY))) <= STRAY);
});

testSending('what it cannot be attached to is refused, with nothing left behind', async (t) => {
  const lab = await makeXdpLab(t);
  const name = instanceName(t);
  const attach = ['attach', lab.device, '--name', name, '--netns', lab.gateway.name];
  const refused = async (
    more: readonly string[],
    names: readonly string[],
    status: 1 | 2 = 1,
  ): Promise<void> => {
    await refuses(t, [...attach, ...more], { status, names: [...names] });
    t.false(isPinned(name));
  };
  await refused(['--redirect'], ['--inside']);
  await refused(['--inside', 'down0'], ['--redirect']);
  await refused(['--redirect', '--no-redirect', '--inside', 'down0'], ['--no-redirect'], 2);
  await refused(['--redirect', '--inside', 'nosuch0'], ['nosuch0', 'down0']);
  await refused(['--redirect', '--inside', lab.device], [lab.device]);
  await refused(['--redirect', '--hook', 'xdp', '--inside', 'down0'], ['XDP', 'redirect']);
  await lab.gateway.ip('link add br0 type bridge', 'link set down0 master br0');
  await refused(['--redirect', '--inside', 'down0'], ['down0', 'br0']);
});

testSending('interfaces that are gone are told of, and left out', async (t) => {
  const lab = await makeXdpLab(t);
  await lab.gateway.ip('link add other0 type veth peer name other1', 'link set other0 up');
  const name = await redirectOn(t, lab, ['--inside', 'other0']);
  await acquaint(lab);
  t.like(await statusOf(t, name), { redirect: { inside: ['down0', 'other0'] } });
  await lab.gateway.ip('link del other0');
  t.regex((await brokenStatusOf(t, name)).problems.join(), /inside interface \(index \d+\) is gone/);
  t.true((await forwardedBy(lab, () => pingOk(t, lab.inside, lab.server, MANY))) <= STRAY);
  await tsnatOk(t, ['map', 'add', name, '10.0.0.9:80/tcp=203.0.113.9:8080/tcp']);
  const again = ['attach', lab.device, '--name', name, '--netns', lab.gateway.name, '--replace'];
  await tsnatOk(t, [...again, '--inside', 'down0']);
  t.true((await statusOf(t, name)).healthy);
  t.true((await forwardedBy(lab, () => pingOk(t, lab.inside, lab.server, MANY))) <= STRAY);
  const { stdout } = await tsnat(['doctor']);
  t.regex(stdout, /redirect sends on meets no firewall/);
  await tsnatOk(t, ['detach', name]);
  t.false(isPinned(name));
});
