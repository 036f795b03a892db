// What it takes to bind: one slot when all of them exist, and all at once.

import type { Ledger } from '../engine/ledger.ts';
import type { Ours } from '../ours.ts';
import { addressText, slotDevice } from '../world.ts';
import { type Sample, sampleOf, timedUs } from './sample.ts';

/** Of one contestant. */
export interface Timed {
  readonly name: string;
  /** Microseconds for one slot. */
  readonly sample: Sample;
  /** How it was measured, where that is not plain. */
  readonly note?: string;
}

const ROUNDS = 7;

export type Wish = readonly [slot: number, address: number];

const named = (wishes: readonly Wish[]): [string, string][] =>
  wishes.map(([slot, address]) => [slotDevice(slot), addressText(address)]);

/** Binds all in one call, several times over; they are bound afterwards. @returns microseconds for all */
export function bindAll(ours: Ours, ledger: Ledger, wishes: readonly Wish[]): Sample {
  const took: number[] = [];
  const pairs = named(wishes);
  for (let round = 0; round < ROUNDS; round++) {
    if (round > 0) releaseAll(ours, ledger, wishes);
    ledger.change(wishes, () => took.push(timedUs(() => ours.slots.bindAll(pairs))));
  }
  return sampleOf(took);
}

export function releaseAll(ours: Ours, ledger: Ledger, wishes: readonly Wish[]): void {
  ledger.change(
    wishes.map(([slot]) => [slot, 0] as const),
    () => ours.slots.releaseAll(wishes.map(([slot]) => slotDevice(slot))),
  );
}

/** Binds each by a call of its own, in an order of no meaning; all are bound before and afterwards. */
export function bindEach(ours: Ours, ledger: Ledger, wishes: readonly Wish[]): Sample {
  const took: number[] = [];
  for (const [slot, address] of shuffled(wishes)) {
    const [name, text] = [slotDevice(slot), addressText(address)];
    ledger.change([[slot, 0]], () => ours.slots.release(name));
    ledger.change([[slot, address]], () => took.push(timedUs(() => ours.slots.bind(name, text))));
  }
  return sampleOf(took);
}

function shuffled<T>(list: readonly T[]): T[] {
  const all = [...list];
  for (let at = all.length - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1));
    [all[at], all[other]] = [all[other] as T, all[at] as T];
  }
  return all;
}
