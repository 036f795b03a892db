// Who takes part: the interfaces that XDP may take packets from and send them to (maps.ts, `xdp`). One that is not in the
// map leaves everything to the stack, which is how XDP is switched on and off.

import type { Expression, XdpBuilder } from '../../../asm/index.ts';
import { XDP_SIDES } from '../../maps.ts';
import type { Path } from '../path.ts';
import { stations } from '../station.ts';

export type XdpPath = Path<XdpBuilder>;

/** Leaves for what has not arrived on an interface of the right side, or is for another station. */
export function requireOurs({ p, maps, direction }: XdpPath): void {
  const pass = (): void => p.pass();
  const self = p.lookup(maps.xdp, p.xdp.ingressIfindex, { orElse: pass });
  p.rarely(self.side.ne(direction === 'inbound' ? XDP_SIDES.outside : XDP_SIDES.inside), pass);
  const [frame] = p.packet.read([stations], { orElse: pass });
  // The stack would drop it as somebody else's, where the interface is promiscuous or its link a shared one.
  const isForUs = self.mac
    .map((word, i) => frame.destination.at(i).eq(word.get()))
    .reduce((all, one) => all.and(one));
  p.rarely(isForUs.not(), pass);
}

/** Leaves for what is routed to an interface that is not on the other side. */
export function requireOtherSide({ p, maps, direction }: XdpPath, ifindex: Expression<'u32'>): void {
  const pass = (): void => p.pass();
  const target = p.lookup(maps.xdp, ifindex, { orElse: pass });
  p.rarely(target.side.ne(direction === 'inbound' ? XDP_SIDES.inside : XDP_SIDES.outside), pass);
}
