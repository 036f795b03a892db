// The lists of other ends: which traffic is translated, and which is not. Of both lists the longest prefix decides, so
// that they can make exceptions of each other; only the same prefix cannot be in both.

import { type Complaint, complain } from './mapping-error.ts';
import { formatPrefix, type Prefix } from './prefix.ts';

/** A prefix and where it came from: `--include #2`, `nat.yaml:12`. */
export interface LocatedPrefix {
  readonly prefix: Prefix;
  readonly origin: string;
}

/** Everything that is wrong with the two lists, taken together. */
export function destinationComplaints(
  include: readonly LocatedPrefix[],
  exclude: readonly LocatedPrefix[],
): Complaint[] {
  const first = new Map<string, { readonly list: string; readonly origin: string }>();
  const complaints: Complaint[] = [];
  for (const [list, entries] of Object.entries({ include, exclude })) {
    for (const { prefix, origin } of entries) {
      const text = formatPrefix(prefix);
      const earlier = first.get(text);
      if (earlier === undefined) {
        first.set(text, { list, origin });
        continue;
      }
      const where = earlier.list === list ? 'already' : `also in ${earlier.list},`;
      const message = `${list} ${text} is ${where} at ${earlier.origin}: leave one of them out`;
      complaints.push(complain('duplicate', origin, message, earlier.origin));
    }
  }
  return complaints;
}
