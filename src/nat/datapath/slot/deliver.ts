// Delivers what came for a slot: out of the slot's interface, past the stack, whose routing could not tell the slots apart.
// What the stack would have done is done here: a hop less, and nothing that is larger than the interface's MTU.

import {
  LITTLE_ENDIAN,
  type ScalarType,
  type StructType,
  struct,
  u32,
  u64,
  type ViewOf,
} from '../../../asm/index.ts';
import type { Frame } from '../frame.ts';
import type { IpPacket } from '../ip-packet.ts';
import type { TcPath } from '../path.ts';
import type { IpVersion } from '../tables.ts';
import { read } from '../words.ts';
import type { Slot } from './table.ts';

/** The slot's MAC and that of its interface: in a record as in a frame, 12 bytes. */
const stations: StructType<{ first: ScalarType<'u64'>; rest: ScalarType<'u32'> }> = struct('stations', {
  first: u64,
  rest: u32,
});
/** What of `first` is not the slot's MAC. */
const INTERFACE_BITS = 16;

/** Leaves with what would not be forwarded either; nothing has been written or counted. */
export function refuseUndeliverable(path: TcPath, frame: Frame, packet: IpPacket, slot: Slot): void {
  const { p, leave } = path;
  p.rarely(packet.hopLimit.le(1), () => leave('expired'));
  const length = packet.payload.end.sub(frame.at.offset);
  p.rarely(length.gt(slot.mtu), () => leave('too_big'));
}

/** Writes the Ethernet header of the frame that the slot gets, while the views of the packet are valid. */
export function addressFrame({ p, leave }: TcPath, frame: Frame, slot: Slot): void {
  if (frame.link === 'none') return;
  const [header] = p.packet.read([stations], { orElse: () => leave('helper_failed') });
  const known = stationsOf(p, slot);
  header.first.set(known.first);
  header.rest.set(known.rest);
}

/** Sends the packet out of the slot's interface. Ends the path. */
export function deliver(path: TcPath, version: IpVersion, slot: Slot): void {
  const { p } = path;
  const { first } = stationsOf(p, slot);
  const station = LITTLE_ENDIAN ? first.shl(INTERFACE_BITS) : first.shr(INTERFACE_BITS);
  p.when(station.ne(0), () => p.redirect(slot.interface));
  p.redirectNeigh(slot.interface, { family: version, nexthop: read(slot.address) });
}

function stationsOf(p: TcPath['p'], slot: Slot): ViewOf<typeof stations> {
  const { point, view } = p.pointer(stations);
  point(slot.station.at(0));
  return view;
}
