// Slots that cannot be had, and interfaces that go, come back, or are somebody else's as well: each refusal says what and
// why, and leaves all as it was.

import { execFileSync } from 'node:child_process';
import test from 'ava';
import {
  BpfMap,
  BpfProgram,
  findInterface,
  loadProgram,
  NetlinkSocket,
  removePin,
  withNetns,
} from '../../../src/loader/index.ts';
import { attach, openInstance, openSlots, type Slots } from '../../../src/nat/instance/index.ts';
import { instanceMaps } from '../../../src/nat/maps.ts';
import { returning, TC_ACT_UNSPEC } from '../../loader/support/programs.ts';
import { mapped } from './support/site.ts';
import { addDevices, CLONE, shown, slotSite, wishes } from './support/slot-site.ts';

test('interfaces that are not there, or can have no slot', (t) => {
  const { slots, ip, tc } = slotSite(t);
  const reserve =
    (...devices: string[]) =>
    () =>
      slots.reserve(wishes(devices));
  t.throws(reserve('tap0', 'tap7', 'tap8'), {
    code: 'ENODEV',
    message: /no interface 'tap7', 'tap8' in its network namespace; nothing was reserved/,
  });
  t.throws(reserve('tap0', 'out0'), { code: 'EINTERFACE', message: /'out0' is the outside interface/ });
  t.throws(reserve('tap0', 'tap0'), { code: 'EEXIST', message: /'172\.16\.0\.2%tap0' is asked for twice/ });
  ip('link add br0 type bridge');
  ip('link set tap1 master br0');
  t.throws(reserve('tap0', 'tap1'), {
    code: 'EINTERFACE',
    message: /'tap1' is a port of a bridge .*--station/,
  });
  t.throws(() => slots.reserve([{ interface: 'tap1', inside: CLONE, station: '01:00:5e:00:00:01' }]), {
    instanceOf: RangeError,
    message: /that of a group/,
  });
  t.throws(() => slots.reserve([{ interface: 'tap0', inside: '224.0.0.1' }]), { message: /multicast/ });
  t.deepEqual(shown(slots), []);
  t.notRegex(tc('qdisc show'), /block/);
  slots.reserve([{ interface: 'tap1', inside: CLONE, station: '52:54:00:12:34:56' }]);
  t.is(slots.list()[0]?.station, '52:54:00:12:34:56');
});

test('pools smaller than asked', (t) => {
  const { slots } = slotSite(t, 12);
  t.deepEqual(slots.pool(CLONE, 'tap*', 3), ['tap0', 'tap1', 'tap2']);
  t.deepEqual(slots.pool(CLONE, 'tap1?'), ['tap10', 'tap11']);
  t.throws(() => slots.pool(CLONE, 'tap*', 13), {
    code: 'EPOOL',
    message: /13 slots '172\.16\.0\.2%tap\*' cannot be had: 12 interfaces match, 0 of them have it already/,
  });
  t.throws(() => slots.pool(CLONE, 'tun*'), { code: 'EPOOL', message: /no slots .*0 interfaces match/ });
  slots.reserve(wishes(slots.pool(CLONE, 'tap*', 10)));
  t.deepEqual(slots.pool(CLONE, 'tap*'), ['tap10', 'tap11']);
  t.throws(() => slots.pool(CLONE, 'tap*', 3), { code: 'EPOOL', message: /10 of them have it already/ });
});

