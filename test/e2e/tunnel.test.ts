// Tunnel slots with the kernel's own tunnel devices, of whichever kinds it has: several slots with the same VNI at the same
// time, over both families, with outer checksums and without. tshark says what is on the wire.

import test, { type ExecutionContext } from 'ava';
import { Capture } from '../support/capture.ts';
import { tsnatOk } from '../support/cli.ts';
import { EMULATED } from '../support/emulation.ts';
import type { Namespace } from '../support/namespace.ts';
import { patternHash } from '../support/peer/pattern.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { PYTHON } from '../support/root.ts';
import { ask } from '../support/seen.ts';
import { ping, pingOk, sendDatagrams, startEcho, startHttp, transfer } from '../support/traffic.ts';
import { instanceName } from '../support/translate.ts';
import {
  makeTunnelLab,
  PEER,
  PEER6,
  SLOT,
  SLOT6,
  TUNNEL_PORTS,
  type TunnelEnd,
  type TunnelLab,
  type TunnelPlan,
  tunnelKinds,
} from '../support/tunnel-lab.ts';

const BULK = EMULATED ? 2_000_000 : 20_000_000;
const CHECKED = EMULATED ? 50_000 : 300_000;
const DATAGRAMS = 50;
/** Of TCP and UDP alone there are more. */
const FRAMES = EMULATED ? 200 : 500;
const VNI = 0x123456;
const PLANS: readonly TunnelPlan[] = [
  { placeholder: 9_000_001, vni: VNI },
  { placeholder: 9_000_002, vni: VNI },
  { placeholder: 9_000_003, vni: 77 },
];

needsRootAndBpf(test);

const kinds = tunnelKinds();

test('this kernel has tunnels', (t) => {
  t.true(kinds.length > 0);
  if (EMULATED) t.deepEqual(kinds, ['vxlan', 'geneve']);
});

/** Attaches, reserves a slot for each end, and binds them. */
async function bindAll(t: ExecutionContext, lab: TunnelLab): Promise<string> {
  const name = instanceName(t);
  await tsnatOk(t, ['attach', lab.device, '--name', name, '--netns', lab.near.name]);
  for (const { placeholder, remote } of lab.ends) {
    await tsnatOk(t, ['vni', 'reserve', name, `${placeholder}`, '--kind', lab.kind, '--remote', remote]);
  }
  for (const { placeholder, vni } of lab.ends)
    await tsnatOk(t, ['vni', 'bind', name, `${placeholder}`, `${vni}`]);
  return name;
}

/** VNIs of what a capture has, each once, in order. */
async function vnis(capture: Capture, kind: TunnelLab['kind']): Promise<number[]> {
  const text = await capture.tshark(['-T', 'fields', '-e', `${kind}.vni`, '-Y', kind]);
  return [
    ...new Set(
      text
        .split('\n')
        .filter((line) => line !== '')
        .map(Number),
    ),
  ].sort((a, b) => a - b);
}

/** Frames that have a wrong checksum somewhere, outer or inner, by tshark's reckoning. */
const badSums = (capture: Capture): Promise<string> =>
  capture.tshark([
    '-Y',
    ['ip', 'udp', 'tcp', 'icmp', 'icmpv6'].map((name) => `${name}.checksum.status == 0`).join(' || '),
  ]);

