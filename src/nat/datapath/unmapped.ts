// What no mapping names: it follows the policy, but for what poses as somebody's outside, and what is to be taken in.

import type { Variable } from '../../asm/index.ts';
import type { TcPath } from './path.ts';
import { type IpVersion, isMapped, type Tail, tablesOf } from './tables.ts';
import type { Words } from './words.ts';

/**
 * Leaves with a packet whose own address is in no mapping, unless `takeInIfOurs` has it. `isUnknownVni` is not zero where it
 * is at a port of tunnels.
 */
export function leaveUnmapped(
  path: TcPath,
  version: IpVersion,
  address: Words,
  tail: Tail,
  takeInIfOurs: () => void,
  isUnknownVni?: Variable<'u32'>,
): void {
  const { p, direction, leave } = path;
  if (direction === 'outbound') {
    const outsides = tablesOf(path, 'inbound', version);
    const isOutside = isMapped(p, outsides, address, tail, { marked: 'by address' });
    p.when(isOutside.ne(0), () => leave('spoofed'));
  }
  takeInIfOurs();
  if (isUnknownVni) p.when(isUnknownVni.ne(0), () => leave('unknown_vni'));
  leave('unmapped');
}
