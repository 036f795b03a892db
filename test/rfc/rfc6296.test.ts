// RFC 6296, IPv6-to-IPv6 network prefix translation: what it requires of a translator, on the wire. docs/rfc.md has the
// whole list.

import test, { type ExecutionContext } from 'ava';
import { Capture } from '../support/capture.ts';
import { refuses, tsnatOk } from '../support/cli.ts';
import { sleep } from '../support/command.ts';
import { type Lab, makeLab } from '../support/lab.ts';
import { GATEWAY6, INSIDE6, NEAR_OUTSIDE6 } from '../support/lab6.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { scapy } from '../support/scapy.ts';
import { ask, overBoth, serve } from '../support/seen.ts';
import { statusOf } from '../support/state.ts';
import { pingOk } from '../support/traffic.ts';
import { instanceName, translate } from '../support/translate.ts';

/** The example of section 2.1 and appendix B: a /48, whose subnet word takes up the difference. */
const SHORT = {
  map: ['fd01:203:405::/48', '2001:db8:1::/48'],
  inside: 'fd01:203:405:1::1234',
  outside: '2001:db8:1:d550::1234',
};
/** A longer prefix: the first word of the interface identifier that is not all ones does. */
const LONG = {
  map: ['fd00:5::/64', '2001:db8:a:5::/64'],
  inside: 'fd00:5::7',
  outside: '2001:db8:a:5:cf3d::7',
};

needsRootAndBpf(test);

async function world(t: ExecutionContext): Promise<{ lab: Lab; name: string }> {
  const lab = await makeLab(t, { ipv6: true, offload: 'wire' });
  for (const { inside } of [SHORT, LONG]) await lab.inside.ip(`addr add ${inside}/64 dev up0`);
  await lab.gateway.ip(
    `route add fd01:203:405::/48 via ${INSIDE6}`,
    `route add fd00:5::/64 via ${INSIDE6}`,
    `route add default via ${NEAR_OUTSIDE6}`,
  );
  await lab.outside.ip(`route add 2001:db8:1::/48 via ${GATEWAY6}`);
  const { name } = await translate(t, lab, {
    map: [SHORT, LONG].map(({ map: [inside, outside] }) => [inside!, `${outside},neutral`] as const),
    unmapped: 'drop',
  });
  return { lab, name };
}

test.serial('sections 2.6 and 3.6: the mapping of the example, and no checksum changes', async (t) => {
  const { lab } = await world(t);
  await serve(t, lab.outside, ['tcp', '::', 7000], ['udp', NEAR_OUTSIDE6, 7000]);
  const filter = 'tcp or (udp port 7000) or (icmp6 and ip6[40] >= 128 and ip6[40] <= 129)';
  const [inner, outer] = await Promise.all([
    Capture.start(t, lab.inside, 'up0', filter),
    Capture.start(t, lab.outside, 'down0', filter),
  ]);
  t.deepEqual(await ask(lab.inside, ...overBoth([SHORT.inside, 5000], [NEAR_OUTSIDE6, 7000])), [
    [SHORT.outside, 5000],
    [SHORT.outside, 5000],
  ]);
  await pingOk(t, lab.outside, SHORT.outside);
  await Promise.all([inner.stop(), outer.stop()]);
  const checksums = async (capture: Capture): Promise<string[]> => {
    const fields = ['tcp.checksum', 'udp.checksum', 'icmpv6.checksum'].flatMap((field) => ['-e', field]);
    const text = await capture.tshark(['-T', 'fields', ...fields]);
    return text.trim().split('\n').sort();
  };
  const before = await checksums(inner);
  t.true(before.length > 12);
  t.deepEqual(await checksums(outer), before);
  t.deepEqual(await outer.faults(), []);
});

test.serial('sections 3.5 and 3.7: a longer prefix takes it up in the interface identifier', async (t) => {
  const { lab } = await world(t);
  await serve(t, lab.outside, ['tcp', '::', 7000], ['udp', NEAR_OUTSIDE6, 7000]);
  t.deepEqual(await ask(lab.inside, ...overBoth([LONG.inside, 5000], [NEAR_OUTSIDE6, 7000])), [
    [LONG.outside, 5000],
    [LONG.outside, 5000],
  ]);
  await pingOk(t, lab.outside, LONG.outside);
});

test.serial('section 3.2: what has no mapping is discarded', async (t) => {
  const { lab, name } = await world(t);
  const wire = await Capture.start(t, lab.outside, 'down0', 'udp port 7000');
  // Subnet 0xffff of the short prefix, an identifier of all ones of the long one; the last has a mapping.
  await scapy(
    lab.inside,
    `
for source in ("fd01:203:405:ffff::1", "fd00:5::ffff:ffff:ffff:ffff", "fd01:203:405:fffe::1"):
    send(IPv6(src=source,dst="${NEAR_OUTSIDE6}")/UDP(sport=5000,dport=7000))`,
  );
  await sleep(200);
  await wire.stop();
  t.is(wire.frames().length, 1);
  t.is((await statusOf(t, name)).reasons.outbound.unmappable, 2);
});

test.serial('section 4.1: any two unicast prefixes of one length, and no others', async (t) => {
  const lab = await makeLab(t, { ipv6: true });
  const name = instanceName(t);
  const attach = (...maps: readonly string[]) => [
    ...['attach', lab.device, '--netns', lab.gateway.name, '--name', name],
    ...maps.flatMap((map) => ['--map', map]),
  ];
  await refuses(t, attach('fd00:1::/48=2001:db8::/56,neutral'), { status: 2, names: [/length|\/48/] });
  await refuses(t, attach('fd00:1::/48=ff0e::/48,neutral'), { status: 2, names: ['ff0e::'] });
  // What is on no octet's boundary, and the shortest and the longest there are.
  await tsnatOk(
    t,
    attach(
      'fd00:1::/57=2001:db8:1::/57,neutral',
      'fd00:2::/64=2001:db8:2::/64,neutral',
      'fe00::/9=2a00::/9,neutral',
    ),
  );
});

test.serial('section 4.3: hairpinning, with the outside source address', async (t) => {
  const { lab } = await world(t);
  await serve(t, lab.inside, ['tcp', '::', 7000], ['udp', SHORT.inside, 7000]);
  t.deepEqual(await ask(lab.inside, ...overBoth([LONG.inside, 5000], [SHORT.outside, 7000])), [
    [LONG.outside, 5000],
    [LONG.outside, 5000],
  ]);
  t.deepEqual(await ask(lab.inside, ...overBoth([SHORT.inside, 5001], [SHORT.outside, 7000])), [
    [SHORT.outside, 5001],
    [SHORT.outside, 5001],
  ]);
});

test.serial('section 6: ports stay as they are', async (t) => {
  const { lab } = await world(t);
  await serve(t, lab.outside, ['udp', NEAR_OUTSIDE6, 7000]);
  const ports = [1, 1023, 1024, 65_535];
  const seen = await ask(
    lab.inside,
    ...ports.map((port) => overBoth([SHORT.inside, port], [NEAR_OUTSIDE6, 7000])[1]!),
  );
  t.deepEqual(
    seen,
    ports.map((port) => [SHORT.outside, port]),
  );
});
