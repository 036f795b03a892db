// ARP as RFC 826 has it, for the reference: which request is answered, and the reply in full.

import type { World } from './reference.ts';
import { type Bytes, be16, ETHERNET, join, read16, read32 } from './wire.ts';

const ARP = 28;
/** Ethernet, IPv4, addresses of 6 and 4 bytes, request. */
const REQUEST = [0, 1, 8, 0, 6, 4, 0, 1];

/** The reply, or undefined where the frame asks nothing of ours. */
export function answer(frame: Bytes, { station, table }: World): Bytes | undefined {
  if (frame.length < ETHERNET + ARP || station === undefined) return undefined;
  const field = (from: number, to: number): Bytes => frame.subarray(ETHERNET + from, ETHERNET + to);
  if (!REQUEST.every((byte, i) => byte === frame[ETHERNET + i])) return undefined;
  const sender = read32(frame, ETHERNET + 14);
  const target = read32(frame, ETHERNET + 24);
  if (target === sender || !table.has(target)) return undefined;
  const onLink = station.subnets.some(
    ({ network, mask }) => mask !== 0 && (target & mask) >>> 0 === network >>> 0,
  );
  if (!onLink) return undefined;
  return join(
    ...[field(8, 14), station.mac, be16(read16(frame, 12))],
    ...[field(0, 6), be16(2)],
    ...[station.mac, field(24, 28), field(8, 14), field(14, 18)],
    frame.subarray(ETHERNET + ARP),
  );
}
