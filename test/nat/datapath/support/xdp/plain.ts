// Which frames XDP has to take: written from docs/xdp.md, apart from src/.

import { type Bytes, ETH_P_IP, ETH_P_IPV6, ETHERNET, ICMP, onesSum, read16, TCP, UDP } from '../wire.ts';
import { ICMPV6 } from '../wire6.ts';

const QUERIES: { readonly [protocol: number]: readonly number[] } = {
  [ICMP]: [0, 8, 13, 14, 15, 16, 17, 18],
  [ICMPV6]: [128, 129],
};
/** Where each has its checksum, and the least its header has. */
const CHECK: { readonly [protocol: number]: readonly [at: number, least: number] } = {
  [TCP]: [16, 20],
  [UDP]: [6, 8],
};

export const isSyn = (frame: Bytes): boolean => {
  const at = ETHERNET + (frame[ETHERNET]! >> 4 === 6 ? 40 : 20);
  return protocolOf(frame) === TCP && (frame[at + 13]! & 2) !== 0;
};

const protocolOf = (frame: Bytes): number =>
  frame[ETHERNET]! >> 4 === 6 ? frame[ETHERNET + 6]! : frame[ETHERNET + 9]!;

/** Plain headers, whole, unfragmented, alive, sound, with a finished checksum. */
export function isPlain(frame: Bytes): boolean {
  const type = frame.length < ETHERNET ? 0 : read16(frame, 12);
  if (type === ETH_P_IP && frame.length >= 34) return isPlain4(frame);
  return type === ETH_P_IPV6 && frame.length >= 54 && isPlain6(frame);
}

function isPlain4(frame: Bytes): boolean {
  const header = frame.subarray(ETHERNET, ETHERNET + 20);
  const routable = [12, 16].every((at) => {
    const first = header[at]!;
    return first !== 0 && first !== 127 && first < 224;
  });
  const whole = header[0] === 0x45 && (read16(header, 6) & 0x3fff) === 0;
  const length = read16(header, 2);
  if (!routable || !whole || header[8]! < 2 || onesSum(header) !== 0xffff) return false;
  return fits(frame, length) && carries(frame, 20, header[9]!, length - 20, header.subarray(12, 20));
}

function isPlain6(frame: Bytes): boolean {
  const header = frame.subarray(ETHERNET, ETHERNET + 40);
  const routable = [8, 24].every((at) => {
    const first = read16(header, at);
    return first !== 0 && first < 0xff00 && (first & 0xffc0) !== 0xfe80;
  });
  const length = read16(header, 4);
  if (!routable || header[0]! >> 4 !== 6 || header[7]! < 2) return false;
  return fits(frame, length + 40) && carries(frame, 40, header[6]!, length, header.subarray(8, 40));
}

/** Nothing behind the packet but what Ethernet pads a short frame with. */
const fits = (frame: Bytes, length: number): boolean =>
  frame.length === ETHERNET + length || (frame.length > ETHERNET + length && frame.length <= 60);

function carries(frame: Bytes, header: number, protocol: number, length: number, addresses: Bytes): boolean {
  const payload = frame.subarray(ETHERNET + header, ETHERNET + header + length);
  const family = header === 40 ? 6 : 4;
  const icmp = family === 6 ? ICMPV6 : ICMP;
  if (protocol === icmp) return length >= 8 && QUERIES[icmp]!.includes(payload[0]!);
  const [at, least] = CHECK[protocol] ?? [0, Number.POSITIVE_INFINITY];
  if (length < least) return false;
  const check = read16(payload, at);
  if (protocol === UDP && check === 0) return false;
  const pseudo = Uint8Array.of(0, protocol, length >> 8, length & 0xff);
  return check !== onesSum(addresses, pseudo);
}

/** The frame one hop on, between these stations. */
export function onward(frame: Bytes, destination: Bytes, source: Bytes): Bytes {
  const out = Uint8Array.from(frame);
  out.set(destination, 0);
  out.set(source, 6);
  if (out[ETHERNET]! >> 4 === 6) {
    out[ETHERNET + 7]!--;
    return out;
  }
  out[ETHERNET + 8]!--;
  out[ETHERNET + 10] = out[ETHERNET + 11] = 0;
  const check = 0xffff - onesSum(out.subarray(ETHERNET, ETHERNET + 20));
  out[ETHERNET + 10] = check >> 8;
  out[ETHERNET + 11] = check & 0xff;
  return out;
}
