// The MSS clamp: connections through the gateway never ask for more than it lets them, either way.

import test from 'ava';
import { Capture } from '../support/capture.ts';
import { INSIDE, makeLab, NEAR_OUTSIDE, ON_LINK, SECOND_INSIDE, SECOND_ON_LINK } from '../support/lab.ts';
import { INSIDE6, NEAR_OUTSIDE6, ON_LINK6 } from '../support/lab6.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { ask, serve } from '../support/seen.ts';
import { HOOKS, translate } from '../support/translate.ts';

const MSS = 1300;
/** What the second inside asks for by itself. */
const MODEST = 1000;

needsRootAndBpf(test);

for (const hook of HOOKS) {
  test.serial(`the MSS is lowered in what leaves and what arrives, and never raised, ${hook}`, async (t) => {
    const lab = await makeLab(t, { secondInside: true, ipv6: true, offload: 'wire' });
    const second = lab.secondInside!;
    await second.offload('up0', 'tx off');
    await second.ip(`route change default via 10.0.2.1 advmss ${MODEST}`);
    await translate(t, lab, {
      map: [
        [INSIDE, ON_LINK],
        [SECOND_INSIDE, SECOND_ON_LINK],
        [INSIDE6, ON_LINK6],
      ],
      hook,
      options: ['--mss', `${MSS}`],
    });
    await serve(t, lab.outside, ['tcp', '::', 7000]);
    await serve(t, lab.inside, ['tcp', '::', 7000]);
    const [outer, inner] = await Promise.all([
      Capture.start(t, lab.outside, 'down0', 'ip or ip6'),
      Capture.start(t, lab.inside, 'up0', 'ip or ip6'),
    ]);
    const tcp = (from: string, to: string) => ({ protocol: 'tcp', from: [from, 0], to: [to, 7000] }) as const;
    await ask(lab.inside, tcp(INSIDE, NEAR_OUTSIDE), tcp(INSIDE6, NEAR_OUTSIDE6));
    await ask(lab.outside, tcp(NEAR_OUTSIDE, ON_LINK), tcp(NEAR_OUTSIDE6, ON_LINK6));
    await ask(second, tcp(SECOND_INSIDE, NEAR_OUTSIDE));
    await Promise.all([outer.stop(), inner.stop()]);
    const asked = async (capture: Capture, filter: string): Promise<string[]> =>
      (
        await capture.tshark([
          '-Y',
          `tcp.flags.syn == 1 && (${filter})`,
          '-T',
          'fields',
          '-e',
          'tcp.options.mss_val',
        ])
      )
        .trim()
        .split('\n');
    // A SYN and the answer to one, for each family.
    t.deepEqual(await asked(outer, `ip.src == ${ON_LINK}`), ['1300', '1300']);
    t.deepEqual(await asked(outer, `ipv6.src == ${ON_LINK6}`), ['1300', '1300']);
    t.deepEqual(await asked(inner, `ip.dst == ${INSIDE}`), ['1300', '1300']);
    t.deepEqual(await asked(inner, `ipv6.dst == ${INSIDE6}`), ['1300', '1300']);
    t.deepEqual(await asked(outer, `ip.src == ${SECOND_ON_LINK}`), [`${MODEST}`]);
    t.deepEqual(await outer.faults(), []);
    t.deepEqual(await inner.faults(), []);
  });
}
