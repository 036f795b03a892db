// The program on the interfaces of slots, where what they send comes in: before routing or conntrack can see addresses
// that several of them have. It fails closed: what cannot be translated is dropped, whatever the policy of the instance.

import type { TcBuilder } from '../../../asm/index.ts';
import type { InstanceMaps } from '../../maps.ts';
import { usesOf } from '../../uses.ts';
import { type Frame, readBare, readUntagged } from '../frame.ts';
import { ETH_P_ARP, ETH_P_IP, ETH_P_IPV6, ethhdr } from '../headers.ts';
import type { DatapathOptions } from '../index.ts';
import { readIpv4 } from '../ipv4.ts';
import { readIpv6 } from '../ipv6.ts';
import type { TcPath } from '../path.ts';
import { translate } from '../translate.ts';
import { verdicts } from '../verdict.ts';
import { answerSlotArp } from './arp.ts';
import { leaveUnknown } from './foreign.ts';
import { hasSlots } from './table.ts';

export function dispatchSlot(
  p: TcBuilder,
  maps: InstanceMaps,
  options: DatapathOptions,
  link: Frame['link'],
): void {
  const { uses = usesOf([]), mss } = options;
  const leave = verdicts(p, maps, 'outbound', { unmapped: 'drop', spoofed: 'drop' }, 'slot');
  const length = () => p.skb.len.get();
  const path: TcPath = { p, direction: 'outbound', maps, uses, leave, length, hook: 'slot', slots: 'device' };
  const unknown = (): void => leaveUnknown(path, 4);

  // A tag of a VLAN says that the packet is of another interface, whose slots are others.
  p.rarely(p.skb.vlanPresent.ne(0), unknown);
  const others = (frame: Frame): void => {
    const cases: [number, () => void][] = [];
    if (hasSlots(uses, 6)) {
      cases.push([ETH_P_IPV6, () => translate(path, frame, readIpv6(path, frame.at), mss)]);
    }
    if (hasSlots(uses, 4) && link === 'ethernet') cases.push([ETH_P_ARP, () => answerSlotArp(path, frame)]);
    p.match(frame.proto, cases, unknown);
  };
  const frame =
    link === 'none'
      ? readBare(path, others)
      : readUntagged(path, { onOther: others, onShort: () => leaveShort(path) });
  if (hasSlots(uses, 4)) translate(path, frame, readIpv4(path, frame.at), mss);
  else unknown();
}

/** Too short for an IPv4 header. */
function leaveShort(path: TcPath): void {
  const { p, uses, leave } = path;
  const malformed = (): void => leave('malformed');
  const unknown = (): void => leaveUnknown(path, 4);
  const [eth] = p.packet.read([ethhdr], { orElse: malformed });
  p.match(
    eth.proto,
    [
      [ETH_P_IP, hasSlots(uses, 4) ? malformed : unknown],
      [ETH_P_ARP, () => leave('arp')],
      [ETH_P_IPV6, hasSlots(uses, 6) ? malformed : unknown],
    ],
    unknown,
  );
}
