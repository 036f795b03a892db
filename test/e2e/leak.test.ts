// Nothing untranslated leaves or enters where that is the policy: not between the moment translation begins and the
// moment it ends, whatever is done to the instance meanwhile, with thousands of packets a second on the way.

import test from 'ava';
import { Capture } from '../support/capture.ts';
import { tsnatOk } from '../support/cli.ts';
import { sleep } from '../support/command.ts';
import { EMULATED, PATIENCE } from '../support/emulation.ts';
import { GATEWAY, INSIDE, makeLab, NEAR_OUTSIDE, ON_LINK } from '../support/lab.ts';
import { GATEWAY6, INSIDE6, NEAR_OUTSIDE6, ON_LINK6 } from '../support/lab6.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { runs, startSender } from '../support/sources.ts';
import { HOOKS, instanceName } from '../support/translate.ts';

const RATE = EMULATED ? 40 : 1_000;
const LEAD_MS = EMULATED ? 3_000 : 200;
/** What arrives for the outside address, and what arrives for the inside one itself. */
const MAPPED_PORT = 9000;
const DIRECT_PORT = 9001;

const FAMILIES = [
  { inside: INSIDE, outside: ON_LINK, server: NEAR_OUTSIDE },
  { inside: INSIDE6, outside: ON_LINK6, server: NEAR_OUTSIDE6 },
] as const;

needsRootAndBpf(test);

for (const hook of HOOKS) {
  test.serial(`attach, --replace, map add, map del and detach leave no gap, ${hook}`, async (t) => {
    t.timeout(120_000 * PATIENCE);
    const lab = await makeLab(t, { secondInside: true, ipv6: true });
    // Without answers from closed ports; and what is not translated can come in.
    for (const host of [lab.inside, lab.outside]) {
      for (const tool of ['iptables', 'ip6tables'])
        await host.must([tool, '-A', 'INPUT', '-p', 'udp', '-j', 'DROP']);
    }
    await lab.outside.ip(`route add 10.0.0.0/24 via ${GATEWAY}`, `route add fd00::/64 via ${GATEWAY6}`);
    const [outer, inner] = await Promise.all([
      Capture.start(t, lab.outside, 'down0', `udp and (dst ${NEAR_OUTSIDE} or dst ${NEAR_OUTSIDE6})`),
      Capture.start(t, lab.inside, 'up0', `udp and (dst ${INSIDE} or dst ${INSIDE6})`),
    ]);
    const senders = await Promise.all(
      FAMILIES.flatMap(({ inside, outside, server }) => [
        startSender(t, lab.inside, [server, 9000], RATE),
        startSender(t, lab.secondInside!, [server, 9000], RATE),
        startSender(t, lab.outside, [outside, MAPPED_PORT], RATE),
        startSender(t, lab.outside, [inside, DIRECT_PORT], RATE),
      ]),
    );
    await sleep(LEAD_MS);
    const name = instanceName(t);
    const attach = ['attach', lab.device, '--netns', lab.gateway.name, '--name', name];
    const maps = FAMILIES.flatMap(({ inside, outside }) => ['--map', `${inside}=${outside}`]);
    await tsnatOk(t, [...attach, '--hook', hook, '--unmapped', 'drop', ...maps]);
    for (const options of [['--mss', '1300'], ['--exclude', '192.0.2.0/24'], []]) {
      await tsnatOk(t, [...attach, '--replace', ...options]);
    }
    // A new kind changes the programs as well.
    await tsnatOk(t, ['map', 'add', name, '10.7.0.0/24=198.51.100.0/24']);
    await tsnatOk(t, ['map', 'del', name, '10.7.0.0/24']);
    await sleep(LEAD_MS);
    await tsnatOk(t, ['detach', name]);
    await sleep(LEAD_MS);
    await Promise.all(senders.map((sender) => sender.stop()));
    await Promise.all([outer.stop(), inner.stop()]);
    for (const { inside, outside, server } of FAMILIES) {
      const left = runs(outer, ({ source, destination }) =>
        destination === server ? (source === outside ? 'translated' : 'untranslated') : undefined,
      );
      const entered = runs(inner, ({ destination, port }) =>
        destination === inside ? (port === MAPPED_PORT ? 'translated' : 'untranslated') : undefined,
      );
      const thrice = ['untranslated', 'translated', 'untranslated'];
      for (const seen of [left, entered]) {
        t.deepEqual(
          seen.map(([what]) => what),
          thrice,
          JSON.stringify(seen),
        );
        t.true(
          seen.every(([, packets]) => packets > 50),
          JSON.stringify(seen),
        );
      }
    }
  });
}
