// XDP beside slots: which slots XDP may deliver to is asked of the kernel when they are reserved and whenever XDP is woken,
// and stands in their entries.

import { execFileSync } from 'node:child_process';
import test, { type ExecutionContext } from 'ava';
import { program } from '../../../src/asm/index.ts';
import { BpfMap } from '../../../src/loader/index.ts';
import { datapath } from '../../../src/nat/datapath/index.ts';
import { xdpPrograms } from '../../../src/nat/datapath/xdp/index.ts';
import type { Owned } from '../../../src/nat/instance/contents.ts';
import { attach, detach, openInstance } from '../../../src/nat/instance/index.ts';
import { testXdpSlots } from '../../../src/nat/instance/xdp/self-test.ts';
import { SLOT_STATES } from '../../../src/nat/slot-layout.ts';
import type { Use } from '../../../src/nat/uses.ts';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { since } from '../../support/since.ts';
import { mapped, type Site } from './support/site.ts';
import { CLONE6, type SlotSite, slotSite, wishes } from './support/slot-site.ts';
import { openTable } from './support/tables.ts';

needsRootAndBpf(test);

/** Before, the kernel does not say which veth takes what native XDP sends. */
const nativeTest = since('6.3') ? test : test.skip;
const statusOf = ({ context }: Site) => {
  using instance = openInstance('out0', context);
  return instance.status();
};
const STATION = '02:00:00:00:00:99';

/** `interface address xdp` of each slot's entries. */
function marks({ root }: Site): string[] {
  using four = openTable(root, 'slots');
  using six = openTable(root, 'slots6');
  const entries = [...four, ...six] as [
    { interface: number; address: unknown },
    { state: number; interface: number; xdp: number; name: Uint8Array },
  ][];
  return entries
    .filter(([, { state }]) => state !== SLOT_STATES.interface)
    .map(([{ interface: at }, { xdp, name }]) => {
      const device = Buffer.from(name).toString().replace(/\0+$/, '');
      return `${device} ${at === 0 ? 'in' : 'out'} ${xdp}`;
    })
    .sort();
}

const xdp = (here: Site, more: object = {}) =>
  attach(
    { interface: 'out0', netns: here.netns, hook: 'xdp', xdpMode: 'generic', replace: true, ...more },
    here.context,
  );

const offload = ({ netns }: Site, device: string, ...what: string[]): void => {
  execFileSync('nsenter', [`--net=/run/netns/${netns}`, 'ethtool', '-K', device, ...what]);
};

/** With slots on two devices; what native XDP sends gets through to the first. */
function two(t: ExecutionContext, options: object = {}): SlotSite {
  const here = slotSite(t, 2, options);
  for (const device of ['tap0', 'tap1', 'ptap0', 'ptap1']) here.ip(`link set ${device} up`);
  offload(here, 'ptap0', 'gro', 'on');
  offload(here, 'ptap1', 'gro', 'off');
  return here;
}

const known = (devices: readonly string[]) => wishes(devices).map((wish) => ({ ...wish, station: STATION }));

test('generic XDP delivers to all slots whose MAC is known', (t) => {
  const here = two(t, { hook: 'xdp', xdpMode: 'generic' });
  const { slots } = here;
  t.deepEqual(statusOf(here).xdp, { mode: 'generic', inside: [], veths: ['out0'] });
  slots.reserve([...known(['tap0']), ...wishes(['tap1'])]);
  slots.bind('tap0', '203.0.113.1');
  t.deepEqual(marks(here), ['tap0 in 1', 'tap0 out 1', 'tap1 out 1']);
  slots.rebind('tap0', '203.0.113.2', { quarantine: 60 });
  t.deepEqual(marks(here), ['tap0 in 1', 'tap0 in 1', 'tap0 out 1', 'tap1 out 1']);
  slots.reserve(wishes(['tap1'], CLONE6).map((wish) => ({ ...wish, station: STATION })));
  const status = statusOf(here);
  t.deepEqual(status.problems, []);
  t.deepEqual(status.slots.xdp, { delivered: 2, left: 1 });
});

nativeTest('native XDP delivers where the kernel says that it can', (t) => {
  const here = two(t, { hook: 'xdp', xdpMode: 'native' });
  const { slots, ip } = here;
  ip('tuntap add dev tap7 mode tap');
  slots.reserve(known(['tap0', 'tap1', 'tap7']));
  slots.bindAll([
    ['tap0', '203.0.113.1'],
    ['tap1', '203.0.113.2'],
  ]);
  t.deepEqual(marks(here), ['tap0 in 1', 'tap0 out 1', 'tap1 in 0', 'tap1 out 0', 'tap7 out 1']);
  t.deepEqual(statusOf(here).slots.xdp, { delivered: 2, left: 1 });
  offload(here, 'ptap1', 'gro', 'on');
  offload(here, 'ptap0', 'gro', 'off');
  const { problems } = statusOf(here);
  t.regex(
    problems.join(),
    /native XDP sends to 1 interfaces of slots that cannot take it any more.*\(tap0\)/,
  );
  xdp(here, { xdpMode: 'native' });
  t.deepEqual(marks(here), ['tap0 in 0', 'tap0 out 0', 'tap1 in 1', 'tap1 out 1', 'tap7 out 1']);
  t.deepEqual(statusOf(here).problems, []);
});

