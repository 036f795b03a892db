// The headers the datapath reads, as they lie on the wire, and the numbers in them.
// RFC 791 (IPv4), 792 (ICMP), 768 (UDP), 9293 (TCP), 826 (ARP); names as in the kernel's uapi headers.

import {
  type BytesType,
  be16,
  be32,
  bytes,
  type ScalarType,
  type StructType,
  struct,
  u8,
} from '../../asm/index.ts';

type U8 = ScalarType<'u8'>;
type Be16 = ScalarType<'be16'>;
type Be32 = ScalarType<'be32'>;

/** Ethernet II, 14 bytes. */
export const ethhdr: StructType<{ dest: BytesType; source: BytesType; proto: Be16 }> = struct('ethhdr', {
  dest: bytes(6),
  source: bytes(6),
  proto: be16,
});

/** IPv4 without options, 20 bytes. */
export const iphdr: StructType<{
  /** Version in the high four bits, header length in 32-bit words in the low. */
  versionIhl: U8;
  tos: U8;
  totLen: Be16;
  id: Be16;
  /** Three flags and the offset in units of 8 bytes. */
  fragOff: Be16;
  ttl: U8;
  protocol: U8;
  check: Be16;
  saddr: Be32;
  daddr: Be32;
}> = struct('iphdr', {
  versionIhl: u8,
  tos: u8,
  totLen: be16,
  id: be16,
  fragOff: be16,
  ttl: u8,
  protocol: u8,
  check: be16,
  saddr: be32,
  daddr: be32,
});

/** ICMP, 8 bytes; in errors the packet that caused it stands behind. */
export const icmphdr: StructType<{ type: U8; code: U8; check: Be16; rest: Be32 }> = struct('icmphdr', {
  type: u8,
  code: u8,
  check: be16,
  rest: be32,
});

/** ARP for IPv4 over Ethernet, 28 bytes. */
export const arphdr: StructType<{
  hrd: Be16;
  pro: Be16;
  hln: U8;
  pln: U8;
  op: Be16;
  senderMac: BytesType;
  senderIp: Be32;
  targetMac: BytesType;
  targetIp: Be32;
}> = struct('arphdr', {
  hrd: be16,
  pro: be16,
  hln: u8,
  pln: u8,
  op: be16,
  senderMac: bytes(6),
  senderIp: be32,
  targetMac: bytes(6),
  targetIp: be32,
});

/** A checksum by itself, somewhere in a packet. */
export const checksum: StructType<{ check: Be16 }> = struct('checksum', { check: be16 });

export const ETH_P_IP = 0x0800;
export const ETH_P_ARP = 0x0806;

export const IPPROTO_ICMP = 1;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;

/** Version 4, five words: a header without options. */
export const PLAIN_HEADER = 0x45;
export const IP_VERSION = 4;
export const MIN_IHL = 5;
/** The part of `fragOff` that is not zero in every fragment but the first. */
export const IP_OFFSET = 0x1fff;

/** Where the checksum stands in a transport header. */
export const TCP_CHECK = 16;
export const UDP_CHECK = 6;
export const TCP_HEADER = 20;
export const UDP_HEADER = 8;

/** The ICMP messages that quote the packet they are about (RFC 1122, section 3.2.2). */
export const ICMP_ERRORS: readonly number[] = [
  3, // destination unreachable, fragmentation needed
  4, // source quench
  5, // redirect
  11, // time exceeded
  12, // parameter problem
];

export const ARPHRD_ETHER = 1;
export const ARPOP_REQUEST = 1;
export const ARPOP_REPLY = 2;
