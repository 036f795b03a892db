// One frame that has come for a slot, through XDP and, as it came, through TC: both deliver the same, or XDP left it alone.

import { addressText } from '../reference/mappings.ts';
import { hex } from '../rig.ts';
import type { SlotEntry } from '../slots.ts';
import { type Address, type Bytes, ETHERNET, patch } from '../wire.ts';
import { isPlain, isSyn } from './plain.ts';
import type { Answer, XdpRig } from './rig.ts';

/** The interpreter's device has this address, by which TC knows that a frame is for this host. */
export const NO_MAC: Bytes = new Uint8Array(6);
/** A way nobody has. */
const NO_WAY: Answer = { result: 4, ifindex: 0 };
/** What TC calls the device it is at. */
const HERE = 1;

/** Whom a plain frame is for. */
function destinationOf(frame: Bytes): Address {
  const view = new DataView(frame.buffer, frame.byteOffset);
  if (frame[ETHERNET]! >> 4 === 4) return view.getUint32(ETHERNET + 16);
  return (view.getBigUint64(ETHERNET + 24) << 64n) | view.getBigUint64(ETHERNET + 32);
}

const slotOf = (slots: readonly SlotEntry[], frame: Bytes): SlotEntry | undefined =>
  slots.find(({ at, of }) => at === 0 && of === destinationOf(frame));

/** Whether the record says all that XDP has to know. */
const isKnown = ({ xdp, mtu, station = NO_MAC }: SlotEntry): boolean =>
  xdp === true && mtu !== 0 && station.some((byte) => byte !== 0);

export interface Told {
  readonly clamps: boolean;
  readonly slots: readonly SlotEntry[];
}

/** @returns what became of it; undefined where it is not for a slot. @throws Error where XDP does not do what TC does. */
export function agreesOnSlot(rig: XdpRig, frame: Bytes, { clamps, slots }: Told): string | undefined {
  const fail = (why: string): never => {
    throw new Error(`${why}\n${hex(frame)}\n${slots.map((slot) => `${slot.at} ${addressText(slot.of)}`)}`);
  };
  rig.tc.take();
  const stack = rig.tc.run('inbound', frame);
  const isDelivered = stack.verdict === 'turn' && stack.mappings.some((one) => one.startsWith('slot '));
  const seen = rig.run('inbound', frame, NO_WAY);
  const counted = rig.tc.take();
  if (seen.ifindex === undefined) {
    if (hex(seen.frame) !== hex(frame)) fail(`changed though it passes:\n${hex(seen.frame)}`);
    if (counted.mappings.length + Object.keys(counted.reasons).length > 0) fail('counted though it passes');
    if (!isDelivered) return Object.keys(stack.reasons).length > 0 ? 'left to be judged' : undefined;
    const slot = isPlain(frame) ? slotOf(slots, frame) : undefined;
    if (slot && isKnown(slot) && !(clamps && isSyn(frame))) fail('passed, though XDP has to take it');
    return slot === undefined || isKnown(slot) ? 'left to TC' : 'left to TC, which knows the slot';
  }
  if (!isDelivered) fail(`taken, though TC says ${stack.verdict} ${JSON.stringify(stack.reasons)}`);
  const slot = isPlain(frame) ? slotOf(slots, frame) : undefined;
  if (slot === undefined || !isKnown(slot)) fail('taken, though the record does not say all');
  const to = seen.ifindex === HERE ? 'out' : `device ${seen.ifindex}`;
  if (stack.to !== to) fail(`sent to ${to}, not ${stack.to}`);
  if (hex(seen.frame) !== stack.frame) fail(`became\n${hex(seen.frame)}, not\n${stack.frame}`);
  if (JSON.stringify(counted) !== JSON.stringify({ reasons: {}, mappings: stack.mappings }))
    fail(`counted ${JSON.stringify(counted)}, not ${stack.mappings}`);
  return 'delivered';
}

/** The same frame for the device that it has come to. */
export const forUs = (frame: Bytes): Bytes => (frame.length < ETHERNET ? frame : patch(frame, 0, NO_MAC));
