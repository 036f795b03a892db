// What stands between the outer IP header and the inner packet: UDP (RFC 768), then VXLAN (RFC 7348, section 5) or Geneve
// (RFC 8926, section 3.4), whose VNI is at the same place.

import { be16, be32, type ScalarType, type StructType, struct, u8 } from '../../../asm/index.ts';

type U8 = ScalarType<'u8'>;
type Be16 = ScalarType<'be16'>;
type Be32 = ScalarType<'be32'>;

/** 8 bytes. */
export const udphdr: StructType<{ source: Be16; dest: Be16; length: Be16; check: Be16 }> = struct('udphdr', {
  source: be16,
  dest: be16,
  length: be16,
  check: be16,
});

/** Where the checksum stands in it. */
export const UDP_CHECK: number = udphdr.offsets.check;

/** 8 bytes; behind them the options of Geneve. */
export const tunnelhdr: StructType<{
  /** VXLAN: flags. Geneve: version in the high two bits, length of the options in words of 4 bytes in the low six. */
  first: U8;
  second: U8;
  /** Geneve: what it carries, as an EtherType. VXLAN-GPE: its low byte says so. */
  proto: Be16;
  /** VNI in the high 24 bits; the rest is reserved. */
  vni: Be32;
}> = struct('tunnelhdr', { first: u8, second: u8, proto: be16, vni: be32 });

export const VNI_SHIFT = 8;
/** What of its word is no VNI. */
export const VNI_REST = 0xff;

export const GENEVE_VERSION_SHIFT = 6;
export const GENEVE_OPTIONS = 0x3f;
/** Transparent Ethernet bridging, as GRE and Geneve call an Ethernet frame. */
export const ETH_P_TEB = 0x6558;

/** Where the UDP header may start: what has longer headers before it is no tunnel that anybody makes. */
export const MOST_UDP_AT = 511;
/** And so the inner packet, or its IP header: behind options, Ethernet and VLAN tags. */
export const MOST_INNER_AT = 1023;
