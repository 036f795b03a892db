// The program on the interfaces of slots, where what they send comes in: before routing or conntrack can see addresses
// that several of them have. It fails closed: what cannot be translated is dropped, whatever the policy of the instance.

import type { TcBuilder } from '../../../asm/index.ts';
import type { InstanceMaps } from '../../maps.ts';
import { usesOf } from '../../uses.ts';
import { type Frame, readEthernet } from '../frame.ts';
import { ETH_P_ARP, ETH_P_IPV6, ethhdr } from '../headers.ts';
import type { DatapathOptions } from '../index.ts';
import { readIpv4 } from '../ipv4.ts';
import { readIpv6 } from '../ipv6.ts';
import type { TcPath } from '../path.ts';
import { translate } from '../translate.ts';
import { verdicts } from '../verdict.ts';
import { answerSlotArp } from './arp.ts';
import { leaveUnknown } from './foreign.ts';
import { hasSlots } from './table.ts';

export function dispatchSlot(p: TcBuilder, maps: InstanceMaps, options: DatapathOptions): void {
  const { uses = usesOf([]), mss } = options;
  const leave = verdicts(p, maps, 'outbound', { unmapped: 'drop', spoofed: 'drop' }, 'slot');
  const length = () => p.skb.len.get();
  const path: TcPath = { p, direction: 'outbound', maps, uses, leave, length, hook: 'slot', slots: 'device' };

  const others = (frame: Frame): void => {
    refuseTagged(path, frame);
    const cases: [number, () => void][] = [];
    if (hasSlots(uses, 6)) {
      cases.push([ETH_P_IPV6, () => translate(path, frame, readIpv6(path, frame.at), mss)]);
    }
    if (hasSlots(uses, 4)) cases.push([ETH_P_ARP, () => answerSlotArp(path, frame)]);
    p.match(frame.proto, cases, () => leaveUnknown(path, 4));
  };
  const frame = readEthernet(path, others);
  refuseTagged(path, frame);
  if (!hasSlots(uses, 4)) leaveUnknown(path, 4);
  else translate(path, frame, readIpv4(path, frame.at), mss);
}

/** A tag of a VLAN says that the packet is of another interface, whose slots are others. */
function refuseTagged(path: TcPath, frame: Frame): void {
  const { p } = path;
  p.rarely(p.skb.vlanPresent.ne(0).or(frame.at.offset.ne(ethhdr.size)), () => leaveUnknown(path, 4));
}
