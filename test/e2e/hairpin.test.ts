// Hairpin: insides that reach each other, and themselves, by their outside addresses. The outside source is seen
// (RFC 4787, REQ-9a), and nothing of it shows on the outside link.

import test, { type ExecutionContext } from 'ava';
import { Capture } from '../support/capture.ts';
import { EMULATED } from '../support/emulation.ts';
import {
  GATEWAY,
  INSIDE,
  INSIDE_ROUTER,
  type Lab,
  makeLab,
  NEAR_OUTSIDE,
  ON_LINK,
  SECOND_INSIDE,
  SECOND_ON_LINK,
} from '../support/lab.ts';
import {
  GATEWAY6,
  INSIDE_ROUTER6,
  INSIDE6,
  NEAR_OUTSIDE6,
  ON_LINK6,
  SECOND_INSIDE6,
  SECOND_ON_LINK6,
} from '../support/lab6.ts';
import { patternHash } from '../support/peer/pattern.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { ask, overBoth, serve } from '../support/seen.ts';
import { statusOf } from '../support/state.ts';
import { ping, pingOk, startHttp, transfer } from '../support/traffic.ts';
import { HOOKS, type Translation, translate } from '../support/translate.ts';

const BULK = EMULATED ? 2_000_000 : 10_000_000;

needsRootAndBpf(test);

/** The first inside, the second, and how they are seen. */
interface Pair {
  readonly insides: readonly [string, string];
  readonly outsides: readonly [string, string];
}

const ON_LINK_PAIRS: readonly Pair[] = [
  { insides: [INSIDE, SECOND_INSIDE], outsides: [ON_LINK, SECOND_ON_LINK] },
  { insides: [INSIDE6, SECOND_INSIDE6], outsides: [ON_LINK6, SECOND_ON_LINK6] },
];
const ROUTED_PAIRS: readonly Pair[] = [
  { insides: [INSIDE, SECOND_INSIDE], outsides: ['198.51.100.5', '198.51.101.5'] },
  { insides: [INSIDE6, SECOND_INSIDE6], outsides: ['2001:db8:a::5', '2001:db8:a:2::5'] },
];

const WORLDS: readonly {
  readonly what: string;
  readonly map: Translation['map'];
  readonly pairs: readonly Pair[];
}[] = [
  {
    what: 'addresses on the link',
    map: ON_LINK_PAIRS.flatMap(({ insides, outsides }) =>
      insides.map((inside, i) => [inside, outsides[i]!] as const),
    ),
    pairs: ON_LINK_PAIRS,
  },
  {
    what: 'routed prefixes',
    map: [
      ['10.0.0.0/24', '198.51.100.0/24'],
      ['10.0.2.0/24', '198.51.101.0/24'],
      ['fd00::/64', '2001:db8:a::/64'],
      ['fd00:2::/64', '2001:db8:a:2::/64'],
    ],
    pairs: ROUTED_PAIRS,
  },
];

/** A lab with two insides, and a default route at the gateway: there lies the rest of the world. */
async function makeWorld(t: ExecutionContext): Promise<Lab> {
  const lab = await makeLab(t, { secondInside: true, ipv6: true });
  await lab.gateway.ip(`route add default via ${NEAR_OUTSIDE}`, `route add default via ${NEAR_OUTSIDE6}`);
  return lab;
}

for (const hook of HOOKS) {
  for (const { what, map, pairs } of WORLDS) {
    test.serial(`to another inside and to oneself, ${what}, ${hook}`, async (t) => {
      const lab = await makeWorld(t);
      const { name } = await translate(t, lab, { map, hook, unmapped: 'drop' });
      const wire = await Capture.start(
        t,
        lab.outside,
        'down0',
        '(ip or ip6) and not (icmp6 and ip6[40] > 129)',
      );
      const servers = pairs.map(({ insides }) => insides);
      await serve(
        t,
        lab.inside,
        ['tcp', '::', 7000],
        ...servers.map(([first]) => ['udp', first, 7000] as const),
      );
      await serve(t, lab.secondInside!, ['tcp', '::', 7000]);
      for (const { insides, outsides } of pairs) {
        const [first, second] = insides;
        const [seenFirst, seenSecond] = outsides;
        t.deepEqual(
          await ask(lab.secondInside!, ...overBoth([second, 5000], [seenFirst, 7000])),
          [
            [seenSecond, 5000],
            [seenSecond, 5000],
          ],
          'to the other',
        );
        t.deepEqual(
          await ask(lab.inside, ...overBoth([first, 5000], [seenFirst, 7000])),
          [
            [seenFirst, 5000],
            [seenFirst, 5000],
          ],
          'to oneself',
        );
        t.deepEqual(
          await ask(lab.inside, ...overBoth([first, 0], [seenSecond, 9])),
          ['ECONNREFUSED', 'ECONNREFUSED'],
          'and errors come back',
        );
        await pingOk(t, lab.inside, seenSecond);
        await pingOk(t, lab.inside, seenFirst, { size: 4_000 });
      }
      await wire.stop();
      t.is(wire.frames().length, 0, 'nothing of it shows outside');
      t.true(((await statusOf(t, name)).reasons.outbound.hairpin ?? 0) > 40);
    });
  }
}

