// First light: a ping in each direction, begun inside and outside, on each hook.

import test from 'ava';
import { Capture } from '../support/capture.ts';
import { INSIDE, makeLab, ON_LINK, ROUTED, SECOND_INSIDE, SECOND_ON_LINK } from '../support/lab.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { pingOk } from '../support/traffic.ts';
import { HOOKS, translate } from '../support/translate.ts';

needsRootAndBpf(test);

for (const hook of HOOKS) {
  test.serial(`ping from inside and from outside, ${hook}`, async (t) => {
    const lab = await makeLab(t);
    await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
    const wire = await Capture.start(t, lab.outside, 'down0', 'icmp');
    await pingOk(t, lab.inside, lab.server);
    await pingOk(t, lab.outside, ON_LINK);
    await wire.stop();
    const addresses = new Set(wire.packets().flatMap(({ source, destination }) => [source, destination]));
    t.deepEqual([...addresses].sort(), [lab.server, ON_LINK], 'the inside address never shows outside');
    t.deepEqual(await wire.faults(), []);
  });
}

test.serial('an outside address that is routed to the gateway, not on its link', async (t) => {
  const lab = await makeLab(t);
  await translate(t, lab, { map: [[INSIDE, ROUTED]] });
  await pingOk(t, lab.inside, lab.server);
  await pingOk(t, lab.outside, ROUTED);
});

test.serial('two inside hosts keep apart', async (t) => {
  const lab = await makeLab(t, { secondInside: true });
  await translate(t, lab, {
    map: [
      [INSIDE, ON_LINK],
      [SECOND_INSIDE, SECOND_ON_LINK],
    ],
  });
  const { inside, secondInside } = lab;
  if (!secondInside) return t.fail();
  const [first, second] = await Promise.all([
    Capture.start(t, inside, 'up0', 'icmp'),
    Capture.start(t, secondInside, 'up0', 'icmp'),
  ]);
  await pingOk(t, lab.outside, ON_LINK);
  await pingOk(t, lab.outside, SECOND_ON_LINK);
  await pingOk(t, secondInside, lab.server);
  await Promise.all([first.stop(), second.stop()]);
  t.true(
    first.packets().length > 0 && first.packets().every((p) => [p.source, p.destination].includes(INSIDE)),
  );
  t.true(
    second.packets().length > 0 &&
      second.packets().every((p) => [p.source, p.destination].includes(SECOND_INSIDE)),
  );
});
