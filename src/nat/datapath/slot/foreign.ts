// What a slot sends with a source that is none of its own. It is dropped, but where its interface may send anything, and
// but for what never gets further than this host: without it a slot would not get its address. An interface without an
// entry of its own is none of slots: not yet, or not any more. So slots of many interfaces begin and end with one write,
// whenever the program gets there.

import { SLOT_FLAGS } from '../../slot-layout.ts';
import type { IpPacket } from '../ip-packet.ts';
import type { TcPath } from '../path.ts';
import type { IpVersion } from '../tables.ts';
import { read, same } from '../words.ts';
import { isLinkLocal6 } from './policy.ts';
import { hasSlots, interfaceAt } from './table.ts';

const BROADCAST = 0xffff_ffff;
/** All DHCPv6 servers and relays of the link (RFC 8415, section 7.1). */
const DHCP_SERVERS: readonly number[] = [0xff02_0000, 0, 0, 0x1_0002];

/** Ends the path of a packet of no inside here. */
export function leaveForeign(path: TcPath, packet: IpPacket): void {
  const { p } = path;
  const [source, destination] = [read(packet.source), read(packet.destination)];
  // Limited broadcast from no address, and from an address of the link: a DHCP client (RFC 2131, RFC 8415).
  const asksForAddress =
    packet.version === 4
      ? same(source, [0]).and(same(destination, [BROADCAST]))
      : isLinkLocal6(source).and(same(destination, DHCP_SERVERS));
  p.when(asksForAddress, () => p.next());
  leaveUnknown(path, packet.version);
}

/** The same of what is known to be none of theirs without looking. */
export function leaveUnknown(path: TcPath, version: IpVersion): void {
  const { p, uses, leave } = path;
  // That of its own family says more: an interface may have slots of one only.
  const known = ([version, version === 4 ? 6 : 4] as const).filter((one) => hasSlots(uses, one));
  for (const family of known) {
    const self = interfaceAt(path, family);
    p.when(self.exists(), () => {
      p.when(self.value.flags.and(SLOT_FLAGS.anySource).ne(0), () => p.next());
      leave('foreign');
    });
  }
  p.next();
}
