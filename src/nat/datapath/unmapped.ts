// What no mapping names: it follows the policy, but for what poses as somebody's outside.

import type { TcPath } from './path.ts';
import { type IpVersion, isMapped, type Tail, tablesOf } from './tables.ts';
import type { Words } from './words.ts';

export interface TranslateOptions {
  /** The MSS that TCP connections may have at most; undefined leaves it alone. */
  readonly mss: number | undefined;
  /** Whether an unmapped source that is somebody's outside is told apart. */
  readonly refusesSpoofed: boolean;
}

/** Leaves with what no mapping names. */
export function leaveUnmapped(
  path: TcPath,
  version: IpVersion,
  address: Words,
  tail: Tail,
  { refusesSpoofed }: TranslateOptions,
): void {
  if (path.direction === 'outbound' && refusesSpoofed) {
    const isOutside = isMapped(path.p, tablesOf(path, 'inbound', version), address, tail, { marked: false });
    path.p.when(isOutside.ne(0), () => path.leave('spoofed'));
  }
  path.leave('unmapped');
}
