// The headers the datapath reads, as they lie on the wire, and the numbers in them.
// RFC 791 (IPv4), 8200 (IPv6), 792 and 4443 (ICMP), 768 (UDP), 9293 (TCP), 826 (ARP), 4861 (NDP); names as in the
// kernel's uapi headers.

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
import { in6 } from '../maps.ts';

type U8 = ScalarType<'u8'>;
type Be16 = ScalarType<'be16'>;
type Be32 = ScalarType<'be32'>;

/** Ethernet II, 14 bytes. */
export const ethhdr: StructType<{ dest: BytesType; source: BytesType; proto: Be16 }> = struct('ethhdr', {
  dest: bytes(6),
  source: bytes(6),
  proto: be16,
});

/** A VLAN tag in the frame, behind the EtherType that announces it (IEEE 802.1Q), 4 bytes. */
export const vlanhdr: StructType<{ tci: Be16; proto: Be16 }> = struct('vlanhdr', { tci: be16, proto: be16 });

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

/** IPv6 without extension headers, 40 bytes. */
export const ipv6hdr: StructType<{
  /** Version in the high four bits. */
  versionClassFlow: Be32;
  /** Of all that follows this header. */
  payloadLen: Be16;
  nexthdr: U8;
  hopLimit: U8;
  saddr: typeof in6;
  daddr: typeof in6;
}> = struct('ipv6hdr', {
  versionClassFlow: be32,
  payloadLen: be16,
  nexthdr: u8,
  hopLimit: u8,
  saddr: in6,
  daddr: in6,
});

/**
 * The start of an IPv6 extension header, 4 of at least 8 bytes. `third` and `fourth` are a fragment's offset (in units
 * of 8 bytes, in the high 13 of the 16 bits), or a routing header's type and segments left.
 */
export const exthdr: StructType<{ nexthdr: U8; length: U8; third: U8; fourth: U8 }> = struct('exthdr', {
  nexthdr: u8,
  /** In units of 8 bytes, without the first. */
  length: u8,
  third: u8,
  fourth: u8,
});
/** The least an extension header has, and the unit of its length. */
export const EXTENSION_UNIT = 8;

/** ICMP, 8 bytes; in errors the packet that caused it stands behind. */
export const icmphdr: StructType<{ type: U8; code: U8; check: Be16; rest: Be32 }> = struct('icmphdr', {
  type: u8,
  code: u8,
  check: be16,
  rest: be32,
});

/** Where a TCP header has its length, in the high four bits and in words, and its flags; 2 bytes. */
export const tcpFlags: StructType<{ offset: U8; flags: U8 }> = struct('tcp_flags', { offset: u8, flags: u8 });
export const TCP_FLAGS = 12;

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

/** A checksum, a port or an identifier by itself, somewhere in a packet. */
export const half: StructType<{ value: Be16 }> = struct('half', { value: be16 });

export const ETH_P_IP = 0x0800;
export const ETH_P_ARP = 0x0806;
export const ETH_P_IPV6 = 0x86dd;
export const ETH_P_8021Q = 0x8100;
export const ETH_P_8021AD = 0x88a8;

export const IPPROTO_ICMP = 1;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_DCCP = 33;
export const IPPROTO_AH = 51;
export const IPPROTO_ICMPV6 = 58;
export const IPPROTO_UDPLITE = 136;

export const IPPROTO_ROUTING = 43;
export const IPPROTO_FRAGMENT = 44;
/** Headers between IPv6 and its payload that have the form of `exthdr` (RFC 7045, section 2.1). */
export const EXTENSIONS: readonly number[] = [
  60, // destination options
  0, // hop-by-hop options
  IPPROTO_FRAGMENT,
  IPPROTO_ROUTING,
  135, // mobility
  139, // HIP
  140, // Shim6
];

/** Version 4, five words: a header without options. */
export const PLAIN_HEADER = 0x45;
export const IP_VERSION = 4;
export const IPV6_VERSION = 6;
export const MIN_IHL = 5;
/** Set in `fragOff` of what must not be fragmented. */
export const IP_DF = 0x4000;
/** The part of `fragOff` that is not zero in every fragment but the first. */
export const IP_OFFSET = 0x1fff;
/** Not zero in every fragment: more to come, or not the first. */
export const IP_FRAGMENT = 0x3fff;
/** The same of an IPv6 fragment header. */
export const IP6_OFFSET = 0xfff8;

/** Where the checksum of an ICMP message stands, and the identifier of a query. */
export const ICMP_CHECK = 2;
export const ICMP_ID = 4;

/** The ICMP messages that quote the packet they are about (RFC 1122, section 3.2.2). */
export const ICMP_ERRORS: readonly number[] = [
  3, // destination unreachable, fragmentation needed
  4, // source quench
  5, // redirect
  11, // time exceeded
  12, // parameter problem
];
/** Queries and their answers, which carry an identifier. */
export const ICMP_QUERIES: readonly number[] = [
  8, // echo
  0, // echo reply
  13, // timestamp
  14, // timestamp reply
  15, // information request
  16, // information reply
  17, // address mask request
  18, // address mask reply
];

/** RFC 792 and 1191: destination unreachable, fragmentation needed. */
export const ICMP_UNREACHABLE = 3;
export const ICMP_FRAGMENTATION_NEEDED = 4;
/** RFC 4443, section 3.2. */
export const ICMPV6_PACKET_TOO_BIG = 2;

/** RFC 4443, section 2.1. */
export const ICMPV6_ERRORS: readonly number[] = [
  1, // destination unreachable
  2, // packet too big
  3, // time exceeded
  4, // parameter problem
];
export const ICMPV6_QUERIES: readonly number[] = [
  128, // echo request
  129, // echo reply
];
export const ND_NEIGHBOR_SOLICIT = 135;
export const ND_NEIGHBOR_ADVERT = 136;
/** Multicast listener and neighbour discovery (RFC 2710, 4861): what a link needs to work. */
export const ICMPV6_FIRST_DISCOVERY = 130;
export const ICMPV6_LAST_DISCOVERY = 137;
export const ICMPV6_MLD2_REPORT = 143;

export const ARPHRD_ETHER = 1;
export const ARPOP_REQUEST = 1;
export const ARPOP_REPLY = 2;
