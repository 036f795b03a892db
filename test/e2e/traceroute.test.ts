// traceroute through the gateway, from both sides: every hop under the address it has for who asks.

import test from 'ava';
import {
  GATEWAY,
  INSIDE,
  INSIDE_ROUTER,
  type Lab,
  makeLab,
  ON_LINK,
  OUTSIDE_ROUTER,
} from '../support/lab.ts';
import {
  GATEWAY6,
  INSIDE_GATEWAY6,
  INSIDE_ROUTER6,
  INSIDE6,
  ON_LINK6,
  OUTSIDE_ROUTER6,
  serverOf6,
} from '../support/lab6.ts';
import type { Namespace } from '../support/namespace.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { HOOKS, translate } from '../support/translate.ts';

/** By UDP, by ICMP echoes, by TCP. */
const METHODS = ['-U', '-I', '-T'];
const UDP_PORT = '53';

needsRootAndBpf(test);

/** The hops as traceroute prints them, one address each. */
async function hops(host: Namespace, address: string, ...options: readonly string[]): Promise<string[]> {
  const text = await host.must([
    ...['traceroute', '-n', '-q', '1', '-w', '2', '-m', '6', '-N', '1'],
    ...options,
    address,
  ]);
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/)[1] ?? '')
    .filter((hop) => hop !== '');
}

const outward = (lab: Lab): string[] => ['10.0.0.1', '10.0.1.1', OUTSIDE_ROUTER, lab.server];
const inward = (target: string): string[] => ['192.0.2.1', GATEWAY, INSIDE_ROUTER, target];

for (const hook of HOOKS) {
  test.serial(`IPv4 hops from both sides, ${hook}`, async (t) => {
    const lab = await makeLab(t, { insideRouter: {}, outsideRouter: {} });
    await translate(t, lab, { map: [[INSIDE, ON_LINK]], hook });
    for (const method of METHODS) {
      t.deepEqual(await hops(lab.inside, lab.server, method), outward(lab), method);
      // From outside, everything behind the gateway but the mapped host keeps its own address.
      t.deepEqual(await hops(lab.outside, ON_LINK, method), inward(ON_LINK), method);
    }
  });
}

test.serial('hops from both sides, with redirect', async (t) => {
  const lab = await makeLab(t, { insideRouter: {}, outsideRouter: {} });
  const options = ['--redirect', '--inside', 'down0'];
  await translate(t, lab, { map: [[INSIDE, ON_LINK]], options });
  for (const method of METHODS) {
    t.deepEqual(await hops(lab.inside, lab.server, method), outward(lab), method);
    t.deepEqual(await hops(lab.outside, ON_LINK, method), inward(ON_LINK), method);
  }
});

test.serial('IPv6 hops from both sides', async (t) => {
  const lab = await makeLab(t, { insideRouter: {}, outsideRouter: {}, ipv6: true });
  await translate(t, lab, { map: [[INSIDE6, ON_LINK6]], unmapped: 'drop' });
  for (const method of METHODS) {
    t.deepEqual(
      await hops(lab.inside, serverOf6(lab), '-6', method),
      [INSIDE_GATEWAY6, 'fd00:1::1', OUTSIDE_ROUTER6, serverOf6(lab)],
      method,
    );
    t.deepEqual(
      await hops(lab.outside, ON_LINK6, '-6', method),
      ['2001:db8:2::1', GATEWAY6, INSIDE_ROUTER6, ON_LINK6],
      method,
    );
  }
});

test.serial('hops towards a mapped port, and from a block of ports', async (t) => {
  const lab = await makeLab(t, { insideRouter: {}, outsideRouter: {} });
  await translate(t, lab, {
    map: [
      [`${INSIDE}:8080/tcp`, `${ON_LINK}:80/tcp`],
      [`${INSIDE}:9053/udp`, `${ON_LINK}:${UDP_PORT}/udp`],
      [`${INSIDE}:40000-40999`, `${ON_LINK}:40000-40999`],
    ],
  });
  t.deepEqual(await hops(lab.outside, ON_LINK, '-T', '-p', '80'), inward(ON_LINK));
  t.deepEqual(await hops(lab.outside, ON_LINK, '-U', '-p', UDP_PORT), inward(ON_LINK));
  t.deepEqual(await hops(lab.inside, lab.server, '-U', '--sport=40100'), outward(lab));
  t.deepEqual(await hops(lab.inside, lab.server, '-T', '--sport=40200'), outward(lab));
});
