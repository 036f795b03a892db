// What no mapping names: it follows the policy, but for what poses as somebody's outside.

import type { Variable } from '../../asm/index.ts';
import type { TcPath } from './path.ts';
import { type IpVersion, isMapped, type Tail, tablesOf } from './tables.ts';
import type { Words } from './words.ts';

/** Leaves with a packet whose own address is in no mapping; `isUnknownVni` not zero where a tunnel's VNI is nobody's. */
export function leaveUnmapped(
  path: TcPath,
  version: IpVersion,
  address: Words,
  tail: Tail,
  isUnknownVni?: Variable<'u32'>,
): void {
  const { p, direction, leave } = path;
  if (direction === 'outbound') {
    const outsides = tablesOf(path, 'inbound', version);
    const isOutside = isMapped(p, outsides, address, tail, { marked: 'by address' });
    p.when(isOutside.ne(0), () => leave('spoofed'));
  }
  if (isUnknownVni) p.when(isUnknownVni.ne(0), () => leave('unknown_vni'));
  leave('unmapped');
}
