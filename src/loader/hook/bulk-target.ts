// Which interfaces are meant: each named once, and there.

import { LoaderError } from '../errors.ts';
import type { Target } from './bulk-clsact.ts';
import type { BulkFailure } from './bulk-error.ts';

/**
 * @param indexes of the interfaces, undefined for those that are not there: they go to `failures`
 * @throws RangeError for an interface that is named twice.
 */
export function resolveTargets(
  interfaces: readonly (string | number)[],
  indexes: readonly (number | undefined)[],
  failures: BulkFailure[],
): Target[] {
  const targets: Target[] = [];
  const seen = new Map<number, string | number>();
  for (const [i, which] of interfaces.entries()) {
    const ifindex = indexes[i];
    if (ifindex === undefined) {
      const what = `there is no interface '${which}' in this network namespace (ENODEV)`;
      failures.push({
        interface: which,
        error: new LoaderError(what, { code: 'ENODEV', object: `${which}` }),
      });
      continue;
    }
    const former = seen.get(ifindex);
    if (former !== undefined) throw new RangeError(`interfaces '${former}' and '${which}' are the same`);
    seen.set(ifindex, which);
    targets.push({ which, ifindex });
  }
  return targets;
}
