// Slots of an instance: reserved, bound, bound anew, released, removed; all of it or nothing.

import test from 'ava';
import { attach, openInstance, openSlots } from '../../../src/nat/instance/index.ts';
import { mapped, site } from './support/site.ts';
import { addDevices, CLONE, CLONE6, shown, slotSite, wishes } from './support/slot-site.ts';
import { openTable } from './support/tables.ts';

test('reserved, bound, bound anew, released, removed', (t) => {
  const { slots } = slotSite(t);
  slots.reserve(wishes(['tap0', 'tap1']));
  t.deepEqual(shown(slots), [`${CLONE}%tap0`, `${CLONE}%tap1`]);
  slots.bind('tap0', '203.0.113.1');
  slots.bind(`${CLONE}%tap1`, '203.0.113.2');
  t.deepEqual(shown(slots), [`${CLONE}%tap0=203.0.113.1`, `${CLONE}%tap1=203.0.113.2`]);
  slots.rebind('tap0', '203.0.113.3');
  slots.release('tap1');
  t.deepEqual(shown(slots), [`${CLONE}%tap0=203.0.113.3`, `${CLONE}%tap1`]);
  slots.bind('tap1', '203.0.113.1');
  slots.remove(['tap0']);
  t.deepEqual(shown(slots), [`${CLONE}%tap1=203.0.113.1`]);
  slots.remove(['tap1']);
  t.deepEqual(shown(slots), []);
});

test('both families on one interface, and two insides of one', (t) => {
  const { slots } = slotSite(t);
  slots.reserve([
    ...wishes(['tap0']),
    ...wishes(['tap0'], CLONE6),
    ...wishes(['tap1']),
    ...wishes(['tap1'], '172.16.0.3'),
  ]);
  slots.bindAll([
    ['tap0', '203.0.113.1'],
    ['tap0', '2001:db8::1'],
    [`172.16.0.3%tap1`, '203.0.113.3'],
  ]);
  t.throws(() => slots.bind('tap1', '203.0.113.4'), {
    code: 'ENOSLOT',
    message: /several slots: say which of 172\.16\.0\.2%tap1, 172\.16\.0\.3%tap1/,
  });
  t.throws(() => slots.bind('tap1', '2001:db8::4'), { code: 'ENOSLOT', message: /no IPv6 inside/ });
  slots.release('tap0');
  t.deepEqual(shown(slots), [
    `${CLONE}%tap0`,
    'fd000000000000000000000000000002%tap0',
    `${CLONE}%tap1`,
    '172.16.0.3%tap1=203.0.113.3',
  ]);
});

test('many at once take a snapshot, and the same checks', (t) => {
  const here = slotSite(t, 0);
  const devices = addDevices(here, 100);
  const { slots } = here;
  slots.reserve(wishes(devices));
  const bindings = devices.map((device, i) => [device, `203.0.113.${i}`] as const);
  t.throws(() => slots.bindAll([...bindings.slice(1), ['tap0', '203.0.113.9']]), {
    code: 'EINUSE',
    message: /given to two slots/,
  });
  slots.bind('tap50', '203.0.113.50');
  t.throws(() => slots.bindAll(bindings), {
    code: 'EBOUND',
    message: /172\.16\.0\.2%tap50' has outside 203\.0\.113\.50 already/,
  });
  t.is(shown(slots).filter((slot) => slot.includes('=')).length, 1, 'nothing of it');
  slots.release('tap50', { quarantine: 1000 });
  t.throws(() => slots.bindAll(bindings), {
    code: 'EQUARANTINED',
    message: /203\.0\.113\.50 is in quarantine for (?:9\d\d|1000)\.\d s more/,
  });
  slots.bindAll(bindings.filter(([device]) => device !== 'tap50'));
  slots.rebindAll(
    bindings
      .filter(([device]) => device !== 'tap50')
      .map(([device], i) => [device, `198.51.100.${i}`] as const),
  );
  t.is(shown(slots).filter((slot) => slot.includes('=198.51.100.')).length, 99);
  slots.releaseAll(devices.filter((device) => device !== 'tap50'));
  slots.bindAll(bindings.filter(([device]) => device !== 'tap50'));
  t.is(shown(slots).filter((slot) => slot.includes('=203.0.113.')).length, 99);
});