test('slots that are there when XDP comes are told of it, and go on counting', (t) => {
  const here = two(t);
  const { slots, root, context } = here;
  slots.reserve(known(['tap0', 'tap1']));
  slots.bind('tap0', '203.0.113.1');
  t.deepEqual(marks(here), ['tap0 in 0', 'tap0 out 0', 'tap1 out 0']);
  using map = openTable(root, 'slots');
  const key = { interface: 0, address: 0xcb00_7101 };
  map.set(key, { ...map.get(key)!, packets: 7n, bytes: 700n });
  xdp(here);
  t.deepEqual(marks(here), ['tap0 in 1', 'tap0 out 1', 'tap1 out 1']);
  t.like(map.get(key), { packets: 7n, bytes: 700n, state: SLOT_STATES.bound });
  t.is(statusOf(here).slots.xdp?.delivered, 2);
  attach({ interface: 'out0', netns: here.netns, hook: 'clsact', replace: true }, context);
  const without = statusOf(here);
  t.deepEqual([without.xdp, without.slots.xdp], [undefined, undefined]);
  slots.remove(['tap0', 'tap1']);
  detach('out0', context);
});

test('only slots need no interface inside', (t) => {
  const here = two(t);
  const plain = mapped('10.0.0.5=203.0.113.5');
  t.throws(() => xdp(here, { mappings: plain }), {
    code: 'EINTERFACE',
    message: /10\.0\.0\.5=203\.0\.113\.5 between two sides: name the inside interfaces/,
  });
  t.is(statusOf(here).xdp, undefined);
  xdp(here, { mappings: mapped('172.16.0.2%tap0=203.0.113.7') });
  here.ip('link add in0 type veth peer name in1');
  // Both beside each other, and neither is taken for the other.
  xdp(here, { inside: ['in0'], mappings: [...plain, ...mapped('172.16.0.2%tap0=203.0.113.7')] });
  const status = statusOf(here);
  t.like(status, { healthy: true, mappings: 2, xdp: { mode: 'generic', inside: ['in0'] } });
  t.throws(() => xdp(here, { mappings: mapped('10.0.0.6%out0=203.0.113.8') }), { code: 'EINTERFACE' });
  t.deepEqual(marks(here), ['tap0 in 1', 'tap0 out 1']);
});

const USES: readonly Use[] = ['addresses', 'slots', 'slots6'];
/** The self-test of this program. */
function tested(inbound: ReturnType<typeof xdpPrograms>['inbound'] | undefined, mss?: number): void {
  const options = { unmapped: 'pass', uses: new Set(USES), ...(mss !== undefined && { mss }) } as const;
  const made = xdpPrograms(options, false);
  const maps = Object.fromEntries(
    Object.entries(datapath({ ...options, capacity: 16 }).maps).map(([name, definition]) => [
      name,
      BpfMap.create(definition),
    ]),
  ) as unknown as Owned;
  const remote = (family: 4 | 6): number | bigint =>
    family === 4 ? 0xc633_6401 : (0x2001_0db8n << 96n) | 1n;
  try {
    testXdpSlots('out0', { ...made, ...(inbound && { inbound }) }, maps, options, remote);
  } finally {
    for (const map of Object.values(maps)) map.close();
  }
}

test('a program that does not deliver as it should is refused', (t) => {
  t.notThrows(() => tested(undefined));
  t.notThrows(() => tested(undefined, 1300));
  const idle = program('xdp', 'tsnat_xdp_in', (p) => p.pass());
  t.throws(() => tested(idle), { code: 'ESELFTEST', message: /an IPv4 tcp packet for a slot, .*verdict 2/ });
  const { inbound: half } = xdpPrograms({ unmapped: 'pass', uses: new Set(['addresses', 'slots']) }, false);
  t.throws(() => tested(half), { code: 'ESELFTEST', message: /an IPv6 tcp packet for a slot/ });
  // One that takes what announces a segment size, where TC clamps it.
  const { inbound: blind } = xdpPrograms({ unmapped: 'pass', uses: new Set(USES) }, false);
  t.throws(() => tested(blind, 1300), { code: 'ESELFTEST', message: /verdict 4/ });
});