test('bound twice, in use, nobody’s, and nothing half-bound', (t) => {
  const { slots, context } = slotSite(t);
  using instance = openInstance('out0', context);
  instance.addMappings(mapped('10.0.0.5=203.0.113.5', '10.1.0.0/24=198.51.100.0/24'));
  slots.reserve(wishes(['tap0', 'tap1']));
  const all =
    (...bindings: [string, string][]) =>
    () =>
      slots.bindAll([['tap0', '203.0.113.1'], ...bindings]);
  t.throws(all(['tap0', '203.0.113.2']), { code: 'EBOUND', message: /'172\.16\.0\.2%tap0' is named twice/ });
  t.throws(all(['tap1', '203.0.113.1']), { code: 'EINUSE' });
  t.throws(all(['tap2', '203.0.113.2']), {
    code: 'ENOSLOT',
    message: /no slot 'tap2'.*slot reserve out0 INSIDE%tap2/,
  });
  t.throws(all(['tap1', '203.0.113.5']), {
    code: 'EINUSE',
    message: /in mapping 10\.0\.0\.5=203\.0\.113\.5/,
  });
  t.throws(all(['tap1', '203.0.113']), { message: /203\.0\.113/ });
  t.throws(all(['tap1', '255.255.255.255']), { instanceOf: RangeError, message: /broadcast/ });
  t.throws(() => slots.rebind('tap0', '203.0.113.1'), {
    code: 'EUNBOUND',
    message: /no outside yet: 'tsnat slot bind/,
  });
  t.throws(() => slots.release('tap0'), { code: 'EUNBOUND' });
  t.deepEqual(shown(slots), [`${CLONE}%tap0`, `${CLONE}%tap1`]);
  slots.bindAll([
    ['tap0', '203.0.113.1'],
    ['tap1', '203.0.113.2'],
  ]);
  t.throws(() => slots.bind('tap0', '203.0.113.3'), {
    code: 'EBOUND',
    message: /has outside 203\.0\.113\.1 already: 'tsnat slot rebind out0 tap0=203\.0\.113\.3'/,
  });
  t.throws(() => slots.rebind('tap0', '203.0.113.2'), {
    code: 'EINUSE',
    message: /that of slot '172\.16\.0\.2%tap1'/,
  });
  t.throws(() => slots.releaseAll(['tap0', 'tap0']), { code: 'EUNBOUND' });
  t.throws(() => slots.release('tap0', { quarantine: -1 }), { instanceOf: RangeError });
  t.throws(() => slots.reserve(wishes(['tap0'])), {
    code: 'EEXIST',
    message: /reserved already; nothing was reserved/,
  });
  t.throws(() => slots.reserve([{ interface: 'tap0', inside: '172.16.0.9' }], { antiSpoof: false }), {
    code: 'ECONFLICT',
  });
  // In a prefix an address may be an exception, as long as answers come back to who sent.
  t.throws(() => slots.rebind('tap0', '198.51.100.7'), {
    code: 'EINUSE',
    message: /10\.1\.0\.7 would leave as 198\.51\.100\.7/,
  });
  instance.addMappings(mapped('10.1.0.7=203.0.113.77'));
  slots.rebind('tap0', '198.51.100.7');
});

test('an interface that goes, and comes back with another index', (t) => {
  const here = slotSite(t);
  const { slots, ip, netns, context } = here;
  slots.reserve(wishes(['tap0', 'tap1']));
  slots.bindAll([
    ['tap0', '203.0.113.1'],
    ['tap1', '203.0.113.2'],
  ]);
  const indexOf = (name: string): number =>
    withNetns(netns, () => {
      using socket = new NetlinkSocket();
      return findInterface(socket, name)?.index ?? 0;
    });
  const was = indexOf('tap0');
  ip('link del tap0');
  t.deepEqual(shown(slots), [`${CLONE}%tap0=203.0.113.1 stale`, `${CLONE}%tap1=203.0.113.2`]);
  t.regex(
    slots.list()[0]?.problem ?? '',
    new RegExp(`interface 'tap0' \\(index ${was}\\) is gone: 'tsnat slot remove out0 172.16.0.2%tap0'`),
  );
  t.throws(() => slots.rebind('tap0', '203.0.113.3'), { code: 'ESTALE', message: /is gone/ });
  using instance = openInstance('out0', context);
  t.regex(
    instance.status().problems.join(),
    /the interfaces of 1 slots are gone or others than they were \(tap0\)/,
  );
  addDevices(here, 1);
  const is = indexOf('tap0');
  t.throws(() => slots.rebind('tap0', '203.0.113.3'), {
    code: 'ESTALE',
    message: new RegExp(
      `'tap0' was index ${was} when it was reserved, now ${is}: 'tsnat slot reserve out0 172.16.0.2%tap0' takes the new one`,
    ),
  });
  slots.reserve(wishes(['tap0']));
  t.deepEqual(
    shown(slots),
    [`${CLONE}%tap0=203.0.113.1`, `${CLONE}%tap1=203.0.113.2`],
    'its outside stayed with it',
  );
  t.is(slots.list()[0]?.ifindex, is);
  t.deepEqual(instance.status().problems, []);
  slots.rebind('tap0', '203.0.113.3');
  // Renamed is gone too, as far as names go, and its index known by another.
  ip('link set tap1 name new1');
  t.regex(slots.list()[1]?.problem ?? '', /interface 'tap1' .* is called 'new1' now/);
  t.throws(() => slots.reserve(wishes(['new1'])), {
    code: 'ESTALE',
    message: /was called 'tap1' when slots were reserved on it/,
  });
  slots.remove(['tap1']);
  slots.reserve(wishes(['new1']));
  t.deepEqual(shown(slots), [`${CLONE}%new1`, `${CLONE}%tap0=203.0.113.3`]);
});

test('a gone interface can be given up, bound or not', (t) => {
  const { slots, ip, tc } = slotSite(t);
  slots.reserve(wishes(['tap0', 'tap1']));
  slots.bind('tap0', '203.0.113.1');
  ip('link del tap0');
  ip('link del tap1');
  slots.release('tap0');
  slots.remove(['tap0', 'tap1']);
  t.deepEqual(shown(slots), []);
  t.notRegex(tc('qdisc show'), /block/);
});