test.serial('in bulk', async (t) => {
  const lab = await makeWorld(t);
  const [{ map } = { map: [] }] = WORLDS;
  await translate(t, lab, { map });
  await startHttp(t, lab.inside, { address: '::' });
  for (const [{ outsides }, way] of [
    [ON_LINK_PAIRS[0]!, 'get'],
    [ON_LINK_PAIRS[1]!, 'put'],
  ] as const) {
    const expected = { from: outsides[1], bytes: BULK, sha256: patternHash(BULK) };
    t.deepEqual(await transfer(lab.secondInside!, outsides[0], way, BULK), expected);
  }
});

test.serial('between ports of one shared outside address', async (t) => {
  const lab = await makeWorld(t);
  const map = [
    [INSIDE, SECOND_INSIDE, ON_LINK],
    [`[${INSIDE6}]`, `[${SECOND_INSIDE6}]`, `[${ON_LINK6}]`],
  ].flatMap(([first, second, shared]) => [
    [`${first}:7000/tcp`, `${shared}:80/tcp`] as const,
    [`${first}:7000/udp`, `${shared}:80/udp`] as const,
    [`${first}:20000-20999`, `${shared}:20000-20999`] as const,
    [`${second}:30000-30999`, `${shared}:40000-40999`] as const,
  ]);
  await translate(t, lab, { map, unmapped: 'drop' });
  await serve(t, lab.inside, ['tcp', '::', 7000], ['udp', INSIDE, 7000], ['udp', INSIDE6, 7000]);
  for (const [first, second, shared] of [
    [INSIDE, SECOND_INSIDE, ON_LINK],
    [INSIDE6, SECOND_INSIDE6, ON_LINK6],
  ] as const) {
    t.deepEqual(await ask(lab.secondInside!, ...overBoth([second, 30_005], [shared, 80])), [
      [shared, 40_005],
      [shared, 40_005],
    ]);
    t.deepEqual(await ask(lab.inside, ...overBoth([first, 20_005], [shared, 80])), [
      [shared, 20_005],
      [shared, 20_005],
    ]);
    t.deepEqual(
      await ask(lab.inside, ...overBoth([first, 20_006], [shared, 40_007])),
      ['ECONNREFUSED', 'ECONNREFUSED'],
      'errors between ports come back',
    );
    await pingOk(t, lab.inside, shared, { more: ['-e', '20007'] });
  }
});

test.serial('errors about what was turned round come back: path MTU and hops', async (t) => {
  const lab = await makeLab(t, { secondInside: true, insideRouter: { mtu: 1280 }, ipv6: true });
  const [{ map } = { map: [] }] = WORLDS;
  await translate(t, lab, { map, unmapped: 'drop' });
  // The gateway's own errors come in by its outside interface as well, where Linux takes its own address for a forgery.
  await lab.gateway.sysctl({ [`ipv4/conf/${lab.device}/accept_local`]: 1 });
  const second = lab.secondInside!;
  for (const [{ outsides }, hops] of [
    [ON_LINK_PAIRS[0]!, ['10.0.2.1', GATEWAY, INSIDE_ROUTER]],
    [ON_LINK_PAIRS[1]!, ['fd00:2::1', GATEWAY6, INSIDE_ROUTER6]],
  ] as const) {
    const [target] = outsides;
    const { stdout, stderr } = await ping(second, target, { size: 1400, count: 2, more: ['-M', 'do'] });
    t.regex(stdout + stderr, /mtu ?= ?1280/i);
    const text = await second.must(['traceroute', '-n', '-q', '1', '-w', '2', '-m', '6', target]);
    // Twice through the gateway: once on the way out, once on the way in.
    t.deepEqual(
      [...text.matchAll(/^ *\d+ {2}(\S+)/gm)].map(([, hop]) => hop),
      [...hops, target],
    );
  }
});
