// A sample of `npm run faults`: processes killed at their calls to the kernel, with packets to tell what came of it.

import test from 'ava';
import { EMULATED, PATIENCE } from '../support/emulation.ts';
import {
  campaign,
  descriptors,
  ERRNOS,
  every,
  isTried,
  leaks,
  type Plan,
} from '../support/fault/campaign.ts';
import { OPERATIONS } from '../support/fault/operations.ts';
import type { FaultHook } from '../support/fault/state.ts';
import { World } from '../support/fault/world.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { TC_HOOKS, TCX } from '../support/tcx.ts';

/**
 * Every how many calls, and which of them is the first; primes, so that the samples of operations with like beginnings
 * differ.
 */
const LONG = 47;
const SHORT = 5;

/**
 * In a guest, where a fault takes half a minute, each operation is killed once and fails once: one a little further in
 * than the one before it (by the golden ratio, which spreads any number of them evenly).
 */
const once =
  (i: number): Plan['stepsOf'] =>
  (calls) => [Math.floor((((i + 1) * 0.618) % 1) * calls)];

needsRootAndBpf(test);

const PAST: readonly FaultHook[] = TCX ? ['xdp', 'redirect', 'redirect clsact'] : [];
/** In a guest what `auto` takes. */
const HOOKS = EMULATED ? TC_HOOKS.slice(0, 1) : [...TC_HOOKS, ...PAST];

for (const hook of HOOKS) {
  test.serial(`killed or failing at a call, the instance is as it was or as asked, ${hook}`, async (t) => {
    t.timeout(600_000 * PATIENCE);
    const world = await World.make(t, hook === 'xdp' ? { offload: 'wire' } : {});
    const open = descriptors();
    for (const [i, operation] of OPERATIONS.entries()) {
      if (!isTried(world, hook, operation)) continue;
      // Past the stack there are more calls, each of which is judged as slowly.
      const times = PAST.includes(hook) ? 2 : 1;
      const stride = (operation.isShort ? SHORT : LONG) * times;
      const stepsOf = EMULATED ? once(i) : every(stride, (i * 7) % stride);
      const plan = { stepsOf, errnos: Object.keys(ERRNOS), everyErrno: false };
      const { calls, killed, repaired, failed, faults } = await campaign(world, hook, operation, plan);
      t.deepEqual(faults, [], operation.title);
      t.log(
        `${operation.title}, ${calls} calls: packets met ${killed.old} old, ${killed.new} new, ${killed.between} between; ${repaired.old} undone, ${repaired.new} completed; ${failed.old} failed, ${failed.new} succeeded all the same`,
      );
    }
    t.deepEqual(world.pins(), []);
    t.deepEqual(await leaks(), []);
    t.is(descriptors(), open);
  });
}
