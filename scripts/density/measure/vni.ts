// What it takes to give a tunnel its VNI when as many tunnels exist as slots.

import { openTunnels } from '../../../src/index.ts';
import { type Sample, sampleOf, timedUs } from './sample.ts';

/** Placeholders are counted from here, VNIs from 1. */
const PLACEHOLDERS = 0x80_0000;

/** Reserves tunnel slots of an instance, binds each by a call of its own, and gives them up again. */
export function bindVnis(name: string, count: number): Sample {
  using tunnels = openTunnels(name);
  const placeholders = Array.from({ length: count }, (_, n) => PLACEHOLDERS + n);
  tunnels.reserve(placeholders.map((placeholder) => ({ placeholder })));
  const bindAll = (): number[] => placeholders.map((slot, n) => timedUs(() => tunnels.bind(slot, n + 1)));
  try {
    // Whoever binds for long has compiled code.
    bindAll();
    tunnels.release(placeholders);
    return sampleOf(bindAll());
  } finally {
    tunnels.remove(placeholders);
  }
}
