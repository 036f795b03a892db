// Slots in a real kernel: namespaces with the same addresses, each behind a veth of its own, talk to the outside, to each
// other and to this host. The kernel finds the slot's neighbour, or the record says.

import test from 'ava';
import { needsRootAndBpf } from '../../support/requirements.ts';
import { pingOk } from '../../support/traffic.ts';
import { INSIDE6, SERVER, SERVER6, SlotLab, UPLINK, UPLINK6 } from './support/slot-lab.ts';

needsRootAndBpf(test);

const OUT7 = '203.0.113.7';
const OUT8 = '203.0.113.8';
const OUT7_6 = '2001:db8::7';
const OUT8_6 = '2001:db8::8';
const USES = new Set(['addresses', 'slots', 'slots6', 'slot_lists', 'slot_lists6'] as const);
const OPTIONS = { uses: USES, outsides: [OUT7, OUT8, OUT7_6, OUT8_6] };

for (const hasStation of [false, true]) {
  test(`slots with one address, ${hasStation ? 'their MACs known' : 'their MACs looked for'}`, async (t) => {
    const lab = await SlotLab.make(t, ['tap7', 'tap8'], OPTIONS);
    lab.bind('tap7', OUT7, undefined, { hasStation });
    lab.bind('tap8', OUT8, undefined, { hasStation });
    lab.bind('tap7', OUT7_6, INSIDE6, { hasStation });
    lab.bind('tap8', OUT8_6, INSIDE6, { hasStation });
    const [seven, eight] = [lab.in('tap7'), lab.in('tap8')];
    for (const [what, from, to] of [
      ['out', seven, SERVER],
      ['out', eight, SERVER],
      ['in', lab.outside, OUT7],
      ['in', lab.outside, OUT8],
      ['slot to slot', seven, OUT8],
      ['slot to itself', eight, OUT8],
      ['slot to this host', seven, UPLINK],
      ['this host to a slot', lab.gateway, OUT7],
      ['out', seven, SERVER6],
      ['in', lab.outside, OUT8_6],
      ['slot to slot', seven, OUT8_6],
      ['slot to this host', seven, UPLINK6],
      ['this host to a slot', lab.gateway, OUT7_6],
    ] as const) {
      t.log(`${what}: ${to}, ${JSON.stringify(lab.reasons())}`);
      await pingOk(t, from, to);
    }
    t.true(lab.packets('tap7', '172.16.0.2') >= 3);
  });
}
