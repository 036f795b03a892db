// Packets whose receiver has summed them up already (CHECKSUM_COMPLETE): that sum has to stay true to the bytes, or the
// kernel reports "hw csum failure". Packets out of a VXLAN tunnel with outer checksums are such.

import { join } from 'node:path';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { must } from '../../support/command.ts';
import { Namespace } from '../../support/namespace.ts';
import { BPF_FS, ownFolder, removeFolder, uniqueName } from '../../support/registry.ts';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { PYTHON, ROOT } from '../../support/root.ts';
import { ip6, type Mapping, mapping } from './support/reference/mappings.ts';
import { hex, Rig } from './support/rig.ts';
import { mac } from './support/shapes.ts';
import {
  type Address,
  type Bytes,
  be32,
  bytes,
  DONT_FRAGMENT,
  frame,
  ICMP,
  icmp,
  ip4,
  ipv4,
  patch,
  type Segment,
  TCP,
  tcp,
  UDP,
  udp,
} from './support/wire.ts';
import { ICMPV6, icmp6, ipv6 } from './support/wire6.ts';
import { INSIDE, OUTSIDE, REMOTE } from './support/world.ts';

const test = anyTest as TestFn;
needsRootAndBpf(test);

const SUPPORT = join(ROOT, 'test/nat/datapath/support');

/** Two namespaces and a tunnel between them, whose outer checksums are finished by the sender and checked. */
async function tunnel(t: ExecutionContext): Promise<{ near: Namespace; far: Namespace }> {
  const near = await Namespace.make('near');
  t.teardown(() => near.remove());
  const far = await Namespace.make('far');
  t.teardown(() => far.remove());
  await far.ip(`link add under type veth peer name under netns ${near.name}`);
  for (const [one, local, remote] of [
    [near, '10.99.0.1', '10.99.0.2'],
    [far, '10.99.0.2', '10.99.0.1'],
  ] as const) {
    await one.offload('under', 'tx off');
    await one.ip(
      `addr add ${local}/24 dev under`,
      'link set dev under up',
      `link add vx type vxlan id 7 local ${local} remote ${remote} dstport 4789 udpcsum`,
      'link set dev vx up',
    );
  }
  return { near, far };
}

async function checker(
  folder: string,
  object: string,
): Promise<{ pin: string; counts(): Promise<number[]> }> {
  await must('bpftool', ['prog', 'loadall', object, folder, 'pinmaps', join(folder, 'maps')]);
  return {
    pin: join(folder, 'complete'),
    async counts() {
      const dump = await must('bpftool', ['-j', 'map', 'dump', 'pinned', join(folder, 'maps/verdicts')]);
      return (JSON.parse(dump) as { formatted: { value: number } }[]).map(({ formatted }) => formatted.value);
    },
  };
}

const MAP = [
  `${INSIDE}=${OUTSIDE}`,
  '10.0.0.7:4000-4999=203.0.113.9:1024-2023',
  'fd00::5=2001:db8::5',
  '[fd00::7]:4000-4999=[2001:db8::9]:1024-2023',
  'fd01:203:405::/48=2001:db8:1::/48,neutral',
];
const PORTS = [80, 1345] as const;
const segments: readonly (readonly [protocol: number, Segment])[] = [
  [TCP, tcp({ ports: PORTS })],
  [TCP, tcp({ ports: PORTS, payload: bytes(1300) })],
  // The MSS at an odd place.
  [TCP, tcp({ ports: PORTS, flags: 2, options: Uint8Array.of(1, 2, 4, 5, 180, 1, 1, 1) })],
  [UDP, udp({ ports: PORTS })],
  [UDP, udp({ ports: PORTS, payload: bytes(1001) })],
  [UDP, udp({ ports: PORTS, checksum: 'none' })],
  [47, () => bytes(41)],
];

function packet(source: Address, destination: Address, protocol: number, segment: Segment): Bytes {
  const payload = segment(source, destination);
  return typeof source === 'number'
    ? ipv4({ source, destination, protocol }, payload)
    : ipv6({ source, destination: destination as bigint, protocol }, payload);
}

