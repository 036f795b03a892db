// An instance opened for a change of its tables, with nothing loaded that builds programs. Most changes need no more, and a
// command that makes one is done in the time that loading the rest would take. Where a change turns out to need it after
// all, nothing has been done yet: it is loaded, and the change made with it.

import { Hand } from '../hand.ts';
import { NO_WORKS, WorksNeeded } from '../works.ts';

/**
 * @param open what `run` gets, of the tables alone
 * @param openWhole loads what opens all of it
 * @param run one change, or a look; it may be called twice
 */
export async function lightly<I extends Disposable, T>(
  name: string,
  open: (hand: Hand) => I,
  openWhole: () => Promise<(name: string) => I>,
  run: (instance: I) => T,
): Promise<T> {
  try {
    using instance = open(new Hand(name, NO_WORKS));
    return run(instance);
  } catch (error) {
    if (!(error instanceof WorksNeeded)) throw error;
  }
  const whole = await openWhole();
  using instance = whole(name);
  return run(instance);
}
