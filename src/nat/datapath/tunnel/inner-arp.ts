// ARP inside a tunnel (RFC 826): whoever has the slot's address there has its outside, and the slot itself its inside.

import type { Place as MemoryPlace } from '../../../asm/index.ts';
import { difference } from '../checksum.ts';
import type { Place } from '../frame.ts';
import { arphdr, ETH_P_IP } from '../headers.ts';
import type { TcPath } from '../path.ts';
import { MOST_INNER_AT } from './headers.ts';
import type { InnerChange, InnerSide } from './inner.ts';

/** What an ARP packet for IPv4 has as lengths of addresses. */
const MAC_SIZE = 6;
const IP_SIZE = 4;

export function translateInnerArp(
  path: TcPath,
  { offset: at }: Place,
  sides: InnerSide,
  change: InnerChange,
): void {
  const { p, direction, leave } = path;
  const orElse = (): void => leave('malformed');
  const [arp] = p.packet.read([arphdr], { at, atMost: MOST_INNER_AT, orElse });
  const isKnown = arp.pro.eq(ETH_P_IP).and(arp.hln.eq(MAC_SIZE)).and(arp.pln.eq(IP_SIZE));
  p.when(isKnown.not(), orElse);
  const [from, to] = [sides.from[0]!, sides.to[0]!];
  const translate = (place: MemoryPlace<'be32'>, otherwise: () => void): void => {
    const before = place.get();
    p.when(
      before.eq(from),
      () => {
        const after = to.get();
        const changed = difference([before], [after]);
        for (const sum of [change.covered, change.untold]) sum.set(sum.add(changed));
        place.set(after);
      },
      otherwise,
    );
  };
  if (direction === 'outbound') {
    // A probe has no sender yet (RFC 5227, section 1.1); its target, and that of an announcement, is the slot's own.
    translate(arp.senderIp, () => p.when(arp.senderIp.ne(0), () => leave('inner_foreign')));
  }
  translate(arp.targetIp, () => {});
}