/** An error of `remote` about what `own` has sent. */
function error(remote: Address, own: Address, protocol: number, segment: Segment): Bytes {
  const turned =
    protocol === TCP ? tcp({ ports: [1345, 80] }) : protocol === UDP ? udp({ ports: [1345, 80] }) : segment;
  const quote = packet(own, remote, protocol, turned);
  return typeof own === 'number'
    ? packet(remote, own, ICMP, () => icmp(3, 4, be32(1280), quote))
    : packet(remote, own, ICMPV6, icmp6(2, 0, be32(1280), quote));
}

/** What `remote` sends to each, and its errors about what each has sent. */
const packetsOf = (mappings: readonly Mapping[]): readonly Bytes[] =>
  mappings.flatMap((one) => {
    const { outside, kind } = one;
    const own = kind === 'prefix' ? (outside as bigint) | 0xd550_0000_0000_0000_1234n : outside;
    const remote = typeof own === 'number' ? ip4(REMOTE) : ip6('2001:db8:ffff::7');
    const query = Uint8Array.of(1345 >> 8, 1345 & 0xff, 0, 1);
    const echo =
      typeof own === 'number'
        ? packet(remote, own, ICMP, () => icmp(8, 0, query, bytes(56)))
        : packet(remote, own, ICMPV6, icmp6(128, 0, query, bytes(56)));
    const byAddress = kind !== 'port_block';
    const known = segments.filter(([protocol]) => byAddress || protocol !== 47);
    return [
      echo,
      ...known.map(([protocol, segment]) => packet(remote, own, protocol, segment)),
      ...known.map(([protocol, segment]) => error(remote, own, protocol, segment)),
    ].map((made) => frame(made));
  });
const packets = packetsOf(MAP.map(mapping));

interface Checkers {
  readonly folder: string;
  readonly before: Awaited<ReturnType<typeof checker>>;
  readonly after: Awaited<ReturnType<typeof checker>>;
}

async function checkers(t: ExecutionContext): Promise<Checkers> {
  const folder = join(BPF_FS, uniqueName('complete'));
  ownFolder(folder);
  t.teardown(() => removeFolder(folder));
  await must('mkdir', [folder]);
  const object = join('/tmp', `${uniqueName('complete')}.o`);
  ownFolder(object);
  const architecture = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  await must('clang', [
    ...['-O2', '-g', '-Wall', '-Wextra', '-Werror', '-target', 'bpf', '-mcpu=v3'],
    ...[`-I/usr/include/${architecture}-linux-gnu`, '-c', join(SUPPORT, 'complete.c'), '-o', object],
  ]);
  const [before, after] = [
    await checker(join(folder, 'before'), object),
    await checker(join(folder, 'after'), object),
  ];
  return { folder, before, after };
}

/** Filters on the ingress of a device, one behind the other. */
async function attach(host: Namespace, device: string, ...pins: readonly string[]): Promise<void> {
  await host.must(['tc', 'qdisc', 'add', 'dev', device, 'clsact']);
  for (const [index, pin] of pins.entries()) {
    const filter = ['tc', 'filter', 'add', 'dev', device, 'ingress', 'prio', String(index + 1)];
    await host.must([...filter, 'bpf', 'direct-action', 'object-pinned', pin]);
  }
}

test('the sum of a packet stays true to its bytes', async (t) => {
  const { near, far } = await tunnel(t);
  const { folder, before, after } = await checkers(t);
  const rig = new Rig({ map: MAP, mss: 1200 });
  const pin = join(folder, 'inbound');
  rig.programs.inbound.pin(pin);
  await attach(far, 'vx', before.pin, pin, after.pin);

  const input = packets.map((one) => `${hex(one)}\n`).join('');
  await near.must([PYTHON, join(SUPPORT, 'send.py'), 'vx'], { input });
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
  await attach(far, 'vx', before.pin, pin);
  await attach(far, 'slot', after.pin);
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
  const input = [...all, ...large].map((one) => `${hex(one)}\n`).join('');
  await near.must([PYTHON, join(SUPPORT, 'send.py'), 'vx'], { input });
  // What was cut short, as the answers are, the kernel sums up again.
  const arrived = [large.length, all.length + large.length, 0];
  t.deepEqual(await before.counts(), arrived, 'what arrives, and the answers');
  t.deepEqual(await after.counts(), [0, all.length, 0], 'what the slot gets');
  const { reasons } = rig.take();
  t.is(reasons['inbound too_big_answered'], large.length);
});
