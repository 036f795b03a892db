// Delivers what has come for a slot, as TC does (../slot/deliver.ts): found by its outside address in one look-up, sent out
// of the slot's interface with the addresses of its record. There is no routing table to ask. What the record does not say
// with certainty is TC's: an unknown MAC, an interface that XDP cannot send to, an outside that is bound to nobody just now.

import { SLOT_STATES } from '../../slot-layout.ts';
import { ethhdr } from '../headers.ts';
import { hasStation, slotStations, stationsOf } from '../slot/stations.ts';
import { hasSlots, OUTSIDES, type Slot, slotAt, whenQuarantined } from '../slot/table.ts';
import { translationBy } from '../slot/translate.ts';
import { countPacket } from '../tables.ts';
import { read, type Words } from '../words.ts';
import type { PlainPacket } from './packet.ts';
import { rewrite } from './rewrite.ts';
import type { XdpPath } from './station.ts';
import type { PlainTransport } from './transport.ts';

/** Ends the path of what is for an outside of slots, and goes on with all else. */
export function deliverToSlot(path: XdpPath, packet: PlainPacket, transport: PlainTransport): void {
  const { p, direction, uses } = path;
  const { version } = packet;
  if (direction === 'outbound' || !hasSlots(uses, version)) return;
  const before = read(packet.destination);
  const entry = slotAt(path, version, OUTSIDES, before);
  p.when(entry.exists(), () => {
    const slot = entry.value;
    p.usually(slot.state.eq(SLOT_STATES.bound), () => deliver(path, packet, transport, before, slot));
    whenQuarantined(p, slot, () => p.pass());
  });
}

function deliver(
  path: XdpPath,
  packet: PlainPacket,
  transport: PlainTransport,
  before: Words,
  slot: Slot,
): void {
  const { p } = path;
  const pass = (): void => p.pass();
  const { first, rest } = stationsOf(p, slot);
  p.rarely(slot.xdp.eq(0).or(hasStation(first).not()), pass);
  p.rarely(bytesOf(path).gt(slot.mtu), pass);
  rewrite(path, packet, transport, before, translationBy(slot));
  const [frame] = p.packet.read([slotStations], { orElse: pass });
  frame.first.set(first);
  frame.rest.set(rest);
  countPacket(slot, bytesOf(path));
  p.redirect(slot.interface);
}

/** From the IP header on, with what Ethernet pads: what TC compares with the MTU, and counts. */
const bytesOf = ({ p }: XdpPath) => p.length().sub(ethhdr.size);