for (const kind of kinds) {
  for (const family of [4, 6] as const) {
    for (const checksums of [true, false]) {
      const what = `${kind} over IPv${family}, outer checksums ${checksums ? 'on' : 'off'}`;

      test.serial(`${what}: the wire has the real VNIs and right checksums`, async (t) => {
        const lab = await makeTunnelLab(t, { kind, family, checksums, plans: PLANS, offload: 'wire' });
        await bindAll(t, lab);
        const filter = `udp port ${TUNNEL_PORTS[kind]}`;
        const captures = await Promise.all(lab.ends.map(({ far }) => Capture.start(t, far, 'under', filter)));
        for (const { slot, far } of lab.ends) {
          await startHttp(t, far, { address: '::' });
          await pingOk(t, slot, PEER);
          await pingOk(t, slot, PEER6);
          await pingOk(t, far, SLOT);
          for (const peer of [PEER, PEER6]) {
            for (const way of ['get', 'put'] as const) {
              t.is((await transfer(slot, peer, way, CHECKED)).sha256, patternHash(CHECKED), `${way} ${peer}`);
            }
          }
          const echo = await startEcho(t, far);
          t.like(await sendDatagrams(slot, PEER, { count: DATAGRAMS, size: 1000 }), {
            echoed: DATAGRAMS,
            spoiled: 0,
          });
          t.like(await echo.stop(), { received: DATAGRAMS, from: [SLOT] });
        }
        await Promise.all(captures.map((capture) => capture.stop()));
        for (const [i, capture] of captures.entries()) {
          t.true(capture.frames().length > FRAMES);
          t.deepEqual(await vnis(capture, kind), [lab.ends[i]!.vni]);
          t.is(await badSums(capture), '');
          const zero = await capture.tshark([
            '-Y',
            `${kind} && udp.checksum == 0`,
            '-T',
            'fields',
            '-e',
            'frame.number',
          ]);
          t.is(zero !== '', !checksums, 'outer checksums are there, or not');
        }
      });

      test.serial(`${what}: super-packets, ${BULK / 1e6} MB each way`, async (t) => {
        const lab = await makeTunnelLab(t, {
          kind,
          family,
          checksums,
          plans: PLANS.slice(0, 2),
          offload: 'on',
        });
        await bindAll(t, lab);
        const expected = { bytes: BULK, sha256: patternHash(BULK) };
        for (const { slot, far } of lab.ends) {
          await startHttp(t, far, { address: '::' });
          for (const peer of [PEER, PEER6]) {
            for (const way of ['get', 'put'] as const)
              t.like(await transfer(slot, peer, way, BULK), expected);
          }
        }
      });
    }
  }
}

/** Some pings are sent, and none is answered. */
async function silent(t: ExecutionContext, host: Namespace, address: string): Promise<void> {
  t.regex((await ping(host, address)).stdout, / 100% packet loss/);
}

