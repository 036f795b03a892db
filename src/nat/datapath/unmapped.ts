// What no mapping names: it follows the policy, but for what poses as somebody's outside, and what is to be taken in.

import type { TcPath } from './path.ts';
import { type IpVersion, isMapped, type Tail, tablesOf } from './tables.ts';
import type { Words } from './words.ts';

/** Leaves with a packet whose own address is in no mapping, unless `takeInIfOurs` has it. */
export function leaveUnmapped(
  path: TcPath,
  version: IpVersion,
  address: Words,
  tail: Tail,
  takeInIfOurs: () => void,
): void {
  const { p, direction, leave } = path;
  if (direction === 'outbound') {
    const outsides = tablesOf(path, 'inbound', version);
    const isOutside = isMapped(p, outsides, address, tail, { marked: 'by address' });
    p.when(isOutside.ne(0), () => leave('spoofed'));
  }
  takeInIfOurs();
  leave('unmapped');
}
