// Who has an instance open finds out what others have left in it by being killed, whenever that was, before he changes
// anything himself: by the mark that they set before they began.

import test from 'ava';
import { attach, openInstance, openSlots } from '../../../src/nat/instance/index.ts';
import { withFault } from './support/faults.ts';
import { insides, many, mapped } from './support/site.ts';
import { type SlotSite, slotSite, wishes } from './support/slot-site.ts';

const OUTSIDES = ['198.51.100.1', '198.51.100.2'];
const STRIDE = 3;
/** Too many for the journal that lies in the instance's own map. */
const MANY = many(60, 1000);

const CHANGES: { readonly [what: string]: (here: SlotSite) => void } = {
  'new programs': ({ context, netns }) => {
    attach({ interface: 'out0', netns, replace: true }, context);
  },
  'many mappings': ({ context }) => {
    using instance = openInstance('out0', context);
    instance.addMappings(MANY);
  },
  'other mappings': ({ context }) => {
    using instance = openInstance('out0', context);
    instance.replaceMappings(mapped('10.0.0.9=203.0.113.9', '172.16.0.2%tap0=198.51.100.3'));
  },
  'more slots': ({ context }) => {
    using slots = openSlots('out0', context);
    slots.reserve(wishes(['tap2']));
  },
  'fewer slots': ({ context }) => {
    using slots = openSlots('out0', context);
    slots.remove(['tap1']);
  },
};
/** Brings back what a change may have made, so that the next one has it to do again. */
function reset({ context, slots }: SlotSite): void {
  using instance = openInstance('out0', context);
  const known = new Set(slots.list().map(({ interface: device }) => device));
  if (known.has('tap2')) slots.remove(['tap2']);
  if (!known.has('tap1')) slots.reserve(wishes(['tap1']));
  instance.deleteMappings(
    insides(
      instance
        .listMappings()
        .map(({ mapping }) => mapping)
        .filter(({ kind }) => kind !== 'slot'),
    ),
  );
}

for (const [what, change] of Object.entries(CHANGES)) {
  test(`${what}, killed at any call: the next bind clears up first`, (t) => {
    const here = slotSite(t);
    const { slots, pins } = here;
    slots.reserve(wishes(['tap0']));
    slots.bind('tap0', OUTSIDES[0]!);
    reset(here);
    const { calls, error } = withFault(undefined, () => change(here));
    t.is(error, undefined);
    let bound = 0;
    for (let step = 0; step < calls.length; step += STRIDE) {
      reset(here);
      withFault({ kind: 'kill', step }, () => change(here));
      slots.rebind('tap0', OUTSIDES[++bound % 2]!);
      const left = pins().filter((pin) => /%new|journal|changeover|relay/.test(pin));
      t.deepEqual(left, [], `killed at call ${step} of ${calls.length}, ${calls[step]}`);
    }
  });
}
