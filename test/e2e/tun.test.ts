// A tun device as the outside interface: packets without a link layer, the world behind it in user space.

import { join } from 'node:path';
import test from 'ava';
import { tsnatOk } from '../support/cli.ts';
import { sleep } from '../support/command.ts';
import { INSIDE, makeLab, SECOND_INSIDE } from '../support/lab.ts';
import { INSIDE6 } from '../support/lab6.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { PYTHON, ROOT } from '../support/root.ts';
import { ask, overBoth } from '../support/seen.ts';
import { ping, pingOk } from '../support/traffic.ts';
import { HOOKS, instanceName } from '../support/translate.ts';

const TUN = 'tun0';
/** Somewhere behind the tun device, in each family. */
const FAR = '198.18.0.9';
const FAR6 = '2001:db8:18::9';
const OUTSIDE = '203.0.113.5';
const OUTSIDE6 = '2001:db8::5';

needsRootAndBpf(test);

for (const hook of HOOKS) {
  test.serial(`addresses and ports, both families, over tun, ${hook}`, async (t) => {
    const lab = await makeLab(t, { secondInside: true, ipv6: true });
    const pings = [
      [FAR, OUTSIDE],
      [FAR6, OUTSIDE6],
    ];
    const world = lab.gateway.start([
      ...[PYTHON, join(ROOT, 'test/support/peer/tun.py'), TUN, JSON.stringify(pings)],
    ]);
    t.teardown(() => world.stop());
    await world.says(/ready/, 30_000);
    await lab.gateway.ip(
      `link set ${TUN} up`,
      `route add 198.18.0.0/15 dev ${TUN}`,
      `route add 2001:db8:18::/48 dev ${TUN}`,
    );
    const name = instanceName(t);
    await tsnatOk(t, [
      ...['attach', TUN, '--netns', lab.gateway.name, '--name', name, '--hook', hook, '--unmapped', 'drop'],
      ...['--map', `${INSIDE}=${OUTSIDE}`, '--map', `${INSIDE6}=${OUTSIDE6}`],
      ...['--map', `${SECOND_INSIDE}:5000-5999=203.0.113.9:15000-15999`],
    ]);
    await pingOk(t, lab.inside, FAR);
    await pingOk(t, lab.inside, FAR6);
    const udp = (from: string, port: number, to: string) => overBoth([from, port], [to, 7000])[1]!;
    t.deepEqual(await ask(lab.inside, udp(INSIDE, 5000, FAR), udp(INSIDE6, 5000, FAR6)), [
      [OUTSIDE, 5000],
      [OUTSIDE6, 5000],
    ]);
    t.deepEqual(await ask(lab.secondInside!, udp(SECOND_INSIDE, 5001, FAR)), [['203.0.113.9', 15_001]]);
    t.is(
      (await ping(lab.secondInside!, FAR, { count: 1, more: ['-e', '99'] })).status,
      1,
      'unmapped: dropped',
    );
    // And begun out there.
    world.process.stdin?.write('ping\n');
    await sleep(500);
    world.process.stdin?.end();
    const came = JSON.parse((await world.ended).stdout.replace('ready', '')) as [
      string,
      string,
      string,
      boolean,
    ][];
    t.true(
      came.every(([, , , sound]) => sound),
      'every checksum is right',
    );
    t.deepEqual(
      [...new Set(came.map(([source, , what]) => `${what} ${source}`))].sort(),
      [
        `echo ${OUTSIDE6}`,
        `echo ${OUTSIDE}`,
        `reply ${OUTSIDE6}`,
        `reply ${OUTSIDE}`,
        'udp 203.0.113.9',
        `udp ${OUTSIDE6}`,
        `udp ${OUTSIDE}`,
      ].sort(),
    );
  });
}
