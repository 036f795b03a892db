// How many of something are due by now, at an even rate.

import { clockMs } from './packet.ts';

/** What was missed by more than this is let go: a thread that was held up does not come back with a flood. */
const MOST_DUE = 64;

export class Pace {
  readonly #perMs: number;
  #last: number = clockMs();
  #owed = 0;

  /** @param rate a second */
  constructor(rate: number) {
    this.#perMs = rate / 1_000;
  }

  /** How many are due since the last time it was asked. */
  due(): number {
    const now = clockMs();
    this.#owed = Math.min(MOST_DUE, this.#owed + (now - this.#last) * this.#perMs);
    this.#last = now;
    const whole = Math.floor(this.#owed);
    this.#owed -= whole;
    return whole;
  }
}
