// Faults at calls of what is done to slots and tunnel slots, as in test/support/fault, but with stand-ins for programs and
// without packets, so that more of them can be tried.

import type { TestFn } from 'ava';
import { look, prepare, tunnelLeftovers } from '../../../support/fault/look.ts';
import { SLOT_OPERATIONS } from '../../../support/fault/slot-operations.ts';
import { type Operation, type Place, SLOT_DEVICE, type State } from '../../../support/fault/state.ts';
import { TUNNEL_OPERATIONS } from '../../../support/fault/tunnel-operations.ts';
import { requireClean } from './fault-runs.ts';
import { type FaultyOperation, faultTestsOf, STRIDE } from './fault-steps.ts';
import { site } from './site.ts';

type SlotHook = 'tcx' | 'clsact' | 'xdp';

const CAPACITY = 200;
const isSlotText = (text: string): boolean => text.includes('%');
const textsOf = (state: State | undefined): string[] | undefined =>
  state && [
    state.unmapped,
    ...[
      ...state.mappings,
      ...(state.reserved ?? []),
      ...(state.tunnels ?? []).map((one) => `vni ${one}`),
    ].sort(),
  ];

function experimentOf(operation: Operation, hook: SlotHook): FaultyOperation['make'] {
  return (t) => {
    const here = site(t);
    here.ip(`link add ${SLOT_DEVICE} type veth peer name up0`);
    const { root, ...making } = here.context as Required<Pick<typeof here.context, 'root'>> &
      typeof here.context;
    const place: Place = {
      ...{ root, netns: here.netns, hook, making, capacity: CAPACITY },
      ...{ interface: 'out0', inside: SLOT_DEVICE },
    };
    const [before, after] = [operation.before, operation.after].map(textsOf);
    return {
      before,
      after,
      prepare: () => prepare(place, operation),
      run: () => operation.run(place),
      look: (what) => {
        const is = look(place, operation);
        if (typeof is !== 'string') return textsOf(is.state);
        t.fail(`${what}: ${is}`);
        return [];
      },
      requireClean: (exists, what) => {
        requireClean(t, here, hook, exists, what);
        const hasQdisc = /clsact|ingress/.test(here.tc(`qdisc show dev ${SLOT_DEVICE}`));
        const is = look(place, operation);
        const state = typeof is === 'string' ? undefined : is.state;
        const hasSlots = [...(state?.mappings ?? []), ...(state?.reserved ?? [])].some(isSlotText);
        t.is(hasQdisc, hasSlots, `${what}: a qdisc on the device of slots`);
        if (operation.isOfTunnels) t.is(tunnelLeftovers(place), undefined, what);
      },
    };
  };
}

/** Declares the tests of one hook. */
export function slotFaultTests(test: TestFn, hook: SlotHook): void {
  // XDP does not look into tunnels.
  const operations = [...SLOT_OPERATIONS, ...(hook === 'xdp' ? [] : TUNNEL_OPERATIONS)];
  faultTestsOf(
    test,
    hook,
    operations.map((operation) => ({ title: operation.title, make: experimentOf(operation, hook) })),
    // With XDP there are several times as many calls, most of which TC has made.
    hook === 'xdp' ? STRIDE * 5 + 2 : STRIDE,
  );
}
