// Which frames redirect has to take: written from docs/redirect.md, apart from src/.

import type { Direction } from '../reference/world.ts';
import { type Bytes, ETH_P_IP, ETH_P_IPV6, ETHERNET, ICMP, onesSum, read16, TCP } from '../wire.ts';
import { ICMPV6 } from '../wire6.ts';

const QUERIES: { readonly [protocol: number]: readonly number[] } = {
  [ICMP]: [0, 8, 13, 14, 15, 16, 17, 18],
  [ICMPV6]: [128, 129],
};
const ERRORS: { readonly [protocol: number]: readonly number[] } = {
  [ICMP]: [3, 4, 5, 11, 12],
  [ICMPV6]: [1, 2, 3, 4],
};
const EXTENSIONS = [0, 43, 44, 60, 135, 139, 140];

/** Plain headers, whole, unfragmented, alive, sound. */
export function isForwardable(frame: Bytes, direction: Direction): boolean {
  const type = frame.length < ETHERNET ? 0 : read16(frame, 12);
  if (type === ETH_P_IP && frame.length >= 34) return isForwardable4(frame, direction);
  return type === ETH_P_IPV6 && frame.length >= 54 && isForwardable6(frame, direction);
}

function isForwardable4(frame: Bytes, direction: Direction): boolean {
  const header = frame.subarray(ETHERNET, ETHERNET + 20);
  const other = header[direction === 'outbound' ? 16 : 12]!;
  const isRoutable = other !== 0 && other !== 127 && other < 224;
  const isWhole = header[0] === 0x45 && (read16(header, 6) & 0x3fff) === 0;
  return (
    isRoutable && isWhole && header[8]! > 1 && onesSum(header) === 0xffff && fits(frame, read16(header, 2))
  );
}

function isForwardable6(frame: Bytes, direction: Direction): boolean {
  const header = frame.subarray(ETHERNET, ETHERNET + 40);
  const other = read16(header, direction === 'outbound' ? 24 : 8);
  const isRoutable = other !== 0 && other < 0xff00 && (other & 0xffc0) !== 0xfe80;
  if (EXTENSIONS.includes(header[6]!)) return false;
  return isRoutable && header[7]! > 1 && fits(frame, read16(header, 4) + 40);
}

/** Nothing behind the packet but what Ethernet pads a short frame with. */
const fits = (frame: Bytes, length: number): boolean =>
  frame.length === ETHERNET + length || frame.length <= 60;

const headerOf = (frame: Bytes): readonly [protocol: number, header: number] =>
  frame[ETHERNET]! >> 4 === 6 ? [frame[ETHERNET + 6]!, 40] : [frame[ETHERNET + 9]!, 20];

/** ICMP that is the stack's: errors, and on the way out all but queries. */
export function isErrorOrOther(frame: Bytes, direction: Direction): boolean {
  const [protocol, header] = headerOf(frame);
  if (protocol !== (header === 40 ? ICMPV6 : ICMP)) return false;
  const type = frame[ETHERNET + header]!;
  return direction === 'outbound' ? !QUERIES[protocol]!.includes(type) : ERRORS[protocol]!.includes(type);
}

/** How long what comes out at the other end is, at most. */
export function segmentOf(frame: Bytes, gsoSize: number): number {
  const [protocol, header] = headerOf(frame);
  const length = header === 40 ? read16(frame, ETHERNET + 4) + 40 : read16(frame, ETHERNET + 2);
  if (gsoSize === 0) return length;
  if (protocol !== TCP) return Number.POSITIVE_INFINITY;
  return header + (frame[ETHERNET + header + 12]! >> 4) * 4 + gsoSize;
}