for (const kind of kinds) {
  const twin: TunnelPlan = {
    placeholder: 9_000_002,
    vni: VNI,
    shares: true,
    outside: ['10.0.1.3', 'fd00::1:3'],
  };
  const first: TunnelPlan = { placeholder: 9_000_001, vni: VNI, outside: ['10.0.1.2', 'fd00::1:2'] };

  test.serial(
    `${kind}: slots with one inner address, one VNI and one remote, told apart by their outsides`,
    async (t) => {
      const plans = [first, twin];
      const lab = await makeTunnelLab(t, { kind, family: 4, checksums: true, plans, offload: 'wire' });
      const name = instanceName(t);
      await tsnatOk(t, ['attach', lab.device, '--name', name, '--netns', lab.near.name]);
      for (const { placeholder, vni, outside } of lab.ends) {
        const inside = [SLOT, SLOT6].flatMap((address) => ['--inside', address]);
        await tsnatOk(t, [
          'vni',
          'reserve',
          name,
          `${placeholder}`,
          '--kind',
          kind,
          ...inside,
          '--by',
          'inner,vni',
        ]);
        const wanted = outside!.flatMap((address) => ['--outside', address]);
        await tsnatOk(t, ['vni', 'bind', name, `${placeholder}`, `${vni}`, ...wanted]);
      }
      const [{ far }] = lab.ends as [TunnelEnd, TunnelEnd];
      const capture = await Capture.start(t, far, 'under', `udp port ${TUNNEL_PORTS[kind]}`);
      await startHttp(t, far, { address: '::' });
      for (const { slot, outside } of lab.ends) {
        for (const [peer, seen] of [
          [PEER, outside![0]],
          [PEER6, outside![1]],
        ] as const) {
          await pingOk(t, slot, peer);
          await pingOk(t, far, seen);
          const expected = { from: seen, bytes: CHECKED, sha256: patternHash(CHECKED) };
          for (const way of ['get', 'put'] as const)
            t.deepEqual(await transfer(slot, peer, way, CHECKED), expected);
          // Nobody listens there: an error that quotes what it is about.
          const own = peer === PEER ? SLOT : SLOT6;
          t.deepEqual(await ask(slot, { protocol: 'udp', from: [own, 0], to: [peer, 9] }), ['ECONNREFUSED']);
          t.deepEqual(await ask(far, { protocol: 'udp', from: [peer, 0], to: [seen, 9] }), ['ECONNREFUSED']);
        }
      }
      await capture.stop();
      t.is(await badSums(capture), '');
      t.is(
        await capture.tshark([
          '-Y',
          `ip.addr == ${SLOT} || ipv6.addr == ${SLOT6} || arp.dst.proto_ipv4 == ${SLOT}`,
        ]),
        '',
      );
    },
  );

  test.serial(`${kind}: reserved, bound, bound anew, released`, async (t) => {
    const plans = PLANS.slice(0, 1);
    const lab = await makeTunnelLab(t, { kind, family: 4, checksums: false, plans, offload: 'on' });
    const [{ slot, far, placeholder, remote }] = lab.ends as [TunnelEnd];
    const name = instanceName(t);
    const vni = (...args: string[]): Promise<string> => tsnatOk(t, ['vni', args[0]!, name, ...args.slice(1)]);
    const id = `${placeholder}`;
    await tsnatOk(t, ['attach', lab.device, '--name', name, '--netns', lab.near.name]);
    await vni('reserve', id, '--kind', kind, '--remote', remote);
    const capture = await Capture.start(t, far, 'under', `udp port ${TUNNEL_PORTS[kind]}`);
    await silent(t, slot, PEER);
    await vni('bind', id, `${VNI}`);
    await pingOk(t, slot, PEER);
    await pingOk(t, far, SLOT);
    await vni('rebind', id, '5');
    await silent(t, slot, PEER);
    await silent(t, far, SLOT);
    await vni('rebind', id, `${VNI}`);
    await pingOk(t, slot, PEER);
    await vni('release', id);
    await silent(t, slot, PEER);
    await silent(t, far, SLOT);
    await capture.stop();
    t.deepEqual(await vnis(capture, kind), [5, VNI]);
    const { reasons } = JSON.parse(await tsnatOk(t, ['status', name, '--json']));
    t.true(reasons.outbound.unbound_vni > 0);
    t.true(reasons.inbound.unknown_vni > 0);
    await vni('remove', id);
    t.regex(await vni('list'), /has no tunnel slots/);
  });

  test.serial(`${kind}: a narrow path is found out by what its routers say of the tunnel`, async (t) => {
    const plans = PLANS.slice(0, 1);
    const lab = await makeTunnelLab(t, { kind, family: 6, checksums: true, plans, offload: 'on' });
    const [{ slot, far }] = lab.ends as [TunnelEnd];
    await bindAll(t, lab);
    await lab.wire.ip('link set dev far0 mtu 1300');
    await startHttp(t, far, { address: '::' });
    const bytes = 1_000_000;
    t.like(await transfer(slot, PEER, 'put', bytes), { bytes, sha256: patternHash(bytes) });
  });

  test.serial(`${kind}: datagrams sent in one piece, each with a VNI of its own, do not leave`, async (t) => {
    const plans = PLANS.slice(0, 1);
    const lab = await makeTunnelLab(t, { kind, family: 4, checksums: true, plans, offload: 'on' });
    const name = await bindAll(t, lab);
    const [{ far, placeholder, remote }] = lab.ends as [TunnelEnd];
    const capture = await Capture.start(t, far, 'under', `udp port ${TUNNEL_PORTS[kind]}`);
    await lab.near.must([PYTHON, '-c', segmented(remote, TUNNEL_PORTS[kind], placeholder)]);
    await capture.stop();
    t.is(capture.frames().length, 0);
    const { reasons } = JSON.parse(await tsnatOk(t, ['status', name, '--json']));
    t.is(reasons.outbound.inner_refused, 1);
  });
}

/** A program of its own that makes tunnel packets, and has the kernel cut them up (UDP_SEGMENT). */
const segmented = (destination: string, port: number, vni: number): string => `
import socket, struct
UDP_SEGMENT = 103
inner = bytes(12) + b"\\x08\\x00" + b"\\x45\\x00" + struct.pack("!H", 40) + bytes(36)
one = struct.pack("!II", 0x${port === TUNNEL_PORTS.vxlan ? '08000000' : '00006558'}, ${vni} << 8) + inner
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, len(one))
s.sendto(one * 10, ("${destination}", ${port}))
`;
