// How long a new connection from the last slot takes until it is there, with one slot and with all of them.

import type { Traffic } from '../engine/traffic.ts';
import { type Sample, sampleOf } from './sample.ts';

export interface SetUp {
  readonly name: string;
  /** Microseconds of one connection, with one slot bound and with all. */
  readonly one: Sample;
  readonly all: Sample;
}

const TIMES = 2_000;
const WARM_UP = 1_000;
/** What a change of thousands leaves to be done in the background, by the kernel and by this process. */
const SETTLE_MS = 500;
/** One and all take turns, so that what else the machine does meets both. */
const TURNS = 3;

export async function compareSetUp(
  name: string,
  traffic: Traffic,
  slot: number,
  one: () => void,
  all: () => void,
): Promise<SetUp> {
  const took: { readonly one: number[]; readonly all: number[] } = { one: [], all: [] };
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [change, times] of [
      [one, took.one],
      [all, took.all],
    ] as const) {
      change();
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      await traffic.connectTimes(slot, WARM_UP);
      times.push(...(await traffic.connectTimes(slot, TIMES)));
    }
  }
  return { name, one: sampleOf(took.one), all: sampleOf(took.all) };
}
