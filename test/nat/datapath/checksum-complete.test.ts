// Packets whose receiver has summed them up already (CHECKSUM_COMPLETE): that sum has to stay true to the bytes, or the
// kernel reports "hw csum failure". Packets out of a VXLAN tunnel with outer checksums are such.

import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { attach } from '../../../src/nat/instance/index.ts';
import { parseMapping } from '../../../src/nat/mapping.ts';
import { needsRootAndBpf } from '../../support/requirements.ts';
import {
  attachFilters,
  checkers,
  MAP,
  messagesTo,
  packetsOf,
  sendFrames,
  tunnel,
} from './support/complete.ts';
import { ip6, mapping } from './support/reference/mappings.ts';
import { Rig } from './support/rig.ts';
import { mac } from './support/shapes.ts';
import { type Bytes, bytes, DONT_FRAGMENT, frame, ip4, ipv4, patch, UDP, udp } from './support/wire.ts';
import { ipv6 } from './support/wire6.ts';
import { REMOTE } from './support/world.ts';

const test = anyTest as TestFn;
needsRootAndBpf(test);

const packets = packetsOf(MAP.map(mapping));

test('the sum of a packet stays true to its bytes', async (t) => {
  const { near, far } = await tunnel(t);
  const { folder, before, after } = await checkers(t);
  const rig = new Rig({ map: MAP, mss: 1200 });
  const pin = join(folder, 'inbound');
  rig.programs.inbound.pin(pin);
  await attachFilters(far, 'vx', before.pin, pin, after.pin);

  await sendFrames(near, 'vx', packets);
  t.deepEqual(await before.counts(), [0, packets.length, 0], 'not complete, right, wrong: before');
  t.deepEqual(await after.counts(), [0, packets.length, 0], 'not complete, right, wrong: after');
  const { reasons, mappings } = rig.take();
  t.deepEqual(reasons, {});
  t.is(mappings.length, MAP.length, mappings.join());
});

test('and of what a slot gets, and of the answer to what is too large for it', async (t) => {
  const { near, far } = await tunnel(t);
  const { folder, before, after } = await checkers(t);
  await far.ip('link add tap type veth peer name slot', 'link set tap up', 'link set slot up');
  const own = mac(await far.mac('vx'));
  // Of the device it is not: a tunnel does not take its own frames.
  const here = mac('02:11:22:33:44:55');
  const rig = new Rig({ mss: 1200, station: { mac: here, subnets: [] } });
  const pin = join(folder, 'inbound');
  rig.programs.inbound.pin(pin);
  await attachFilters(far, 'vx', before.pin, pin);
  await attachFilters(far, 'slot', after.pin);
  const [tap] = JSON.parse(await far.must(['ip', '-j', 'link', 'show', 'dev', 'tap'])) as [
    { ifindex: number },
  ];
  const [station, taps] = [mac(await far.mac('slot')), mac(await far.mac('tap'))];
  const plain = MAP.filter((text) => mapping(text).kind === 'address').map(mapping);
  rig.reslot(
    plain.map(({ inside, outside }) => ({
      ...{ at: 0, of: outside, address: inside, interface: tap.ifindex, station, mac: taps },
      ...{ state: 'bound', mtu: 1400 },
    })),
  );

  const addressed = (one: Bytes): Bytes => patch(one, 0, own);
  const all = packetsOf(plain).map(addressed);
  const large = plain.map(({ outside }) => {
    const remote = typeof outside === 'number' ? ip4(REMOTE) : ip6('2001:db8:ffff::7');
    const payload = udp({ payload: bytes(1401) })(remote, outside);
    const fields = { source: remote, destination: outside, protocol: UDP };
    const whole =
      typeof outside === 'number'
        ? ipv4({ ...fields, fragment: DONT_FRAGMENT }, payload)
        : ipv6({ ...fields, source: remote as bigint, destination: outside }, payload);
    // As if it came from this host: the answer is taken in where it can be looked at.
    return patch(addressed(frame(whole)), 6, here);
  });
  await sendFrames(near, 'vx', [...all, ...large]);
  // What was cut short, as the answers are, the kernel sums up again.
  const arrived = [large.length, all.length + large.length, 0];
  t.deepEqual(await before.counts(), arrived, 'what arrives, and the answers');
  t.deepEqual(await after.counts(), [0, all.length, 0], 'what the slot gets');
  const { reasons } = rig.take();
  t.is(reasons['inbound too_big_answered'], large.length);
});

test('and of what is sent on past the stack', async (t) => {
  const { near, far } = await tunnel(t);
  const { folder, before, after } = await checkers(t);
  await far.ip(
    'link set vx address 02:00:00:00:00:02',
    `link add tap type veth peer name slot netns ${near.name}`,
    'link set tap up',
    'addr add 10.98.0.1/24 dev tap',
  );
  await near.ip('link set slot up');
  const hop = await near.mac('slot');
  await far.sysctl({ 'ipv4/ip_forward': 1, 'ipv6/conf/all/forwarding': 1, 'ipv6/conf/tap/disable_ipv6': 0 });
  await far.ip(
    `neigh replace 10.98.0.2 lladdr ${hop} dev tap nud permanent`,
    `neigh replace fe80::99 lladdr ${hop} dev tap nud permanent`,
    'route add 10.0.0.0/24 via 10.98.0.2 dev tap',
    'route add fc00::/7 via fe80::99 dev tap',
  );
  await attachFilters(far, 'vx', before.pin);
  const root = join(folder, 'instances');
  const mappings = MAP.map((text) => parseMapping(text));
  const options = {
    interface: 'vx',
    netns: far.name,
    name: 'redirected',
    hook: 'clsact',
    mss: 1200,
  } as const;
  t.deepEqual(attach({ ...options, redirect: true, inside: ['tap'], mappings }, { root }).problems, []);
  await attachFilters(near, 'slot', after.pin);

  const sent = messagesTo(MAP.map(mapping));
  await sendFrames(near, 'vx', sent);
  t.deepEqual(await before.counts(), [0, sent.length, 0], 'not complete, right, wrong: before');
  // What the stack has forwarded is not complete any more.
  t.deepEqual(await after.counts(), [0, sent.length, 0], 'not complete, right, wrong: after');
});
