// The maps of an instance: what the datapath reads and counts, and what every other program may write.
// These layouts are a public contract (docs/maps.md): a slot can be bound from any language with one update.
//
// Each family and direction has two tables. Address mappings stand in a hash. All other kinds stand in one trie whose
// keys are address, port, protocol, in this order: a port before a port block, a long prefix before a short one, is what
// a longest-prefix match says. An address goes between the two.

import {
  type ArrayType,
  array,
  type BytesType,
  be16,
  be32,
  bytes,
  defineGlobal,
  defineMap,
  type FieldType,
  type GlobalData,
  type MapDefinition,
  type ScalarType,
  type StructType,
  struct,
  u8,
  u16,
  u32,
  u64,
} from '../asm/data.ts';
import type { Family } from './address.ts';
import { type Direction, REASONS } from './reason.ts';
import { slot6Key, slot6Record, slotKey, slotList6Key, slotListKey, slotRecord } from './slot-layout.ts';
import { tunnelKey, tunnelPorts, tunnelRecord } from './tunnel-layout.ts';

type U8 = ScalarType<'u8'>;
type U16 = ScalarType<'u16'>;
type U32 = ScalarType<'u32'>;
type U64 = ScalarType<'u64'>;
type Be16 = ScalarType<'be16'>;
type Be32 = ScalarType<'be32'>;

/** Kernel's BPF_F_NO_PREALLOC; tries know no other way. */
const BPF_F_NO_PREALLOC = 1 << 0;
/** Kernel's BPF_F_RDONLY_PROG: only user space writes. */
const BPF_F_RDONLY_PROG = 1 << 7;

/** An IPv6 address as four words. */
export const in6: ArrayType<Be32> = array(be32, 4);

/**
 * One direction of an address mapping, 24 bytes: the address to write into the packet (network byte
 * order), 4 bytes that must be zero, and what went this way so far. `bytes` counts from the IP header on.
 */
export const addressRecord: StructType<{ address: Be32; reserved: U32; packets: U64; bytes: U64 }> = struct(
  'address_record',
  { address: be32, reserved: u32, packets: u64, bytes: u64 },
);

/** The same for IPv6, 32 bytes. */
export const address6Record: StructType<{ address: typeof in6; packets: U64; bytes: U64 }> = struct(
  'address6_record',
  { address: in6, packets: u64, bytes: u64 },
);

/**
 * The key of a trie, 12 bytes. `prefixLength` counts bits of all that follows: up to 32 a prefix, 33 to 48 a part of a
 * port block, 56 a port of one protocol.
 */
export const netKey: StructType<{ prefixLength: U32; address: Be32; port: Be16; protocol: U8; zero: U8 }> =
  struct('net_key', { prefixLength: u32, address: be32, port: be16, protocol: u8, zero: u8 });

/** The same for IPv6, 28 bytes: up to 128 a prefix, 129 to 144 a part of a port block, 152 a port. */
export const net6Key: StructType<{
  prefixLength: U32;
  address: typeof in6;
  port: Be16;
  protocol: U8;
  zero: BytesType;
}> = struct('net6_key', { prefixLength: u32, address: in6, port: be16, protocol: u8, zero: bytes(5) });

/** Behind the address: port and protocol. */
export const PORT_BITS = 16;
export const PROTOCOL_BITS = 8;

/**
 * What an entry of a trie is part of. `ports` marks an address that has ports or port blocks: its key is that of a
 * port, with port and protocol zero, which fragments without ports are looked up by.
 */
export const NET_KINDS = { prefix: 1, port: 2, port_block: 3, ports: 4 } as const;
export type NetKind = keyof typeof NET_KINDS;

/** `flags` of a checksum-neutral prefix: which word takes the adjustment (RFC 6296, sections 3.4 and 3.5). */
export const NEUTRAL = {
  /** Prefixes up to /48: bits 48 to 63. */
  subnet: 1,
  /** Longer ones: the first 16 bits of the interface identifier that are not all ones. */
  identifier: 2,
} as const;

/**
 * One direction of what a trie holds, 32 bytes. The address becomes `address | (it & ~mask)`; a port has `shift` added,
 * modulo 2^16. `first` and `last` are the whole port block's ports on the side of the key, which may take several entries.
 */
export const netRecord: StructType<{
  address: Be32;
  mask: Be32;
  kind: U8;
  flags: U8;
  shift: U16;
  first: U16;
  last: U16;
  packets: U64;
  bytes: U64;
}> = struct('net_record', {
  address: be32,
  mask: be32,
  kind: u8,
  flags: u8,
  shift: u16,
  first: u16,
  last: u16,
  packets: u64,
  bytes: u64,
});

/**
 * The same for IPv6, 64 bytes. `adjustment` is added in one's complement to the word that `flags` names, in the byte
 * order of the packet; zero where the prefix is not checksum-neutral.
 */
