// `--unmapped drop`: nothing leaves or enters untranslated, and what is translated is none the worse for it.

import test from 'ava';
import { Capture } from '../support/capture.ts';
import { sleep } from '../support/command.ts';
import {
  GATEWAY,
  INSIDE,
  INSIDE_ROUTER,
  makeLab,
  NEAR_OUTSIDE,
  ON_LINK,
  SECOND_INSIDE,
} from '../support/lab.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { PYTHON } from '../support/root.ts';
import { ping, pingOk } from '../support/traffic.ts';
import { HOOKS, translate } from '../support/translate.ts';

needsRootAndBpf(test);

for (const hook of HOOKS) {
  test.serial(`what no mapping names neither leaves nor enters, ${hook}`, async (t) => {
    const lab = await makeLab(t, { secondInside: true });
    const { secondInside } = lab;
    if (!secondInside) return t.fail();
    await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook, unmapped: 'drop' });
    const [outer, inner] = await Promise.all([
      Capture.start(t, lab.outside, 'down0', 'not arp'),
      Capture.start(t, secondInside, 'up0', 'ip'),
    ]);
    await ping(secondInside, lab.server, { count: 2 });
    await ping(lab.gateway, lab.server, { count: 2 });
    await lab.outside.ip('route add 10.0.0.0/16 via 203.0.113.1');
    await ping(lab.outside, SECOND_INSIDE, { count: 2 });
    await ping(lab.outside, INSIDE, { count: 2 });
    const script = `
from scapy.all import *
conf.verb = 0
sendp(Ether(dst="ff:ff:ff:ff:ff:ff")/IPv6(src="fe80::1",dst="ff02::1")/ICMPv6EchoRequest(), iface="${lab.device}")
`;
    // The sender may be told that its frame was dropped.
    await lab.gateway.run([PYTHON, '-c', script]);
    await pingOk(t, lab.inside, lab.server);
    await pingOk(t, lab.outside, ON_LINK);
    await sleep(200);
    await Promise.all([outer.stop(), inner.stop()]);
    const sent = outer.packets().filter(({ destination }) => destination === NEAR_OUTSIDE);
    t.deepEqual([...new Set(sent.map(({ source }) => source))], [ON_LINK]);
    t.is(outer.frames().length, outer.packets().length, 'nothing but IPv4');
    t.deepEqual(
      inner.packets().filter(({ destination }) => destination === SECOND_INSIDE),
      [],
    );
  });

  test.serial(`with pass, what no mapping names goes on as it came, ${hook}`, async (t) => {
    const lab = await makeLab(t, { secondInside: true });
    await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook, unmapped: 'pass' });
    const outer = await Capture.start(t, lab.outside, 'down0', 'icmp');
    await lab.outside.ip(`route add 10.0.2.0/24 via ${GATEWAY}`);
    await pingOk(t, lab.outside, SECOND_INSIDE);
    await pingOk(t, lab.gateway, lab.server);
    await outer.stop();
    const sources = new Set(outer.packets().map(({ source }) => source));
    t.deepEqual([...sources].sort(), [SECOND_INSIDE, GATEWAY, NEAR_OUTSIDE].sort());
    t.deepEqual(await outer.faults(), []);
  });

  test.serial(
    `with drop, errors about a mapped host still come out: path MTU goes on working, ${hook}`,
    async (t) => {
      const lab = await makeLab(t, { insideRouter: { mtu: 1280 } });
      await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook, unmapped: 'drop' });
      const wire = await Capture.start(t, lab.outside, 'down0', 'icmp');
      const { stdout, stderr } = await ping(lab.outside, ON_LINK, {
        size: 1400,
        count: 2,
        more: ['-M', 'do'],
      });
      t.regex(stdout + stderr, /mtu ?= ?1280/);
      await wire.stop();
      const error = wire.packets().find(({ transport }) => transport?.quote);
      t.is(error?.source, INSIDE_ROUTER);
      t.is(error?.transport?.quote?.destination, ON_LINK);
    },
  );
}
