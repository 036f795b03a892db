// Packets of slots at the outside interface: the slot's own program has translated them already. What poses as one of
// them goes on as any other packet, and is found out there.

import type { Variable } from '../../../asm/index.ts';
import { SLOT_STATES } from '../../slot-layout.ts';
import { outsidesOf } from '../hairpin.ts';
import type { IpPacket } from '../ip-packet.ts';
import type { TcPath } from '../path.ts';
import { read, within } from '../words.ts';
import { hasSlots, OUTSIDES, slotAt } from './table.ts';

/**
 * What the slot program writes into `skb->tc_index`, 16 bits: a bridge makes itself the interface that packets came
 * from. What clears it (a filter behind ours that says TC_ACT_OK) leaves the interface to tell.
 */
export const FROM_SLOT = 0x5107;

/**
 * Lets go on what a slot sends to where nobody of ours is. The result is not zero for what has yet to be looked at: it is
 * from a slot, and may have to be taken in again. Undefined where no packets of slots get here.
 */
export function letSlotsLeave(path: TcPath, packet: IpPacket): Variable<'u32'> | undefined {
  const { p, maps, hook, slots, direction, uses } = path;
  const { version } = packet;
  if (hook === 'slot' || slots === 'uplink' || direction === 'inbound' || !hasSlots(uses, version)) {
    return undefined;
  }
  const fromSlot = p.variable('u32', 0);
  const outsides = outsidesOf(p.data(maps.interface), version);
  const source = read(packet.source);
  p.when(within(source, outsides), () => {
    const slot = slotAt(path, version, OUTSIDES, source);
    p.when(slot.exists(), () => {
      const { state, interface: own } = slot.value;
      const cameFromIt = p.skb.ingressIfindex.eq(own).or(p.skb.tcIndex.eq(FROM_SLOT));
      p.when(state.eq(SLOT_STATES.bound).and(cameFromIt), () => {
        p.when(
          within(read(packet.destination), outsides),
          () => fromSlot.set(1),
          () => p.next(),
        );
      });
    });
  });
  fromSlot.set(p.forget(fromSlot));
  return fromSlot;
}
