// Neighbour discovery at a slot's interface (RFC 4861), as ARP there (arp.ts).

import type { Condition, Value } from '../../../asm/index.ts';
import type { Frame } from '../frame.ts';
import { ND_NEIGHBOR_SOLICIT } from '../headers.ts';
import type { IpPacket } from '../ip-packet.ts';
import { answerWith, isDiscovery, readSolicitation } from '../ndp.ts';
import type { TcPath } from '../path.ts';
import { read, same, type Words } from '../words.ts';
import { isLinkLocal6 } from './policy.ts';
import { interfaceAt, macOf, slotAt } from './table.ts';

const NOBODY: readonly number[] = [0, 0, 0, 0];

/** Deals with discovery that stays on the link, and ends its path; goes on with all other ICMP messages. */
export function handleSlotDiscovery(path: TcPath, frame: Frame, packet: IpPacket, type: Value<'u8'>): void {
  const { p, leave } = path;
  p.when(isDiscovery(type), () => {
    // With these addresses it goes no further than this host (RFC 4291, section 2.5.6); what does go further is like any
    // other packet.
    const staysHere = p.variable('u32', 0);
    const [from, to] = [read(packet.source), read(packet.destination)];
    const ofLink = isLinkLocal6(from).or(same(from, NOBODY)).or(isLinkLocal6(to)).or(isLinkMulticast(to));
    p.when(ofLink, () => staysHere.set(1));
    const stay = (): void => p.when(staysHere.ne(0), () => leave('ndp'));
    if (frame.link === 'ethernet') {
      p.when(type.eq(ND_NEIGHBOR_SOLICIT), () =>
        answerSolicitation(path, frame, packet, () => {
          stay();
          leave('foreign');
        }),
      );
    }
    stay();
  });
}

/** ff02::/16 */
const isLinkMulticast = ([first]: Words): Condition => first!.and(0xff0f_0000).eq(0xff02_0000);

/** Answers the solicitation of a slot. Ends the path. */
function answerSolicitation(path: TcPath, frame: Frame, packet: IpPacket, notOurs: () => void): void {
  const { p } = path;
  const solicitation = readSolicitation(path, frame, packet, notOurs);
  const { target, asker } = solicitation;
  const self = interfaceAt(path, 6);
  p.when(self.missing(), notOurs);
  // Who has no address yet looks for somebody else who has it (RFC 4862, section 5.4): nobody has.
  p.when(same(asker, NOBODY), notOurs);
  p.when(slotAt(path, 6, p.skb.ifindex, target).exists(), notOurs);
  p.when(isLinkLocal6(asker).not(), () => p.when(slotAt(path, 6, p.skb.ifindex, asker).missing(), notOurs));
  answerWith(path, solicitation, macOf(p, self.value), notOurs);
}
