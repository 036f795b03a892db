// What the kernel reads off a frame before a program sees it (eth_type_trans in net/ethernet/eth.c).

import { LITTLE_ENDIAN } from '../../asm/index.ts';

export const ETH_HLEN = 14;
export const ETH_P_IP = 0x0800;
export const ETH_P_IPV6 = 0x86dd;
export const ETH_P_8021Q = 0x8100;
export const ETH_P_8021AD = 0x88a8;
/** Below this the field is a length, not a type. */
const ETH_P_802_3_MIN = 0x0600;
const ETH_P_802_3 = 0x0001;
const ETH_P_802_2 = 0x0004;
const TYPE_AT = 12;

/** Ethernet type in host byte order; of a frame without a link-layer header by its IP version. */
export function etherType(frame: Uint8Array, macLength: number): number {
  if (macLength < ETH_HLEN) {
    const version = (frame[macLength] ?? 0) >> 4;
    return version === 4 ? ETH_P_IP : version === 6 ? ETH_P_IPV6 : 0;
  }
  const type = ((frame[TYPE_AT] ?? 0) << 8) | (frame[TYPE_AT + 1] ?? 0);
  if (type >= ETH_P_802_3_MIN) return type;
  const novell = frame[ETH_HLEN] === 0xff && frame[ETH_HLEN + 1] === 0xff;
  return novell ? ETH_P_802_3 : ETH_P_802_2;
}

/** 16 bits in network byte order, as this machine reads them; and back. */
export const toNetworkOrder = (value: number): number =>
  LITTLE_ENDIAN ? ((value & 0xff) << 8) | ((value >> 8) & 0xff) : value & 0xffff;

/** `PACKET_*` of include/uapi/linux/if_packet.h. */
const PACKET_HOST = 0;
const PACKET_BROADCAST = 1;
const PACKET_MULTICAST = 2;
const PACKET_OTHERHOST = 3;
const ADDRESS_SIZE = 6;

/** Whom a frame is for, on a device with the address `device`; ours, where nobody says what that is. */
export function packetType(frame: Uint8Array, device: Uint8Array | undefined): number {
  const target = frame.subarray(0, ADDRESS_SIZE);
  if (device && target.every((byte, i) => byte === device[i])) return PACKET_HOST;
  if (target.length === ADDRESS_SIZE && (target[0]! & 1) !== 0) {
    return target.every((byte) => byte === 0xff) ? PACKET_BROADCAST : PACKET_MULTICAST;
  }
  return device ? PACKET_OTHERHOST : PACKET_HOST;
}
