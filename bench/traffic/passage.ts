// One turn of a flood through a router, done again where it measured something else.

import type { FloodOptions, Passage, Router } from './router.ts';

/** A turn that loses more than this is done again, so many times. */
const MOST_LOSS = 0.001;
const TRIES = 10;

/** Sends `packets` through; `between` runs after each try. */
export function passage(
  router: Router,
  packets: number,
  flood: FloodOptions,
  between: () => void = () => {},
): Passage {
  for (let tries = 1; ; tries++) {
    const passed = router.pass(packets, flood);
    between();
    // Where the other core has taken over in the middle, queues ran full.
    if (1 - passed.arrived / passed.sent <= MOST_LOSS || tries === TRIES) return passed;
  }
}
