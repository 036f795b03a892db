// Ports and blocks of ports: two insides share one outside address, each with its own ports and ICMP identifiers.

import test, { type ExecutionContext } from 'ava';
import { INSIDE, type Lab, makeLab, NEAR_OUTSIDE, ON_LINK, SECOND_INSIDE } from '../support/lab.ts';
import { INSIDE6, NEAR_OUTSIDE6, ON_LINK6, SECOND_INSIDE6 } from '../support/lab6.ts';
import type { Namespace } from '../support/namespace.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { ask, overBoth, type Question, serve } from '../support/seen.ts';
import { statusOf } from '../support/state.ts';
import { ping, pingOk } from '../support/traffic.ts';
import { HOOKS, type Hook, translate } from '../support/translate.ts';

const CLOSED = 9;

needsRootAndBpf(test);

interface Family {
  readonly first: string;
  readonly second: string;
  readonly shared: string;
  readonly server: string;
}

const FAMILIES: readonly Family[] = [
  { first: INSIDE, second: SECOND_INSIDE, shared: ON_LINK, server: NEAR_OUTSIDE },
  { first: INSIDE6, second: SECOND_INSIDE6, shared: ON_LINK6, server: NEAR_OUTSIDE6 },
];

const inBrackets = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/** Ports that change and ports that do not; only `second` has a block that moves. */
function mappings({ first, second, shared }: Family): (readonly [string, string])[] {
  const [a, b, out] = [first, second, shared].map(inBrackets);
  return [
    [`${a}:8080/tcp`, `${out}:80/tcp`],
    [`${a}:5353/udp`, `${out}:53/udp`],
    [`${b}:8081/tcp`, `${out}:81/tcp`],
    [`${a}:1024-2047`, `${out}:1024-2047`],
    [`${b}:2100-4095`, `${out}:2100-4095`],
    [`${b}:6000-6099`, `${out}:16000-16099`],
  ];
}

async function share(t: ExecutionContext, hook: Hook): Promise<[Lab, Namespace, string]> {
  const lab = await makeLab(t, { secondInside: true, ipv6: true });
  const map = FAMILIES.flatMap(mappings);
  const { name } = await translate(t, lab, { map, unmapped: 'drop', hook });
  return [lab, lab.secondInside!, name];
}

for (const hook of HOOKS) {
  test.serial(`servers on mapped ports, and clients from them, ${hook}`, async (t) => {
    const [lab, second] = await share(t, hook);
    await serve(t, lab.inside, ['tcp', '::', 8080], ['udp', INSIDE, 5353], ['udp', INSIDE6, 5353]);
    await serve(t, second, ['tcp', '::', 8081], ['tcp', '::', 2100], ['tcp', '::', 6099]);
    await serve(
      t,
      lab.outside,
      ['tcp', '::', 7000],
      ['udp', NEAR_OUTSIDE, 7000],
      ['udp', NEAR_OUTSIDE6, 7000],
    );
    for (const { first, second: other, shared, server } of FAMILIES) {
      const tcp = (port: number): Question => ({ protocol: 'tcp', from: [server, 0], to: [shared, port] });
      const fromOutside = await ask(lab.outside, ...[80, 81, 2100, 16_099].map(tcp), {
        protocol: 'udp',
        from: [server, 0],
        to: [shared, 53],
      });
      t.deepEqual(
        fromOutside.map((seen) => seen[0]),
        [server, server, server, server, server],
        JSON.stringify(fromOutside),
      );
      t.deepEqual(await ask(lab.outside, tcp(82), tcp(16_100)), ['silence', 'silence'], 'in no mapping');
      const seen = [
        [shared, 1024],
        [shared, 1024],
        [shared, 2047],
        [shared, 2047],
        [shared, 53],
      ];
      t.deepEqual(
        await ask(
          lab.inside,
          ...overBoth([first, 1024], [server, 7000]),
          ...overBoth([first, 2047], [server, 7000]),
          { protocol: 'udp', from: [first, 5353], to: [server, 7000] },
          { protocol: 'udp', from: [first, 5000], to: [server, 7000] },
        ),
        [...seen, 'silence'],
      );
      t.deepEqual(
        await ask(
          second,
          ...overBoth([other, 2200], [server, 7000]),
          ...overBoth([other, 6005], [server, 7000]),
          { protocol: 'udp', from: [other, 1024], to: [server, 7000] },
        ),
        [[shared, 2200], [shared, 2200], [shared, 16_005], [shared, 16_005], 'silence'],
        "a port of the other inside's block is not this one's",
      );
    }
  });
}

test.serial('pings by identifier, both ways', async (t) => {
  const [lab, second] = await share(t, 'auto');
  const answered = async (host: Namespace, address: string, id: number): Promise<boolean> =>
    (await ping(host, address, { count: 1, more: ['-e', `${id}`] })).status === 0;
  for (const { shared, server } of FAMILIES) {
    for (const id of [1024, 1500, 2047]) {
      await pingOk(t, lab.inside, server, { more: ['-e', `${id}`] });
      await pingOk(t, lab.outside, shared, { more: ['-e', `${id}`] });
    }
    // The identifier comes back as it was sent, else ping would not know its answers.
    await pingOk(t, second, server, { more: ['-e', '6005'] });
    await pingOk(t, lab.outside, shared, { more: ['-e', '16005'] });
    await pingOk(t, second, server, { more: ['-e', '3000'] });
    t.false(await answered(lab.inside, server, 3000), 'of the other block');
    t.false(await answered(lab.outside, shared, 5000), 'of no block');
    t.false(await answered(lab.inside, server, 8080), 'a TCP port is no identifier');
  }
});

test.serial('what is refused is told, by errors that are translated back', async (t) => {
  const [lab, second] = await share(t, 'auto');
  for (const { first, second: other, shared, server } of FAMILIES) {
    const closed = (from: readonly [string, number]) => overBoth(from, [server, CLOSED]);
    const refused = ['ECONNREFUSED', 'ECONNREFUSED'];
    t.deepEqual(await ask(lab.inside, ...closed([first, 1100])), refused);
    t.deepEqual(await ask(second, ...closed([other, 6001])), refused);
    const into = (port: number) => overBoth([server, 0], [shared, port]);
    t.deepEqual(await ask(lab.outside, ...into(1100), ...into(16_001)), [...refused, ...refused]);
  }
});

test.serial('fragments without ports leave by their own reason', async (t) => {
  const [lab, , name] = await share(t, 'auto');
  for (const { shared, server } of FAMILIES) {
    const big = { count: 1, size: 3_000, more: ['-e', '1500'] };
    t.is((await ping(lab.inside, server, big)).status, 1);
    t.is((await ping(lab.outside, shared, big)).status, 1);
  }
  const { outbound, inbound } = (await statusOf(t, name)).reasons;
  t.true((outbound.fragment ?? 0) >= 4, 'two for each family');
  t.true((inbound.fragment ?? 0) >= 4);
});