test('two who have the slots open see what the other does', (t) => {
  const { slots, context } = slotSite(t);
  using others = openSlots('out0', context);
  t.throws(() => others.bind('tap0', '203.0.113.1'), { code: 'ENOSLOT' });
  slots.reserve(wishes(['tap0']));
  others.bind('tap0', '203.0.113.1');
  t.throws(() => slots.bind('tap0', '203.0.113.2'), { code: 'EBOUND' });
  others.remove(['tap0']);
  t.throws(() => slots.rebind('tap0', '203.0.113.2'), { code: 'ENOSLOT' });
});

test('lists of allowed destinations are shared by who has the same, and gone with the last', (t) => {
  const { slots, root } = slotSite(t, 4);
  const [narrow, wide] = [
    { address: 0x0a00_0000, length: 8 },
    { address: 0xc0a8_0000, length: 16 },
  ];
  slots.reserve(wishes(['tap0']), { allow: [narrow, wide] });
  slots.reserve(wishes(['tap1']), { allow: [wide, narrow] });
  slots.reserve(wishes(['tap2']), { allow: [wide], denyLinkLocal: true });
  t.is(listSizes(root), 3);
  t.deepEqual(
    slots.list().map(({ policy: { allow } }) => allow?.length),
    [2, 2, 1],
  );
  slots.remove(['tap0']);
  t.is(listSizes(root), 3);
  slots.remove(['tap1', 'tap2']);
  t.is(listSizes(root), 0);
  t.throws(() => slots.reserve(wishes(['tap3']), { allow: [] }), { instanceOf: RangeError });
});

test('mappings of slots are mappings: added, listed, replaced, deleted', (t) => {
  const { slots, context } = slotSite(t);
  using instance = openInstance('out0', context);
  const listed = (): string[] => shown(slots);
  instance.addMappings(mapped(`${CLONE}%tap0=203.0.113.1`, `${CLONE}%tap1=203.0.113.2`));
  instance.addMappings(mapped('10.0.0.5=203.0.113.5', `${CLONE6}%tap1=2001:db8::1`));
  t.is(instance.listMappings().length, 4);
  t.like(instance.status(), {
    mappings: 4,
    slots: { place: 'device', bound: 3, reserved: 0, stale: 0 },
    problems: [],
  });
  slots.reserve(wishes(['tap2']));
  t.throws(() => instance.addMappings(mapped('10.0.0.6=203.0.113.1')), {
    message: /outside 203\.0\.113\.1 is already that of 172\.16\.0\.2%tap0/,
  });
  t.throws(() => instance.addMappings(mapped(`${CLONE}%tap2=203.0.113.5`)), {
    code: 'EINUSE',
    message: /is in mapping 10\.0\.0\.5=203\.0\.113\.5/,
  });
  const replaced = instance.replaceMappings(mapped(`${CLONE}%tap1=203.0.113.1`, '10.0.0.5=203.0.113.5'));
  t.deepEqual(replaced, { kept: 1, added: 1, deleted: 2 });
  t.deepEqual(
    listed(),
    [`${CLONE}%tap1=203.0.113.1`, `${CLONE}%tap2`],
    'what is bound to nothing is no mapping, and stays',
  );
  instance.deleteMappings([{ kind: 'slot', address: 0xac10_0002, interface: 'tap1' }]);
  t.deepEqual(listed(), [`${CLONE}%tap2`]);
  t.throws(() => instance.deleteMappings([{ kind: 'slot', address: 0xac10_0002, interface: 'tap2' }]), {
    code: 'EUNMAPPED',
  });
});

test('attached with slots, and swapped with them', (t) => {
  const here = site(t);
  addDevices(here, 2);
  const mappings = mapped(`${CLONE}%tap0=203.0.113.1`, `${CLONE}%tap1=203.0.113.2`);
  attach({ interface: 'out0', netns: here.netns, mappings }, here.context);
  using slots = openSlots('out0', here.context);
  t.is(shown(slots).length, 2);
  const clsacts = (): number => here.tc('qdisc show').match(/clsact/g)?.length ?? 0;
  t.is(clsacts(), 2);
  const status = attach(
    { interface: 'out0', netns: here.netns, replace: true, unmapped: 'drop' },
    here.context,
  );
  t.deepEqual(status.problems, []);
  t.is(shown(slots).length, 2);
  t.throws(
    () => attach({ interface: 'out0', netns: here.netns, replace: true, slots: 'uplink' }, here.context),
    { code: 'ECONFLICT' },
  );
  attach({ interface: 'out0', netns: here.netns, replace: true, mappings: [] }, here.context);
  t.deepEqual(shown(slots), []);
  t.is(clsacts(), 0);
});

function listSizes(root: string): number {
  using four = openTable(root, 'slot_lists');
  using six = openTable(root, 'slot_lists6');
  return four.size + six.size;
}
