// Packets whose receiver has summed them up already (CHECKSUM_COMPLETE), and a witness of what becomes of that sum.

import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { must } from '../../../support/command.ts';
import { Namespace } from '../../../support/namespace.ts';
import { BPF_FS, ownFolder, removeFolder, uniqueName } from '../../../support/registry.ts';
import { PYTHON, ROOT } from '../../../support/root.ts';
import { ip6, type Mapping } from './reference/mappings.ts';
import { hex } from './rig.ts';
import {
  type Address,
  type Bytes,
  be32,
  bytes,
  frame,
  ICMP,
  icmp,
  ip4,
  ipv4,
  type Segment,
  TCP,
  tcp,
  UDP,
  udp,
} from './wire.ts';
import { ICMPV6, icmp6, ipv6 } from './wire6.ts';
import { INSIDE, OUTSIDE, REMOTE } from './world.ts';

const SUPPORT = join(ROOT, 'test/nat/datapath/support');

/** Two namespaces and a tunnel between them, whose outer checksums are finished by the sender and checked. */
export async function tunnel(t: ExecutionContext): Promise<{ near: Namespace; far: Namespace }> {
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

export const MAP: readonly string[] = [
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
export const packetsOf = (mappings: readonly Mapping[]): readonly Bytes[] => [
  ...messagesTo(mappings),
  ...errorsTo(mappings),
];

const REMOTES = { 4: ip4(REMOTE), 6: ip6('2001:db8:ffff::7') };
const ends = ({ outside, kind }: Mapping): readonly [own: Address, remote: Address] => {
  const own = kind === 'prefix' ? (outside as bigint) | 0xd550_0000_0000_0000_1234n : outside;
  return [own, REMOTES[typeof own === 'number' ? 4 : 6]];
};
const segmentsOf = ({ kind }: Mapping) =>
  segments.filter(([protocol]) => kind !== 'port_block' || protocol !== 47);

/** Echoes and segments. */
export const messagesTo = (mappings: readonly Mapping[]): readonly Bytes[] =>
  mappings.flatMap((one) => {
    const [own, remote] = ends(one);
    const query = Uint8Array.of(1345 >> 8, 1345 & 0xff, 0, 1);
    const echo =
      typeof own === 'number'
        ? packet(remote, own, ICMP, () => icmp(8, 0, query, bytes(56)))
        : packet(remote, own, ICMPV6, icmp6(128, 0, query, bytes(56)));
    const sent = segmentsOf(one).map(([protocol, segment]) => packet(remote, own, protocol, segment));
    return [echo, ...sent].map((made) => frame(made));
  });

const errorsTo = (mappings: readonly Mapping[]): readonly Bytes[] =>
  mappings.flatMap((one) => {
    const [own, remote] = ends(one);
    return segmentsOf(one).map(([protocol, segment]) => frame(error(remote, own, protocol, segment)));
  });

export interface Checkers {
  readonly folder: string;
  readonly before: Awaited<ReturnType<typeof checker>>;
  readonly after: Awaited<ReturnType<typeof checker>>;
}

export async function checkers(t: ExecutionContext): Promise<Checkers> {
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
export async function attachFilters(
  host: Namespace,
  device: string,
  ...pins: readonly string[]
): Promise<void> {
  await host.must(['tc', 'qdisc', 'add', 'dev', device, 'clsact']);
  for (const [index, pin] of pins.entries()) {
    const filter = ['tc', 'filter', 'add', 'dev', device, 'ingress', 'prio', String(index + 1)];
    await host.must([...filter, 'bpf', 'direct-action', 'object-pinned', pin]);
  }
}

/** Sends frames by hand. */
export async function sendFrames(host: Namespace, device: string, frames: readonly Bytes[]): Promise<void> {
  const input = frames.map((one) => `${hex(one)}\n`).join('');
  await host.must([PYTHON, join(SUPPORT, 'send.py'), device], { input });
}