test('qdiscs and filters of others: next to them, never in their place', (t) => {
  const { slots, tc, ip, context, root, netns } = slotSite(t, 4);
  using program = loadProgram(returning('somebody', TC_ACT_UNSPEC), {});
  program.pin(`${root}_somebody`);
  t.teardown(() => removePin(`${root}_somebody`));
  // Not tc -n, behind which no pin is to be seen.
  const run = (line: string): void => {
    execFileSync('nsenter', [`--net=/run/netns/${netns}`, 'tc', ...line.split(' ')]);
  };
  const addForeign = (where: string): void =>
    run(`filter add ${where} bpf object-pinned ${root}_somebody direct-action`);
  tc('qdisc add dev tap0 clsact');
  addForeign('dev tap0 ingress');
  slots.reserve(wishes(['tap0', 'tap1']));
  const filters = (device: string): string => tc(`filter show dev ${device} ingress`);
  t.regex(filters('tap0'), /tsnat_entry/);
  t.regex(filters('tap0'), /somebody/);
  using instance = openInstance('out0', context);
  t.deepEqual(instance.status().problems, []);
  slots.remove(['tap0']);
  t.notRegex(filters('tap0'), /tsnat_entry/);
  t.regex(filters('tap0'), /somebody/);
  // Filters that others share are nobody's to add to.
  run('qdisc add dev tap2 ingress_block 7 clsact');
  t.throws(() => slots.reserve(wishes(['tap2', 'tap3'])), { message: /block 7, which others share/ });
  t.deepEqual(shown(slots), [`${CLONE}%tap1`]);
  t.notRegex(tc('qdisc show dev tap3'), /clsact/);
  // In our block somebody puts a filter: with the last slot ours goes, theirs stays.
  const block = /ingress_block (\d+)/.exec(tc('qdisc show dev tap1'))?.[1];
  addForeign(`block ${block} pref 5`);
  slots.remove(['tap1']);
  t.notRegex(tc(`filter show block ${block}`), /tsnat_entry/);
  t.regex(tc(`filter show block ${block}`), /somebody/);
  ip('link del tap1');
});

test('a program that was taken off is told of, and put back', (t) => {
  const { slots, tc, context, netns } = slotSite(t);
  slots.reserve(wishes(['tap0', 'tap1']));
  tc('qdisc del dev tap1 clsact');
  using instance = openInstance('out0', context);
  t.regex(
    instance.status().problems.join(),
    /not translated on 1 interfaces \(tap1\), from which the program was taken off/,
  );
  const { problems } = attach({ interface: 'out0', netns, replace: true }, context);
  t.deepEqual(problems, []);
});

test('more slots than fit', (t) => {
  const here = slotSite(t, 0, { capacity: 10 });
  const devices = addDevices(here, 4);
  t.throws(() => here.slots.reserve(wishes(devices)), {
    code: 'EFULL',
    message: /has room for 3 slots and has 0: 4 more do not fit/,
  });
  here.slots.reserve(wishes(devices.slice(0, 3)));
  here.slots.bindAll(devices.slice(0, 3).map((device, i) => [device, `203.0.113.${i}`] as const));
  // Outsides that are nobody's any more make room when it is needed.
  for (let i = 10; i < 40; i++) here.slots.rebind('tap0', `203.0.113.${i}`);
  t.throws(
    () => {
      for (let i = 40; i < 50; i++) here.slots.rebind('tap0', `203.0.113.${i}`, { quarantine: 100 });
    },
    { code: 'EFULL' },
  );
  t.is(shown(here.slots).length, 3);
});

test('another program writes, by the layout', (t) => {
  const { slots, root } = slotSite(t);
  slots.reserve(wishes(['tap0']));
  using map = BpfMap.openPin(`${root}/out0/maps/slots`, instanceMaps().slots);
  const key = { interface: slots.list()[0]!.ifindex, address: 0xac10_0002 };
  const record = map!.get(key)!;
  const bound = { ...record, state: 2, address: 0xcb00_7101 };
  map!.set({ interface: 0, address: 0xcb00_7101 }, { ...bound, address: 0xac10_0002 });
  map!.set(key, bound);
  t.deepEqual(shown(slots), [`${CLONE}%tap0=203.0.113.1`]);
  slots.rebind('tap0', '203.0.113.2');
  t.is(map!.get({ interface: 0, address: 0xcb00_7101 })?.state, 3);
});

test('one program for all devices, another one by one update', (t) => {
  const { slots, root, context, netns, tc } = slotSite(t);
  slots.reserve(wishes(['tap0', 'tap1']));
  const entries = (): string[] => tc('filter show dev tap1 ingress').match(/id \d+ name tsnat_entry/g) ?? [];
  const before = entries();
  t.is(before.length, 1);
  const programOf = (): number => {
    using program = BpfProgram.openPin(`${root}/out0/progs/slot`);
    return program?.info.id ?? 0;
  };
  const first = programOf();
  attach({ interface: 'out0', netns, replace: true, unmapped: 'drop' }, context);
  t.not(programOf(), first);
  t.deepEqual(entries(), before, 'what sits on the devices stayed');
  const named = (slotsOf: Slots): number => slotsOf.list().length;
  using again = openSlots('out0', context);
  t.is(named(again), 2);
});
