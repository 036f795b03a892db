// The maps of an instance: what the datapath reads and counts, and what every other program may write.
// These layouts are a public contract (docs/maps.md): a slot can be bound from any language with one update.

import {
  type ArrayType,
  array,
  type BytesType,
  be32,
  bytes,
  defineMap,
  type MapDefinition,
  type ScalarType,
  type StructType,
  struct,
  u32,
  u64,
} from '../asm/index.ts';
import { REASONS } from './reason.ts';

/** Kernel's BPF_F_RDONLY_PROG: only user space writes. */
const BPF_F_RDONLY_PROG = 1 << 7;

/**
 * One direction of an address mapping, 24 bytes: the address to write into the packet (network byte
 * order), 4 bytes that must be zero, and what went this way so far. `bytes` counts from the IP header on.
 */
export const addressRecord: StructType<{
  address: ScalarType<'be32'>;
  reserved: ScalarType<'u32'>;
  packets: ScalarType<'u64'>;
  bytes: ScalarType<'u64'>;
}> = struct('address_record', { address: be32, reserved: u32, packets: u64, bytes: u64 });

/** How many of an interface's own subnets ARP is answered in. */
export const MAX_SUBNETS = 16;

/** An IPv4 subnet of the outside interface; a mask of zero marks an unused place. */
export const subnet: StructType<{ network: ScalarType<'be32'>; mask: ScalarType<'be32'> }> = struct(
  'subnet',
  {
    network: be32,
    mask: be32,
  },
);

/** What the ingress program knows of the interface it sits on; 136 bytes. */
export const interfaceRecord: StructType<{
  mac: BytesType;
  reserved: BytesType;
  subnets: ArrayType<typeof subnet>;
}> = struct('interface_record', { mac: bytes(6), reserved: bytes(2), subnets: array(subnet, MAX_SUBNETS) });

type Table = MapDefinition<ScalarType<'be32'>, typeof addressRecord>;

/** The maps of one instance. `capacity` is the greatest number of address mappings. */
export interface InstanceMaps {
  /** Inside address -> what it becomes on the way out. */
  readonly outbound: Table;
  /** Outside address -> what it becomes on the way in. */
  readonly inbound: Table;
  /** Per-CPU counters, one for each direction and reason: `reasonIndex(direction, reason)`. */
  readonly reasons: MapDefinition<ScalarType<'u32'>, ScalarType<'u64'>>;
  /** One entry, key 0. */
  readonly interface: MapDefinition<ScalarType<'u32'>, typeof interfaceRecord>;
}

export const DEFAULT_CAPACITY = 65_536;

export function instanceMaps(capacity: number = DEFAULT_CAPACITY): InstanceMaps {
  const table = (name: string): Table =>
    defineMap({
      name,
      type: 'hash',
      key: be32,
      value: addressRecord,
      maxEntries: capacity,
    });
  return {
    outbound: table('outbound'),
    inbound: table('inbound'),
    reasons: defineMap({
      name: 'reasons',
      type: 'percpu_array',
      key: u32,
      value: u64,
      maxEntries: 2 * REASONS.length,
    }),
    interface: defineMap({
      name: 'interface',
      type: 'array',
      key: u32,
      value: interfaceRecord,
      maxEntries: 1,
      flags: BPF_F_RDONLY_PROG,
    }),
  };
}