export const net6Record: StructType<{
  address: typeof in6;
  mask: typeof in6;
  kind: U8;
  flags: U8;
  shift: U16;
  first: U16;
  last: U16;
  adjustment: Be16;
  reserved: BytesType;
  packets: U64;
  bytes: U64;
}> = struct('net6_record', {
  address: in6,
  mask: in6,
  kind: u8,
  flags: u8,
  shift: u16,
  first: u16,
  last: u16,
  adjustment: be16,
  reserved: bytes(6),
  packets: u64,
  bytes: u64,
});

/** Keys of the lists of destinations, 8 and 20 bytes. */
export const destinationKey: StructType<{ prefixLength: U32; address: Be32 }> = struct('destination_key', {
  prefixLength: u32,
  address: be32,
});
export const destination6Key: StructType<{ prefixLength: U32; address: typeof in6 }> = struct(
  'destination6_key',
  { prefixLength: u32, address: in6 },
);

/** How many of an interface's own subnets ARP and NDP are answered in. */
export const MAX_SUBNETS = 16;
export const MAX_SUBNETS6 = 8;

/** A subnet of the outside interface; a mask of zero marks an unused place. */
export const subnet: StructType<{ network: Be32; mask: Be32 }> = struct('subnet', {
  network: be32,
  mask: be32,
});
export const subnet6: StructType<{ network: typeof in6; mask: typeof in6 }> = struct('subnet6', {
  network: in6,
  mask: in6,
});

/**
 * What the programs know of the interface they sit on; 432 bytes. `outsides` and `outsides6` are the smallest
 * subnets that hold all outside addresses: what leaves for an address in there may have to be taken in again. Where there
 * are none, `network` is all ones and `mask` zero, which nothing matches.
 */
export const interfaceRecord: StructType<{
  mac: BytesType;
  reserved: BytesType;
  subnets: ArrayType<typeof subnet>;
  outsides: typeof subnet;
  subnets6: ArrayType<typeof subnet6>;
  outsides6: typeof subnet6;
}> = struct('interface_record', {
  mac: bytes(6),
  reserved: bytes(2),
  subnets: array(subnet, MAX_SUBNETS),
  outsides: subnet,
  subnets6: array(subnet6, MAX_SUBNETS6),
  outsides6: subnet6,
});

/** Which way packets go that arrive on an interface: from the inside they go out, from the outside in. */
export const XDP_SIDES = { outside: 1, inside: 2 } as const;

/** An interface on which XDP translates, 8 bytes: its MAC, by which frames are for this host, and its side. */
export const xdpRecord: StructType<{ mac: ArrayType<Be16>; side: U16 }> = struct('xdp_record', {
  mac: array(be16, 3),
  side: u16,
});

/**
 * Which packets redirect takes past the stack, 4 bytes: those that are no longer than `mtu`. None where it is 0, all that fit
 * the way where it is ANY_MTU; the least MTU that a route asks for where one does, since a look-up by a program does not
 * tell (bpf_fib_lookup knows the MTU of devices and of routes that are locked).
 */
export const redirectRecord: StructType<{ mtu: U32 }> = struct('redirect_record', { mtu: u32 });
export const ANY_MTU = 0xffff;

type Table<K extends FieldType, V extends FieldType> = MapDefinition<K, V>;
type Addresses = Table<Be32, typeof addressRecord>;
type Addresses6 = Table<typeof in6, typeof address6Record>;
type Nets = Table<typeof netKey, typeof netRecord>;
type Nets6 = Table<typeof net6Key, typeof net6Record>;

/** The maps of one instance, by the names of their pins. `capacity` is the greatest number of address mappings. */
export interface InstanceMaps {
  /** Inside address -> what it becomes on the way out. */
  readonly outbound: Addresses;
  /** Outside address -> what it becomes on the way in. */
  readonly inbound: Addresses;
  readonly outbound_net: Nets;
  readonly inbound_net: Nets;
  readonly outbound6: Addresses6;
  readonly inbound6: Addresses6;
  readonly outbound_net6: Nets6;
  readonly inbound_net6: Nets6;
  /** Whether traffic with the other end is translated: 1, or 0. What is not found is translated. */
  readonly destinations: Table<typeof destinationKey, U32>;
  readonly destinations6: Table<typeof destination6Key, U32>;
  /** Slots: insides at their interfaces, and outsides; both directions (slot-layout.ts). */
  readonly slots: Table<typeof slotKey, typeof slotRecord>;
  readonly slots6: Table<typeof slot6Key, typeof slot6Record>;
  /** Lists of destinations that slots may be limited to. */
  readonly slot_lists: Table<typeof slotListKey, U32>;
  readonly slot_lists6: Table<typeof slotList6Key, U32>;
  /** Tunnel slots by their placeholder VNIs, and what leads to them on the way in (tunnel-layout.ts). */
  readonly tunnels: Table<typeof tunnelKey, typeof tunnelRecord>;
  /** The UDP ports that tunnels use. One entry, key 0. */
  readonly tunnel_ports: GlobalData<typeof tunnelPorts>;
  /** Per-CPU counters, one for each direction and reason: `reasonIndex(direction, reason)`. */
  readonly reasons: Table<U32, U64>;
  /** By index, the interfaces between which XDP may send packets; empty where it leaves all of them to TC. */
  readonly xdp: Table<U32, typeof xdpRecord>;
  /** One entry, key 0. */
  readonly interface: GlobalData<typeof interfaceRecord>;
  /** One entry, key 0. */
  readonly redirect: GlobalData<typeof redirectRecord>;
}

