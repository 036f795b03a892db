// Interfaces whose MAC or MTU changes while they have slots.

import test from 'ava';
import { openInstance, openSlots } from '../../../src/nat/instance/index.ts';
import { CLONE, hardwareIn, shown, slotSite, wishes } from './support/slot-site.ts';

const [BEFORE, AFTER] = ['02:00:00:00:00:20', '02:00:00:00:00:21'];
const OLD = `${BEFORE} 1500`;
const NEW = `${AFTER} 1400`;
const BEFORE_IT = [`link set tap0 address ${BEFORE}`, 'link set tap1 address 02:00:00:00:00:30'];
const IT = `link set tap0 address ${AFTER} mtu 1400`;

test('it is noticed, and said what to do; the slot stays what it is', (t) => {
  const { slots, ...here } = slotSite(t);
  for (const line of BEFORE_IT) here.ip(line);
  slots.reserve(wishes(['tap0', 'tap1']));
  slots.bind('tap0', '203.0.113.1');
  t.deepEqual(
    slots.list().map(({ problem }) => problem),
    [undefined, undefined],
  );
  using instance = openInstance('out0', here.context);
  t.deepEqual(instance.status().problems, []);
  here.ip(IT);
  const [changed, same] = slots.list();
  t.is(changed?.state, 'bound');
  t.regex(
    changed?.problem ?? '',
    /'tap0' had MAC 02:00:00:00:00:20 when it was reserved, now 02:00:00:00:00:21, and MTU 1500, now 1400: 'tsnat slot reserve out0 172\.16\.0\.2%tap0' takes them/,
  );
  t.is(same?.problem, undefined);
  t.deepEqual(hardwareIn(here, 'tap0'), [OLD, OLD]);
  const { problems, slots: summary } = instance.status();
  t.is(summary.stale, 0);
  t.is(problems.length, 1);
  t.regex(problems[0]!, /former MAC or MTU of 1 interfaces \(tap0\).*'tsnat slot list out0'/);
});

test('reserving again takes them, and keeps the outside, its counters and the policy', (t) => {
  const { slots, ...here } = slotSite(t);
  for (const line of BEFORE_IT) here.ip(line);
  slots.reserve(wishes(['tap0', 'tap1']), { denyLinkLocal: true, antiSpoof: false });
  slots.bind('tap0', '203.0.113.1');
  t.throws(() => slots.reserve(wishes(['tap0'])), { code: 'EEXIST' });
  const [before] = slots.list();
  here.ip(IT);
  t.throws(() => slots.reserve(wishes(['tap0', 'tap1'])), { code: 'EEXIST' });
  t.deepEqual(hardwareIn(here, 'tap0'), [OLD, OLD]);
  slots.reserve(wishes(['tap0']));
  t.deepEqual(hardwareIn(here, 'tap0'), [NEW, NEW]);
  const [after, other] = slots.list();
  t.deepEqual({ ...after, age: 0 }, { ...before!, age: 0 });
  t.is(other?.state, 'reserved');
  using instance = openInstance('out0', here.context);
  t.deepEqual(instance.status().problems, []);
  // Nothing is left to take.
  t.throws(() => slots.reserve(wishes(['tap0'])), { code: 'EEXIST' });
  here.ip('link set tap1 mtu 1300');
  slots.reserve(wishes(['tap1']));
  t.deepEqual(hardwareIn(here, 'tap1'), ['02:00:00:00:00:30 1300']);
  t.deepEqual(shown(slots), [`${CLONE}%tap0=203.0.113.1`, `${CLONE}%tap1`]);
});

test('a new MAC of the slot itself is taken too', (t) => {
  const { slots } = slotSite(t);
  const [first, second] = ['52:54:00:12:34:56', '52:54:00:12:34:57'];
  slots.reserve([{ interface: 'tap0', inside: CLONE, station: first }]);
  t.throws(() => slots.reserve([{ interface: 'tap0', inside: CLONE, station: first }]), { code: 'EEXIST' });
  slots.reserve([{ interface: 'tap0', inside: CLONE, station: second }]);
  t.is(slots.list()[0]?.station, second);
});

test('a bind and a rebind take them, of whoever has them open', (t) => {
  const { slots, ...here } = slotSite(t);
  for (const line of BEFORE_IT) here.ip(line);
  slots.reserve(wishes(['tap0', 'tap1']));
  slots.bind('tap1', '203.0.113.2');
  here.ip(IT);
  slots.bind('tap0', '203.0.113.1');
  t.deepEqual(hardwareIn(here, 'tap0'), [NEW, NEW]);
  here.ip(`link set tap0 address ${BEFORE} mtu 1500`);
  slots.rebind('tap0', '203.0.113.3');
  t.deepEqual(hardwareIn(here, 'tap0').sort(), [NEW, OLD, OLD].sort());
  here.ip(IT);
  using others = openSlots('out0', here.context);
  others.rebind('tap0', '203.0.113.4');
  t.deepEqual(others.list()[0]?.problem, undefined);
  t.deepEqual(shown(slots), [`${CLONE}%tap0=203.0.113.4`, `${CLONE}%tap1=203.0.113.2`]);
});
