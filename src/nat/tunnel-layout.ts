// The layout of tunnel slots: tunnels made ahead with a placeholder VNI, whose real VNI is decided late (docs/maps.md,
// Tunnels). One hash holds two kinds of entries. The slot itself, by its port and placeholder, is what says which VNI it
// has, for both directions: writing it is the bind. An index entry, by what a packet that arrives shows, says only which
// slot that may be; the slot is asked whether it has the packet's VNI, so that an index entry more than there should be
// lets nothing through.

import {
  type ArrayType,
  array,
  type BytesType,
  be16,
  be32,
  bytes,
  type ScalarType,
  type StructType,
  struct,
  u8,
  u16,
  u32,
  u64,
} from '../asm/data.ts';

type U8 = ScalarType<'u8'>;
type U16 = ScalarType<'u16'>;
type U32 = ScalarType<'u32'>;
type U64 = ScalarType<'u64'>;
type Be16 = ScalarType<'be16'>;
type Be32 = ScalarType<'be32'>;
type In6 = ArrayType<Be32>;

/** RFC 7348, section 5; RFC 8926, section 3.5. */
export const MOST_VNI = 0xff_ffff;

/** What tunnels are: RFC 7348 and RFC 8926. Both have the VNI at the same place. */
export const TUNNEL_KINDS = { vxlan: 1, geneve: 2 } as const;
export type TunnelKind = keyof typeof TUNNEL_KINDS;

/** Which of a packet's marks an index entry has, for all slots of a port: the others are zero in its key. */
export const TUNNEL_MARKS = {
  /** The other end's underlay address. */
  remote: 1,
  /** This host's underlay address. */
  local: 2,
  /** The inner destination: the slot's own inner address as the other end knows it. */
  inner: 4,
  vni: 8,
} as const;
export type TunnelMark = keyof typeof TUNNEL_MARKS;

/** What the slots of a port need of the programs, besides tunnels over IPv4. `golden`: it is there for a self-test only. */
export const TUNNEL_NEEDS = { ipv6: 1, inner: 2, golden: 128 } as const;

/** `kind` of a key. */
export const TUNNEL_ENTRIES = { slot: 1, index: 2 } as const;

/**
 * 56 bytes. Of a slot `vni` is its placeholder and the addresses are zero. Of an index entry the real VNI, and addresses
 * as IPv6 has them: IPv4 ones as ::ffff:a.b.c.d (RFC 4291, section 2.5.5.2).
 */
export const tunnelKey: StructType<{
  port: Be16;
  kind: U16;
  vni: U32;
  remote: In6;
  local: In6;
  inner: In6;
}> = struct('tunnel_key', {
  port: be16,
  kind: u16,
  vni: u32,
  remote: array(be32, 4),
  local: array(be32, 4),
  inner: array(be32, 4),
});

/** `state` of an entry. */
export const TUNNEL_STATES = {
  /** A slot without a VNI: nothing leaves it, nothing reaches it. */
  reserved: 1,
  bound: 2,
  /** An index entry: nothing but `placeholder` counts. */
  index: 3,
} as const;

/** `flags` of a slot: which inner addresses it has. Of that family nothing else leaves or reaches it. */
export const TUNNEL_FLAGS = { inner4: 1, inner6: 2 } as const;

/**
 * 128 bytes. `vni` is the real one. `inside` is what the slot's own packets have as inner address, `outside` what the other
 * end knows it by; where they are equal nothing is translated. `remote` and `local` are those of its index entries, zero for
 * any. `since` is CLOCK_MONOTONIC in nanoseconds: when the state began. `bytes` count from the outer IP header on.
 */
export const tunnelRecord: StructType<{
  vni: U32;
  placeholder: U32;
  state: U8;
  flags: U8;
  reserved: BytesType;
  since: U64;
  inside: Be32;
  outside: Be32;
  inside6: In6;
  outside6: In6;
  remote: In6;
  local: In6;
  outboundPackets: U64;
  outboundBytes: U64;
  inboundPackets: U64;
  inboundBytes: U64;
}> = struct('tunnel_record', {
  vni: u32,
  placeholder: u32,
  state: u8,
  flags: u8,
  reserved: bytes(6),
  since: u64,
  inside: be32,
  outside: be32,
  inside6: array(be32, 4),
  outside6: array(be32, 4),
  remote: array(be32, 4),
  local: array(be32, 4),
  outboundPackets: u64,
  outboundBytes: u64,
  inboundPackets: u64,
  inboundBytes: u64,
});

/** The most UDP ports that tunnels of an instance can use. */
export const MOST_TUNNEL_PORTS = 4;

/** 8 bytes. A port of zero is none. */
export const tunnelPort: StructType<{
  port: Be16;
  kind: U8;
  marks: U8;
  needs: U8;
  reserved: BytesType;
}> = struct('tunnel_port', { port: be16, kind: u8, marks: u8, needs: u8, reserved: bytes(3) });

export const tunnelPorts: StructType<{ ports: ArrayType<typeof tunnelPort> }> = struct('tunnel_ports', {
  ports: array(tunnelPort, MOST_TUNNEL_PORTS),
});
