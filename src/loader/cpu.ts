// How many values a per-CPU map holds for each key: one for each CPU that could ever be plugged in.

import { readFileSync } from 'node:fs';

const POSSIBLE = '/sys/devices/system/cpu/possible';

/**
 * The count of CPUs in a list such as `0-3,8`, which is what the kernel's `num_possible_cpus()` counts.
 *
 * @throws RangeError for a text that is not such a list.
 */
export function countCpus(list: string): number {
  let count = 0;
  for (const range of list.trim().split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(range);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (match === null || last < first)
      throw new RangeError(`list of CPUs '${list.trim()}': '${range}' is no range`);
    count += last - first + 1;
  }
  return count;
}

let possible: number | undefined;

/** `num_possible_cpus()` of the running kernel. */
export function possibleCpus(): number {
  possible ??= countCpus(readFileSync(POSSIBLE, 'utf8'));
  return possible;
}
