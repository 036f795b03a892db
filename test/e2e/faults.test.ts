// A sample of `npm run faults`: processes killed at their calls to the kernel, with packets to tell what came of it.

import test from 'ava';
import { EMULATED, PATIENCE } from '../support/emulation.ts';
import { campaign, descriptors, ERRNOS, isTried, leaks } from '../support/fault/campaign.ts';
import { OPERATIONS } from '../support/fault/operations.ts';
import type { FaultHook } from '../support/fault/state.ts';
import { World } from '../support/fault/world.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { TC_HOOKS, TCX } from '../support/tcx.ts';

/** Every how many calls; a prime, so that the samples of operations with like beginnings differ. */
const STRIDE = EMULATED ? 401 : 47;
const SHORT_STRIDE = EMULATED ? 41 : 5;

needsRootAndBpf(test);

const PAST: readonly FaultHook[] = TCX ? ['xdp', 'redirect', 'redirect clsact'] : [];

for (const hook of [...TC_HOOKS, ...PAST]) {
  test.serial(`killed or failing at a call, the instance is as it was or as asked, ${hook}`, async (t) => {
    t.timeout(600_000 * PATIENCE);
    const world = await World.make(t, hook === 'xdp' ? { offload: 'wire' } : {});
    const open = descriptors();
    for (const [i, operation] of OPERATIONS.entries()) {
      const isPast = PAST.includes(hook);
      if (!isTried(world, hook, operation)) continue;
      // There are more calls, each of which is judged as slowly.
      const stride = (operation.isShort ? SHORT_STRIDE : STRIDE) * (isPast ? 2 : 1);
      const plan = { stride, first: (i * 7) % stride, errnos: Object.keys(ERRNOS), everyErrno: false };
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
