// Packets whose receiver has summed them up already (CHECKSUM_COMPLETE): that sum has to stay true to the bytes, or the
// kernel reports "hw csum failure". Packets out of a VXLAN tunnel with outer checksums are such.

import { join } from 'node:path';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import { must } from '../../support/command.ts';
import { Namespace } from '../../support/namespace.ts';
import { BPF_FS, ownFolder, removeFolder, uniqueName } from '../../support/registry.ts';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { PYTHON, ROOT } from '../../support/root.ts';
import { hex, Rig } from './support/rig.ts';
import { type Bytes, be32, bytes, frame, ICMP, icmp, ip4, ipv4, TCP, tcp, UDP, udp } from './support/wire.ts';
import { INSIDE, OUTSIDE, OUTSIDE_2, REMOTE } from './support/world.ts';

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

const ends = (source: string, destination: string) => ({
  source: ip4(source),
  destination: ip4(destination),
});
const toOutside = ends(REMOTE, OUTSIDE);
const packet = (protocol: number, segment: ReturnType<typeof tcp>): Bytes =>
  frame(ipv4({ ...toOutside, protocol }, segment(toOutside.source, toOutside.destination)));
const error = (protocol: number, segment: ReturnType<typeof tcp>, from = OUTSIDE): Bytes => {
  const quoted = ends(from, REMOTE);
  const quote = ipv4({ ...quoted, protocol }, segment(quoted.source, quoted.destination));
  return packet(ICMP, () => icmp(3, 4, be32(1280), quote));
};

const packets: readonly Bytes[] = [
  packet(TCP, tcp()),
  packet(TCP, tcp({ payload: bytes(1300) })),
  packet(UDP, udp()),
  packet(UDP, udp({ payload: bytes(1001) })),
  packet(UDP, udp({ checksum: 'none' })),
  packet(ICMP, () => icmp(8, 0, be32(1), bytes(56))),
  packet(47, () => bytes(41)),
  error(TCP, tcp()),
  error(UDP, udp()),
  error(UDP, udp({ checksum: 'none' })),
  error(253, () => bytes(20)),
  error(TCP, tcp(), OUTSIDE_2),
];

test('the sum of a packet stays true to its bytes', async (t) => {
  const { near, far } = await tunnel(t);
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
  const before = await checker(join(folder, 'before'), object);
  const after = await checker(join(folder, 'after'), object);
  const rig = new Rig({ map: [[INSIDE, OUTSIDE]] });
  const pin = join(folder, 'inbound');
  rig.programs.inbound.pin(pin);
  await far.must(['tc', 'qdisc', 'add', 'dev', 'vx', 'clsact']);
  for (const [index, program] of [before.pin, pin, after.pin].entries()) {
    const filter = ['tc', 'filter', 'add', 'dev', 'vx', 'ingress', 'prio', String(index + 1)];
    await far.must([...filter, 'bpf', 'direct-action', 'object-pinned', program]);
  }

  const input = packets.map((one) => `${hex(one)}\n`).join('');
  await near.must([PYTHON, join(SUPPORT, 'send.py'), 'vx'], { input });
  t.deepEqual(await before.counts(), [0, packets.length, 0], 'not complete, right, wrong: before');
  t.deepEqual(await after.counts(), [0, packets.length, 0], 'not complete, right, wrong: after');
  t.deepEqual(rig.take().reasons, {});
});
