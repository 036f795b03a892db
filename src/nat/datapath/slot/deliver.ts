// Delivers what came for a slot: out of the slot's interface, past the stack, whose routing could not tell the slots apart.
// What the stack would have done is done here: a hop less, nothing that is larger than the interface's MTU.

import { HELPERS, type Value } from '../../../asm/index.ts';
import type { Frame } from '../frame.ts';
import { ETH_P_IP, ETH_P_IPV6, ethhdr } from '../headers.ts';
import type { IpPacket } from '../ip-packet.ts';
import type { TcPath } from '../path.ts';
import type { IpVersion } from '../tables.ts';
import { read } from '../words.ts';
import { hasStation, slotStations, stationsOf } from './stations.ts';
import type { Slot } from './table.ts';
import { refuseTooBig } from './too-big.ts';

/** `skb->pkt_type` of a frame for this host (include/uapi/linux/if_packet.h). */
const PACKET_HOST = 0;
/** The most tags a frame can have: one beside it, the others in it (frame.ts). */
const MOST_TAGS = 3;

/** What is known of a packet beside itself. */
export interface Passage {
  /** From the IP header on, with what Ethernet pads. */
  readonly bytes: Value<'u32'>;
  readonly isError: boolean;
}

/** Leaves with what the stack would not forward either; nothing has been written or counted. */
export function refuseUndeliverable(
  path: TcPath,
  frame: Frame,
  packet: IpPacket,
  slot: Slot,
  { bytes, isError }: Passage,
): void {
  const { p, leave } = path;
  // Seen only because the interface is promiscuous: as it is, the stack drops it (ip_rcv).
  p.rarely(p.skb.pktType.ne(PACKET_HOST), () => p.next());
  p.rarely(packet.hopLimit.le(1), () => leave('expired'));
  p.rarely(bytes.gt(slot.mtu), () => refuseTooBig(path, frame, packet, slot, isError));
}

/** Writes the Ethernet header of the frame that the slot gets, while the views of the packet are valid. */
export function addressFrame({ p, leave }: TcPath, { link }: Pick<Frame, 'link'>, slot: Slot): void {
  if (link === 'none') return;
  const [header] = p.packet.read([slotStations], { orElse: () => leave('helper_failed') });
  const known = stationsOf(p, slot);
  header.first.set(known.first);
  header.rest.set(known.rest);
}

/** Sends the packet out of the slot's interface. Ends the path. */
export function deliver(path: TcPath, frame: Frame, version: IpVersion, slot: Slot): void {
  const { p } = path;
  if (frame.link === 'ethernet') untag(path, frame);
  else giveHeader(path, version, slot);
  const { first, rest } = stationsOf(p, slot);
  const send = (): void => p.redirect(slot.interface);
  p.usually(hasStation(first), send);
  // A device without addresses: the kernel takes the Ethernet header off. With the station, which is zero, all is known.
  p.when(first.eq(0).and(rest.eq(0)), send);
  p.redirectNeigh(slot.interface, { family: version, nexthop: read(slot.address) });
}

/** Takes off the tags of VLANs, which are those of the outside. */
function untag({ p, leave }: TcPath, frame: Frame): void {
  p.rarely(p.skb.vlanPresent.ne(0).or(frame.at.offset.ne(ethhdr.size)), () => {
    for (let tags = 0; tags < MOST_TAGS; tags++) {
      const result = p.call(HELPERS.skb_vlan_pop, [p.context]);
      p.rarely(result.isNegative(), () => leave('helper_failed'));
    }
  });
}

/** An Ethernet header for a packet that came without one. */
function giveHeader(path: TcPath, version: IpVersion, slot: Slot): void {
  const { p, leave } = path;
  const failed = (): void => leave('helper_failed');
  p.rarely(p.call(HELPERS.skb_change_head, [p.context, ethhdr.size, 0]).isNegative(), failed);
  const [eth] = p.packet.read([ethhdr], { orElse: failed });
  eth.proto.set(version === 4 ? ETH_P_IP : ETH_P_IPV6);
  addressFrame(path, { link: 'ethernet' }, slot);
}