export const DEFAULT_CAPACITY = 65_536;
/** Interfaces of an instance that XDP works on, and those that redirect does: the outside one and those inside. */
export const MOST_XDP = 128;
/** A tunnel slot takes up to three entries: itself, and one for each way it is found on the way in. */
export const MOST_TUNNEL_ENTRIES: number = 1 << 16;
/** Tries take memory as they grow; this is only where growing ends. */
const MOST_NETS = 1 << 20;

export function instanceMaps(capacity: number = DEFAULT_CAPACITY): InstanceMaps {
  // Memory taken beforehand makes updates faster. In a large table the look-ups matter more: what is taken element by
  // element lies in larger pages.
  const flags = capacity > DEFAULT_CAPACITY ? BPF_F_NO_PREALLOC : 0;
  const addresses = (name: string): Addresses =>
    defineMap({ name, type: 'hash', key: be32, value: addressRecord, maxEntries: capacity, flags });
  const addresses6 = (name: string): Addresses6 =>
    defineMap({
      name,
      type: 'hash',
      key: in6,
      value: address6Record,
      maxEntries: capacity,
      flags: BPF_F_NO_PREALLOC,
    });
  const trie = <K extends FieldType, V extends FieldType>(name: string, key: K, value: V): Table<K, V> =>
    defineMap({ name, type: 'lpm_trie', key, value, maxEntries: MOST_NETS, flags: BPF_F_NO_PREALLOC });
  const slots = <K extends FieldType, V extends FieldType>(name: string, key: K, value: V): Table<K, V> =>
    defineMap({ name, type: 'hash', key, value, maxEntries: capacity, flags: BPF_F_NO_PREALLOC });
  return {
    outbound: addresses('outbound'),
    inbound: addresses('inbound'),
    outbound_net: trie('outbound_net', netKey, netRecord),
    inbound_net: trie('inbound_net', netKey, netRecord),
    outbound6: addresses6('outbound6'),
    inbound6: addresses6('inbound6'),
    outbound_net6: trie('outbound_net6', net6Key, net6Record),
    inbound_net6: trie('inbound_net6', net6Key, net6Record),
    destinations: trie('destinations', destinationKey, u32),
    destinations6: trie('destinations6', destination6Key, u32),
    slots: slots('slots', slotKey, slotRecord),
    slots6: slots('slots6', slot6Key, slot6Record),
    slot_lists: trie('slot_lists', slotListKey, u32),
    slot_lists6: trie('slot_lists6', slotList6Key, u32),
    tunnels: defineMap({
      name: 'tunnels',
      type: 'hash',
      key: tunnelKey,
      value: tunnelRecord,
      maxEntries: MOST_TUNNEL_ENTRIES,
      flags: BPF_F_NO_PREALLOC,
    }),
    tunnel_ports: {
      ...defineGlobal({ name: 'tunnel_ports', value: tunnelPorts }),
      flags: BPF_F_RDONLY_PROG,
    },
    reasons: defineMap({
      name: 'reasons',
      type: 'percpu_array',
      key: u32,
      value: u64,
      maxEntries: 2 * REASONS.length,
    }),
    xdp: defineMap({ name: 'xdp', type: 'hash', key: u32, value: xdpRecord, maxEntries: MOST_XDP }),
    interface: { ...defineGlobal({ name: 'interface', value: interfaceRecord }), flags: BPF_F_RDONLY_PROG },
    redirect: { ...defineGlobal({ name: 'redirect', value: redirectRecord }), flags: BPF_F_RDONLY_PROG },
  };
}

type Names<F extends Family, D extends Direction> = F extends 6
  ? { readonly addresses: `${D}6`; readonly nets: `${D}_net6` }
  : { readonly addresses: D; readonly nets: `${D}_net` };

/** The names of a direction's tables. */
export function tableNames<F extends Family, D extends Direction>(direction: D, family: F): Names<F, D> {
  const suffix = family === 6 ? '6' : '';
  return { addresses: `${direction}${suffix}`, nets: `${direction}_net${suffix}` } as Names<F, D>;
}
