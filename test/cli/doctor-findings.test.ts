// What the doctor makes of facts that no machine here has: old kernels, lockdown, odd hardware.

import test from 'ava';
import { instanceFindings } from '../../src/cli/doctor/instance.ts';
import { type Feature, kernelFindings } from '../../src/cli/doctor/kernel.ts';
import { neighbourFindings, networkFindings, type UplinkFacts } from '../../src/cli/doctor/network.ts';
import { privilegeFindings } from '../../src/cli/doctor/privilege.ts';

const lacking = (answer: Feature['answer'], need: Feature['need']): Feature => ({
  check: 'kernel.map.hash',
  group: 'map types',
  name: 'hash',
  answer,
  need,
  without: 'a newer kernel is needed',
});
const kernel = {
  release: '4.9.0',
  features: [],
  isa: undefined,
  kernelBtf: false,
  jit: false as const,
  jitHarden: '2',
  refusals: ['the kernel refused it'],
};

test('an old kernel', (t) => {
  const found = kernelFindings({
    ...kernel,
    features: [lacking(false, 'needed'), lacking(false, 'optional')],
  });
  const told = found.map(({ status, check }) => `${status} ${check}`);
  t.deepEqual(told, [
    'ok kernel.release',
    'missing kernel.map.hash',
    'note kernel.map.hash',
    'missing kernel.programs',
    'warning kernel.jit',
    'note kernel.jit_harden',
    'note kernel.btf',
  ]);
});

test('limits of old kernels, no bpffs, lockdown', (t) => {
  const machine = {
    release: '5.10.0',
    kernelBtf: true,
    jitEnable: '1',
    jitHarden: '0',
    memlock: '65536',
    memlockCharged: true,
    bpffs: { path: '/sys/fs/bpf', mounted: false, writable: true },
  };
  const found = privilegeFindings({
    status: 'CapEff:\t000001ffffffffff\n',
    uid: 0,
    machine,
    obstacles: [{ kind: 'lockdown', what: 'the kernel is locked down', remedy: 'boot without' }],
  });
  const told = found.map(({ status, check }) => `${status} ${check}`);
  t.deepEqual(told, [
    'ok privilege.capabilities',
    'missing privilege.lockdown',
    'warning privilege.bpffs',
    'note privilege.memlock',
  ]);
});

const uplink: UplinkFacts = {
  name: 'eth0.5',
  interface: {
    index: 3,
    name: 'eth0.5',
    type: 1,
    flags: 1,
    mac: new Uint8Array(6),
    mtu: 1500,
    kind: undefined,
    master: undefined,
  },
  offloads: { lro: true, gro: true, txChecksum: true },
  programs: [],
  names: new Map(),
  ours: new Map(),
  loopbackInsides: 2,
  localOutsides: [],
  ipv6Mappings: 0,
};

test('offloads that hurt, loopback addresses, names with dots', (t) => {
  const asked: string[] = [];
  const sysctl = (name: string): string => {
    asked.push(name);
    return name.endsWith('ip_forward') ? '1' : '0';
  };
  const found = networkFindings({ sysctl, uplink });
  t.like(
    found.find(({ check }) => check === 'interface.lro'),
    { status: 'warning', remedy: 'ethtool -K eth0.5 lro off' },
  );
  t.like(
    found.find(({ check }) => check === 'network.route_localnet'),
    { status: 'missing', remedy: 'sysctl -w net.ipv4.conf.eth0/5.route_localnet=1' },
  );
  t.like(
    found.find(({ check }) => check === 'network.forwarding'),
    { status: 'missing' },
  );
  t.true(asked.includes('net.ipv4.conf.eth0/5.rp_filter'));
});

test('an interface whose packets begin with something else', (t) => {
  const infiniband = { ...uplink.interface!, type: 32 };
  const found = networkFindings({ sysctl: () => '1', uplink: { ...uplink, interface: infiniband } });
  t.like(
    found.find(({ check }) => check === 'interface'),
    { status: 'missing', found: "'eth0.5' has neither an Ethernet header nor none (type 32)" },
  );
});

test('that IPv6 is not forwarded matters where it is translated', (t) => {
  const sysctl = (name: string): string => (name.includes('ipv6') ? '0' : '1');
  for (const [ipv6Mappings, status] of [
    [0, 'note'],
    [2, 'missing'],
  ] as const) {
    const found = networkFindings({ sysctl, uplink: { ...uplink, ipv6Mappings } });
    t.is(found.find(({ check }) => check === 'network.ipv6_forwarding')?.status, status);
  }
});

test('XDP and TCX programs of somebody else', (t) => {
  const programs = [
    { hook: 'xdp', direction: 'ingress', programId: 7 },
    { hook: 'tcx', direction: 'egress', programId: 8, linkId: 3 },
  ] as const;
  const found = neighbourFindings({ ...uplink, programs, names: new Map([[8, 'tsnat_egress']]) });
  t.deepEqual(
    found.map(({ status, check }) => `${status} ${check}`),
    ['note programs.foreign', 'warning programs.orphan'],
  );
});

test('instances in pieces', (t) => {
  const found = instanceFindings({ states: [], interrupted: ['a'], unreadable: [{ name: 'b', why: 'no' }] });
  t.deepEqual(
    found.map(({ status, check }) => `${status} ${check}`),
    ['warning instances.interrupted', 'warning instances.unreadable'],
  );
});
