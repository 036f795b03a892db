// ARP at a slot's interface (RFC 826): whatever a slot looks for, it is this host that takes it there. So no address is
// needed on the interface, and a bridge never has to know where the MAC is that all clones have.

import { readArpRequest, writeArpReply } from '../arp.ts';
import type { Frame } from '../frame.ts';
import type { TcPath } from '../path.ts';
import { macOf, slotAt } from './table.ts';

/** Answers the request of a slot, or leaves it to others. Ends the path. */
export function answerSlotArp(path: TcPath, frame: Frame): void {
  const { p, leave } = path;
  const notOurs = (): void => leave('arp');
  const request = readArpRequest(path, frame, notOurs);
  const { target, asker } = request;
  // Who has no address yet looks for somebody else who has it (RFC 5227): nobody has.
  p.when(asker.eq(0), notOurs);
  const own = slotAt(path, 4, p.skb.ifindex, [target]);
  p.when(own.exists(), notOurs);
  const slot = slotAt(path, 4, p.skb.ifindex, [asker]);
  p.when(slot.missing(), notOurs);
  writeArpReply(request, macOf(p, slot.value));
  leave('arp_answered');
}
