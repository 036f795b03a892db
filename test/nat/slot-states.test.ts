import test from 'ava';
import { formatMapping } from '../../src/nat/mapping.ts';
import { encodeSlots, type SlotEntry, type SlotRecord } from '../../src/nat/slot-entries.ts';
import { SLOT_STATES } from '../../src/nat/slot-layout.ts';
import { boundSlots } from '../../src/nat/slot-states.ts';
import { entryOf, twinOf } from './support/slots.ts';

const statesOf = (family: 4 | 6, ...entries: SlotEntry[]) => boundSlots(family, encodeSlots(family, entries));

for (const [family, text] of [
  [4, '172.16.0.2%tap7=203.0.113.7'],
  [6, 'fd00::2%tap7=2001:db8::7'],
] as const) {
  test(`a bound slot is a mapping with the counters of both its entries: IPv${family}`, (t) => {
    const out = entryOf(family, { packets: 5n, bytes: 500n });
    const { states, torn } = statesOf(family, twinOf(out, { packets: 3n, bytes: 300n }), out);
    t.is(torn, 0);
    t.deepEqual(
      states.map(({ mapping, outbound, inbound }) => [formatMapping(mapping), outbound, inbound]),
      [[text, { packets: 5n, bytes: 500n }, { packets: 3n, bytes: 300n }]],
    );
  });
}

test('clones with one inside, each at its interface', (t) => {
  const other = (interfaceIndex: number): SlotEntry => ({
    key: { interface: interfaceIndex, address: 0xac10_0002 },
    record: entryOf(4, {
      interface: interfaceIndex,
      name: `tap${interfaceIndex}`,
      address: 0xcb00_7100 + interfaceIndex,
    }).record,
  });
  const outs = [7, 8, 9].map(other);
  const { states, torn } = statesOf(4, ...outs, ...outs.map((out) => twinOf(out)));
  t.is(torn, 0);
  t.deepEqual(
    states.map(({ mapping }) => formatMapping(mapping)),
    [7, 8, 9].map((i) => `172.16.0.2%tap${i}=203.0.113.${i}`),
  );
});

test('what is not bound is no mapping', (t) => {
  const { interface: whole, reserved, quarantined } = SLOT_STATES;
  const entries = [
    { key: { interface: 7, address: 0 }, record: entryOf(4, { state: whole, address: 0 }).record },
    entryOf(4, { state: reserved, address: 0 }),
    twinOf(entryOf(4), { state: quarantined }),
  ];
  t.deepEqual(statesOf(4, ...entries), { states: [], torn: 0 });
});

test('one direction only is torn', (t) => {
  const out = entryOf(4);
  const twin = (changes: Partial<SlotRecord>) => statesOf(4, out, twinOf(out, changes));
  t.is(statesOf(4, out).torn, 1);
  t.is(statesOf(4, twinOf(out)).torn, 1);
  t.deepEqual(statesOf(4, twinOf(out)).states, []);
  t.is(twin({ address: 0xac10_0003 }).torn, 1);
  t.is(twin({ interface: 8 }).torn, 1);
  t.is(twin({ state: SLOT_STATES.quarantined }).torn, 1);
  t.deepEqual(statesOf(4, out).states[0]?.inbound, { packets: 0n, bytes: 0n });
});
