// Slots in a real kernel, on devices of other kinds: VLANs at the uplink, tun devices on either side, super-packets with
// unfinished checksums, and slots that are only told apart where they leave.

import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Running, sleep } from '../../support/command.ts';
import type { Namespace } from '../../support/namespace.ts';
import { patternHash } from '../../support/peer/pattern.ts';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { PYTHON, ROOT } from '../../support/root.ts';
import { pingOk, startHttp, transfer } from '../../support/traffic.ts';
import { hex } from './support/rig.ts';
import { mac } from './support/shapes.ts';
import { GATEWAY, GATEWAY6, INSIDE, INSIDE6, SERVER, SERVER6, SlotLab } from './support/slot-lab.ts';
import {
  type Bytes,
  be32,
  bytes,
  type FrameFields,
  frame,
  ICMP,
  icmp,
  ip4,
  ipv4,
  patch,
} from './support/wire.ts';

needsRootAndBpf(test);

const OUT7 = '203.0.113.7';
const OUT8 = '203.0.113.8';
const OUT7_6 = '2001:db8::7';
const OUT8_6 = '2001:db8::8';
const USES = new Set(['addresses', 'slots', 'slots6'] as const);
const OPTIONS = { uses: USES, outsides: [OUT7, OUT8, OUT7_6, OUT8_6] };
const BULK = 20_000_000;

function bindAll(lab: SlotLab): void {
  lab.bind('tap7', OUT7, INSIDE, { hasStation: true });
  lab.bind('tap8', OUT8, INSIDE);
  lab.bind('tap7', OUT7_6, INSIDE6, { hasStation: true });
  lab.bind('tap8', OUT8_6, INSIDE6);
}

/** IEEE 802.1Q and 802.1ad, as they stand in a frame. */
const TAGS: readonly FrameFields['tags'][] = [
  [[0x8100, 5]],
  [
    [0x88a8, 7],
    [0x8100, 5],
  ],
];

test('tags of the uplink are none of the slots', async (t) => {
  const lab = await SlotLab.make(t, ['tap7', 'tap8'], OPTIONS);
  bindAll(lab);
  const router = mac(await lab.gateway.mac('out0'));
  const echo = (outside: string): Bytes => {
    const [source, destination] = [ip4(SERVER), ip4(outside)];
    return ipv4({ source, destination, protocol: ICMP }, icmp(8, 0, be32(1), bytes(20)));
  };
  const frames = TAGS.flatMap((tags = []) => [OUT7, OUT8].map((one) => frame(echo(one), { tags })));
  const input = frames.map((one) => `${hex(patch(one, 0, router))}\n`).join('');
  await lab.outside.must([PYTHON, join(ROOT, 'test/nat/datapath/support/send.py'), 'down0'], { input });
  await sleep(1_500);
  // What a slot gets with a tag it does not answer.
  for (const [name, outside] of [
    ['tap7', OUT7],
    ['tap8', OUT8],
  ] as const) {
    t.is(lab.packets(undefined, outside), TAGS.length);
    t.is(lab.packets(name, INSIDE), TAGS.length);
  }
});

test('super-packets, both ways and from slot to slot', async (t) => {
  const lab = await SlotLab.make(t, ['tap7', 'tap8'], OPTIONS);
  bindAll(lab);
  const [seven, eight] = [lab.in('tap7'), lab.in('tap8')];
  for (const host of [lab.outside, eight]) await startHttp(t, host, { address: '::' });
  for (const [client, server] of [
    [seven, SERVER],
    [seven, SERVER6],
    [seven, OUT8],
    [seven, OUT8_6],
    [lab.outside, OUT8],
    [lab.outside, OUT8_6],
  ] as const) {
    for (const method of ['get', 'put'] as const) {
      const { sha256 } = await transfer(client, server, method, BULK);
      t.is(sha256, patternHash(BULK), `${method} ${server}`);
    }
  }
});

test('slots that are told apart where they leave', async (t) => {
  const lab = await SlotLab.make(t, ['tap7', 'tap8'], { ...OPTIONS, slots: 'uplink' });
  bindAll(lab);
  // Nothing sits on their devices: the host has to be their gateway.
  await lab.gateway.ip(
    `addr add ${GATEWAY}/32 dev lo`,
    ...['tap7', 'tap8'].map((name) => `addr add ${GATEWAY6}/128 dev ${name} nodad`),
  );
  for (const name of ['tap7', 'tap8']) {
    await pingOk(t, lab.in(name), SERVER);
    await pingOk(t, lab.in(name), SERVER6);
  }
  for (const outside of [OUT7, OUT8, OUT7_6, OUT8_6]) await pingOk(t, lab.outside, outside);
  await pingOk(t, lab.in('tap7'), OUT8);
  await pingOk(t, lab.in('tap8'), OUT7_6);
  t.true(lab.packets('tap7', INSIDE) >= 6);
});

async function tun(
  t: ExecutionContext,
  gateway: Namespace,
  device: string,
  pings: readonly (readonly [string, string])[] = [],
): Promise<Running> {
  const peer = gateway.start([PYTHON, join(ROOT, 'test/support/peer/tun.py'), device, JSON.stringify(pings)]);
  t.teardown(() => peer.stop());
  await peer.says(/ready/, 60_000);
  await gateway.ip(`link set ${device} up`);
  return peer;
}

test('a slot without Ethernet', async (t) => {
  const lab = await SlotLab.make(t, ['tap8'], {
    ...{ ...OPTIONS, bare: ['tun7'] },
    prepare: async (gateway) => void (await tun(t, gateway, 'tun7')),
  });
  lab.bind('tun7', OUT7);
  lab.bind('tun7', OUT7_6, INSIDE6);
  lab.bind('tap8', OUT8);
  await pingOk(t, lab.outside, OUT7);
  await pingOk(t, lab.outside, OUT7_6);
  await pingOk(t, lab.in('tap8'), OUT7);
  t.true(lab.packets('tun7', INSIDE) >= 6);
});

test('an uplink without Ethernet', async (t) => {
  const [far, far6] = ['198.18.0.9', '2001:db8:18::9'];
  let world: Running | undefined;
  const lab = await SlotLab.make(t, ['tap7', 'tap8'], {
    ...{ ...OPTIONS, link: 'none', uplink: 'tun0' },
    prepare: async (gateway) => {
      world = await tun(t, gateway, 'tun0', [
        [far, OUT7],
        [far6, OUT7_6],
        [far, OUT8],
      ]);
      await gateway.ip('route add 198.18.0.0/15 dev tun0', 'route add 2001:db8:18::/48 dev tun0');
    },
  });
  bindAll(lab);
  for (const name of ['tap7', 'tap8']) {
    await pingOk(t, lab.in(name), far);
    await pingOk(t, lab.in(name), far6);
  }
  // And begun out there.
  world?.process.stdin?.write('ping\n');
  await sleep(500);
  world?.process.stdin?.end();
  const came = JSON.parse((await world!.ended).stdout.replace('ready', '')) as [
    string,
    string,
    string,
    boolean,
  ][];
  t.true(
    came.every(([, , , sound]) => sound),
    'every checksum is right',
  );
  t.deepEqual(
    [...new Set(came.filter(([, , what]) => what === 'reply').map(([source]) => source))].sort(),
    [OUT7_6, OUT7, OUT8].sort(),
  );
});
