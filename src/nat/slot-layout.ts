// The layout of the slots: insides that are only unique on their interface. One hash for each family holds both
// directions, so that one batch of updates binds a slot (docs/maps.md, Slots).
//
// Its keys are an interface and an address: the inside at its interface; the outside at interface 0; and address 0 for
// what holds for the interface itself. The last one says what becomes of packets that come from no inside of it.

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
type Mac = ArrayType<Be16>;
type In6 = ArrayType<Be32>;

const mac: Mac = array(be16, 3);

/** IFNAMSIZ. */
export const SLOT_NAME_SIZE = 16;

/** 8 bytes. `interface` is the index of the slot's, or 0 where the address is an outside. */
export const slotKey: StructType<{ interface: U32; address: Be32 }> = struct('slot_key', {
  interface: u32,
  address: be32,
});

/** 20 bytes. */
export const slot6Key: StructType<{ interface: U32; address: In6 }> = struct('slot6_key', {
  interface: u32,
  address: array(be32, 4),
});

/** What an entry is. */
export const SLOT_STATES = {
  /** An inside that no outside has been given to: what it sends is dropped. */
  reserved: 1,
  /** An inside, or an outside, and the other one of the two is `address`. */
  bound: 2,
  /** An outside whose slot was released: until `since` what arrives for it is dropped, afterwards it is unmapped. */
  quarantined: 3,
  /** The interface itself: key address 0. */
  interface: 4,
} as const;

/** `flags`, of an inside but for the first. */
export const SLOT_FLAGS = {
  /** Of the interface: packets from other sources than its insides pass as they are, instead of being dropped. */
  anySource: 1,
  /** What goes to link-local addresses, metadata services among them, is dropped: 169.254.0.0/16, fe80::/10. */
  denyLinkLocal: 2,
  /** Only the destinations in list `list` are allowed. */
  listed: 4,
} as const;

/**
 * An entry, 72 bytes. `interface`, `station` (the slot's own MAC, zero where unknown: the kernel's neighbour table is
 * asked) and `mac` (that of the interface; zero where it has none) say where to deliver and how; `mtu` is the interface's.
 * `xdp` is 1 where XDP may send to the interface, in the mode that the instance has; else XDP leaves the slot's packets to TC.
 * `since` is CLOCK_MONOTONIC in nanoseconds: when the state began, of a quarantined outside when it ends. `name` is the
 * interface's name when the slot was reserved, by which a stale index is noticed.
 */
export const slotRecord: StructType<{
  address: Be32;
  interface: U32;
  station: Mac;
  mac: Mac;
  mtu: U16;
  list: U16;
  state: U8;
  flags: U8;
  xdp: U8;
  reserved: BytesType;
  since: U64;
  name: BytesType;
  packets: U64;
  bytes: U64;
}> = struct('slot_record', {
  address: be32,
  interface: u32,
  station: mac,
  mac,
  mtu: u16,
  list: u16,
  state: u8,
  flags: u8,
  xdp: u8,
  reserved: bytes(5),
  since: u64,
  name: bytes(SLOT_NAME_SIZE),
  packets: u64,
  bytes: u64,
});

/** The same for IPv6, 80 bytes. */
export const slot6Record: StructType<{
  address: In6;
  interface: U32;
  station: Mac;
  mac: Mac;
  mtu: U16;
  list: U16;
  state: U8;
  flags: U8;
  xdp: U8;
  reserved: BytesType;
  since: U64;
  name: BytesType;
  packets: U64;
  bytes: U64;
}> = struct('slot6_record', {
  address: array(be32, 4),
  interface: u32,
  station: mac,
  mac,
  mtu: u16,
  list: u16,
  state: u8,
  flags: u8,
  xdp: u8,
  reserved: bytes(1),
  since: u64,
  name: bytes(SLOT_NAME_SIZE),
  packets: u64,
  bytes: u64,
});

/** Keys of the lists of allowed destinations, 12 and 24 bytes; what is found is allowed. Bits of list and address count. */
export const slotListKey: StructType<{ prefixLength: U32; list: U32; address: Be32 }> = struct(
  'slot_list_key',
  { prefixLength: u32, list: u32, address: be32 },
);
export const slotList6Key: StructType<{ prefixLength: U32; list: U32; address: In6 }> = struct(
  'slot_list6_key',
  { prefixLength: u32, list: u32, address: array(be32, 4) },
);
