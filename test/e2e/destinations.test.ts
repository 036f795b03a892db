// Policy by direction, spoofed senders, and destinations that are not translated for.

import test, { type ExecutionContext } from 'ava';
import { Capture } from '../support/capture.ts';
import { tsnatOk } from '../support/cli.ts';
import { GATEWAY, INSIDE, makeLab, NEAR_OUTSIDE, ON_LINK, SECOND_INSIDE } from '../support/lab.ts';
import { GATEWAY6, INSIDE6, NEAR_OUTSIDE6, ON_LINK6 } from '../support/lab6.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { ask, overBoth, serve } from '../support/seen.ts';
import { statusOf } from '../support/state.ts';
import { ping, pingOk } from '../support/traffic.ts';
import { HOOKS, translate } from '../support/translate.ts';

/** A second address of the outside host. */
const OTHER = '203.0.113.3';
const OTHER6 = '2001:db8::3';
const MAP = [
  [INSIDE, ON_LINK],
  [INSIDE6, ON_LINK6],
] as const;

needsRootAndBpf(test);

async function reasonsOf(t: ExecutionContext, name: string) {
  return (await statusOf(t, name)).reasons;
}

for (const [unmapped, dropped] of [
  ['outbound=drop,inbound=pass', 'outbound'],
  ['outbound=pass,inbound=drop', 'inbound'],
] as const) {
  test.serial(`unmapped: ${unmapped}`, async (t) => {
    const lab = await makeLab(t, { secondInside: true });
    await lab.outside.ip(`route add 10.0.2.0/24 via ${GATEWAY}`);
    const { name } = await translate(t, lab, { map: [[INSIDE, ON_LINK]], unmapped });
    const [outer, inner] = await Promise.all([
      Capture.start(t, lab.outside, 'down0', `icmp and host ${SECOND_INSIDE}`),
      Capture.start(t, lab.secondInside!, 'up0', 'icmp'),
    ]);
    t.is((await ping(lab.secondInside!, lab.server, { count: 2 })).status, 1);
    t.is((await ping(lab.outside, SECOND_INSIDE, { count: 2 })).status, 1);
    await pingOk(t, lab.inside, lab.server);
    await pingOk(t, lab.outside, ON_LINK);
    await Promise.all([outer.stop(), inner.stop()]);
    const left = outer.packets().filter(({ source }) => source === SECOND_INSIDE).length;
    const entered = inner.packets().filter(({ destination }) => destination === SECOND_INSIDE).length;
    // Two requests and two answers: with inbound drop the requests leave, with outbound drop they enter.
    t.deepEqual([left, entered], dropped === 'outbound' ? [0, 2] : [2, 0]);
    const reasons = await reasonsOf(t, name);
    t.true((reasons[dropped].unmapped ?? 0) >= 4);
    t.like(await statusOf(t, name), {
      unmapped: {
        outbound: dropped === 'outbound' ? 'drop' : 'pass',
        inbound: dropped === 'inbound' ? 'drop' : 'pass',
      },
    });
  });
}

for (const hook of HOOKS) {
  test.serial(`an inside does not get out with an outside address of its own making, ${hook}`, async (t) => {
    const lab = await makeLab(t, { ipv6: true });
    const { name } = await translate(t, lab, { map: MAP, hook, unmapped: 'pass' });
    await lab.inside.ip(`addr add ${ON_LINK}/32 dev lo`, `addr add ${ON_LINK6}/128 dev lo`);
    const attempts = async (): Promise<void> => {
      await ping(lab.inside, NEAR_OUTSIDE, { count: 2, more: ['-I', ON_LINK] });
      await ping(lab.inside, NEAR_OUTSIDE6, { count: 2, more: ['-I', ON_LINK6] });
    };
    const requests = 'icmp[0] == 8 or (icmp6 and ip6[40] == 128)';
    const wire = await Capture.start(t, lab.outside, 'down0', requests);
    await attempts();
    await wire.stop();
    t.is(wire.frames().length, 0);
    t.is((await reasonsOf(t, name)).outbound.spoofed, 4, 'dropped, and counted');
    const attach = ['attach', lab.device, '--netns', lab.gateway.name, '--name', name, '--replace'];
    await tsnatOk(t, [...attach, '--spoofed', 'pass']);
    const open = await Capture.start(t, lab.outside, 'down0', requests);
    await attempts();
    await open.stop();
    t.is(open.frames().length, 4, 'let go on request');
  });

  test.serial(`excluded destinations: untranslated both ways, whatever the policy, ${hook}`, async (t) => {
    const lab = await makeLab(t, { ipv6: true });
    await lab.outside.ip(
      `addr add ${OTHER}/24 dev down0`,
      `addr add ${OTHER6}/64 dev down0`,
      `route add 10.0.0.0/24 via ${GATEWAY}`,
      `route add fd00::/64 via ${GATEWAY6}`,
    );
    await serve(t, lab.outside, ['tcp', '::', 7000], ['udp', OTHER, 7000], ['udp', OTHER6, 7000]);
    await serve(t, lab.inside, ['tcp', '::', 7000], ['udp', INSIDE, 7000], ['udp', INSIDE6, 7000]);
    const { name } = await translate(t, lab, {
      map: MAP,
      hook,
      unmapped: 'drop',
      options: ['--exclude', `${OTHER}/32`, '--exclude', '2001:db8::3/128'],
    });
    for (const [inside, outside, other, server] of [
      [INSIDE, ON_LINK, OTHER, NEAR_OUTSIDE],
      [INSIDE6, ON_LINK6, OTHER6, NEAR_OUTSIDE6],
    ] as const) {
      const [first] = overBoth([inside, 5000], [server, 7000]);
      t.deepEqual(
        await ask(lab.inside, ...overBoth([inside, 5000], [other, 7000]), first!),
        [
          [inside, 5000],
          [inside, 5000],
          [outside, 5000],
        ],
        'only others see the outside address',
      );
      t.deepEqual(
        await ask(lab.outside, ...overBoth([other, 5001], [inside, 7000])),
        [
          [other, 5001],
          [other, 5001],
        ],
        'and who is excluded comes in by the inside one',
      );
      await pingOk(t, lab.inside, other);
      await pingOk(t, lab.outside, inside, { more: ['-I', other] });
      t.is(
        (await ping(lab.outside, inside, { count: 1, more: ['-I', server] })).status,
        1,
        'who is not, does not',
      );
    }
    const { outbound, inbound } = await reasonsOf(t, name);
    t.true((outbound.excluded ?? 0) > 10 && (inbound.excluded ?? 0) > 10);
  });
}

test.serial('included destinations: translated for these, and for nobody else', async (t) => {
  const lab = await makeLab(t);
  await lab.outside.ip(`addr add ${OTHER}/24 dev down0`, `route add 10.0.0.0/24 via ${GATEWAY}`);
  await serve(t, lab.outside, ['tcp', '0.0.0.0', 7000]);
  await translate(t, lab, {
    map: [[INSIDE, ON_LINK]],
    unmapped: 'drop',
    options: ['--include', `${OTHER}/32`],
  });
  const to = (address: string) => ({ protocol: 'tcp', from: [INSIDE, 5000], to: [address, 7000] }) as const;
  t.deepEqual(await ask(lab.inside, to(OTHER), to(NEAR_OUTSIDE)), [
    [ON_LINK, 5000],
    [INSIDE, 5000],
  ]);
});
