// Where XDP can send what is for a slot. Native XDP hands frames to the driver of the interface, and what that cannot take is
// lost without a word; generic XDP sends packets out as everybody does.

import { findInterface, NetlinkSocket, takesXdp, type XdpMode } from '../../../loader/index.ts';

/** Kind of taps in rtnetlink: they have always taken frames of native XDP (`tun_xdp_xmit`, Linux 4.14). */
const TAP = 'tun';

/**
 * Those of these interfaces that XDP in this mode can send to, in the network namespace of the calling thread. Where the
 * kernel does not say (before Linux 6.3), taps alone.
 */
export function reachable(mode: XdpMode, ifindexes: readonly number[]): ReadonlySet<number> {
  if (mode === 'generic' || ifindexes.length === 0) return new Set(ifindexes);
  const takes = takesXdp(ifindexes);
  if (takes.every((each) => each !== undefined)) return new Set(ifindexes.filter((_, i) => takes[i]));
  using socket = new NetlinkSocket();
  const isTap = (index: number): boolean => findInterface(socket, index)?.kind === TAP;
  return new Set(ifindexes.filter((index, i) => takes[i] ?? isTap(index)));
}
