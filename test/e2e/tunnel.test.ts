// Tunnel slots with the kernel's own tunnel devices, of whichever kinds it has: several slots with the same VNI at the same
// time, over both families, with outer checksums and without. tshark says what is on the wire.

import test from 'ava';
import { Capture } from '../support/capture.ts';
import { tsnatOk } from '../support/cli.ts';
import { EMULATED } from '../support/emulation.ts';
import { patternHash } from '../support/peer/pattern.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { pingOk, sendDatagrams, startEcho, startHttp, transfer } from '../support/traffic.ts';
import { instanceName } from '../support/translate.ts';
import {
  makeTunnelLab,
  PEER,
  PEER6,
  SLOT,
  TUNNEL_PORTS,
  type TunnelLab,
  type TunnelPlan,
  tunnelKinds,
} from '../support/tunnel-lab.ts';

const BULK = EMULATED ? 2_000_000 : 20_000_000;
const CHECKED = 300_000;
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
async function bindAll(t: Parameters<typeof tsnatOk>[0], lab: TunnelLab): Promise<string> {
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

for (const kind of kinds) {
  for (const family of [4, 6] as const) {
    for (const checksums of [true, false]) {
      const what = `${kind} over IPv${family}, outer checksums ${checksums ? 'on' : 'off'}`;

      test.serial(`${what}: the wire has the real VNIs and right checksums`, async (t) => {
        const lab = await makeTunnelLab(t, { kind, family, checksums, plans: PLANS, offload: 'wire' });
        const name = await bindAll(t, lab);
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
          t.like(await sendDatagrams(slot, PEER, { count: 50, size: 1000 }), { echoed: 50, spoiled: 0 });
          t.like(await echo.stop(), { received: 50, from: [SLOT] });
        }
        await Promise.all(captures.map((capture) => capture.stop()));
        for (const [i, capture] of captures.entries()) {
          t.true(capture.frames().length > 500);
          t.deepEqual(await vnis(capture, kind), [lab.ends[i]!.vni]);
          t.deepEqual(await capture.faults(), []);
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
        const status = JSON.parse(await tsnatOk(t, ['status', name, '--json']));
        t.log(JSON.stringify(status.instances?.[0]?.reasons ?? status.reasons));
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
