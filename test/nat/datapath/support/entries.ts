// The entries that mappings come to in the maps of an instance, byte by byte as docs/maps.md lays them out: a second
// opinion of the product's own encoder, written from the layout alone.

import { type Destination, type Mapping, widthOf } from './reference/mappings.ts';
import type { Direction, Station } from './reference/world.ts';
import { type Address, addressBytes, type Bytes, be16, be32, bytes, join, onesSum } from './wire.ts';

/** Of hosts, as everything that is not in network order: little-endian on all machines these tests run on. */
const u16 = (value: number): Bytes => Uint8Array.of(value & 0xff, (value >> 8) & 0xff);
const u32 = (value: number): Bytes => join(u16(value & 0xffff), u16(value >>> 16));
const zeros = (length: number): Bytes => new Uint8Array(length);

/** Where the two counters stand in the values of each kind of map. */
const COUNTERS: { readonly [map: string]: number } = {
  outbound: 8,
  inbound: 8,
  outbound6: 16,
  inbound6: 16,
  outbound_net: 16,
  inbound_net: 16,
  outbound_net6: 48,
  inbound_net6: 48,
};
export const countersAt = (map: string): number => COUNTERS[map]!;

const KINDS = { prefix: 1, port: 2, port_block: 3, ports: 4 } as const;
const NEUTRAL = { none: 0, subnet: 1, identifier: 2 } as const;

export interface Entry {
  readonly map: string;
  readonly key: Bytes;
  readonly value: Bytes;
  readonly direction: Direction;
  /** Which of the mappings it is of; none for a marker. */
  readonly mapping?: number;
}

interface NetValue {
  readonly address: Address;
  readonly mask: Address;
  readonly kind: number;
  readonly flags?: number;
  readonly shift?: number;
  readonly ports?: readonly [first: number, last: number];
  readonly adjustment?: number;
}

function netValue({
  address,
  mask,
  kind,
  flags = 0,
  shift = 0,
  ports = [0, 0],
  adjustment = 0,
}: NetValue): Bytes {
  const common = [Uint8Array.of(kind, flags), u16(shift), u16(ports[0]), u16(ports[1])];
  const six = typeof address === 'bigint' ? [be16(adjustment), zeros(6)] : [];
  return join(addressBytes(address), addressBytes(mask), ...common, ...six, zeros(16));
}

function netKey(address: Address, bits: number, port: number = 0, protocol: number = 0): Bytes {
  const rest = zeros(typeof address === 'bigint' ? 5 : 1);
  return join(u32(bits), addressBytes(address), be16(port), Uint8Array.of(protocol), rest);
}

const netMask = (address: Address, length: number): Address => {
  const width = widthOf(address);
  const mask = ((1n << BigInt(length)) - 1n) << BigInt(width - length);
  return width === 32 ? Number(mask) : mask;
};

/** A run of ports as aligned powers of two. */
function parts(first: number, count: number): [port: number, size: number][] {
  const all: [number, number][] = [];
  for (let port = first; port < first + count; ) {
    let size = 1;
    while (port % (size * 2) === 0 && port + size * 2 <= first + count) size *= 2;
    all.push([port, size]);
    port += size;
  }
  return all;
}

const suffix = (address: Address): string => (typeof address === 'bigint' ? '6' : '');

/** Both directions of all mappings, and the markers of addresses that have ports. */
export function entriesOf(mappings: readonly Mapping[]): Entry[] {
  const all = (['outbound', 'inbound'] as const).flatMap((direction) => [
    ...mappings.flatMap((mapping, index) => entriesOfOne(mapping, index, direction)),
    ...markers(mappings, direction),
  ]);
  return [
    ...new Map(
      all.map((entry) => [`${entry.map} ${Buffer.from(entry.key).toString('hex')}`, entry]),
    ).values(),
  ];
}

function entriesOfOne(mapping: Mapping, index: number, direction: Direction): Entry[] {
  const out = direction === 'outbound';
  const [near, far] = out ? [mapping.inside, mapping.outside] : [mapping.outside, mapping.inside];
  const entry = (map: string, key: Bytes, value: Bytes): Entry => ({
    map,
    key,
    value,
    direction,
    mapping: index,
  });
  const [hash, net] = [`${direction}${suffix(near)}`, `${direction}_net${suffix(near)}`];
  if (mapping.kind === 'address') {
    const reserved = zeros(typeof far === 'number' ? 4 : 0);
    return [entry(hash, addressBytes(near), join(addressBytes(far), reserved, zeros(16)))];
  }
  const width = widthOf(near);
  if (mapping.kind === 'prefix') {
    const { length } = mapping;
    const neutral = mapping.neutral
      ? { flags: length <= 48 ? NEUTRAL.subnet : NEUTRAL.identifier, adjustment: adjustment(near, far) }
      : {};
    const value = netValue({ address: far, mask: netMask(near, length), kind: KINDS.prefix, ...neutral });
    return [entry(net, netKey(near, length), value)];
  }
  const [nearPort, farPort] = out
    ? [mapping.insidePort, mapping.outsidePort]
    : [mapping.outsidePort, mapping.insidePort];
  const common = {
    address: far,
    mask: netMask(near, width),
    shift: (farPort - nearPort + 0x10000) % 0x10000,
  };
  if (mapping.kind === 'port') {
    const value = netValue({ ...common, kind: KINDS.port, ports: [nearPort, nearPort] });
    return [entry(net, netKey(near, width + 24, nearPort, mapping.protocol), value)];
  }
  const value = netValue({
    ...common,
    kind: KINDS.port_block,
    ports: [nearPort, nearPort + mapping.ports - 1],
  });
  return parts(nearPort, mapping.ports).map(([port, size]) =>
    entry(net, netKey(near, width + 16 - Math.log2(size), port), value),
  );
}

/** What brings the sum of the far address to that of the near one (RFC 6296, section 3.1). */
const adjustment = (near: Address, far: Address): number =>
  (onesSum(addressBytes(near)) + 0xffff - onesSum(addressBytes(far))) % 0xffff;

function markers(mappings: readonly Mapping[], direction: Direction): Entry[] {
  return mappings
    .filter(({ kind }) => kind === 'port' || kind === 'port_block')
    .map((mapping) => (direction === 'outbound' ? mapping.inside : mapping.outside))
    .map((address) => {
      const none: Address = typeof address === 'number' ? 0 : 0n;
      return {
        ...{ map: `${direction}_net${suffix(address)}`, direction },
        key: netKey(address, widthOf(address) + 24),
        value: netValue({ address: none, mask: none, kind: KINDS.ports }),
      };
    });
}

export function destinationEntries(
  destinations: readonly Destination[],
): { map: string; key: Bytes; value: Bytes }[] {
  return destinations.map(({ network, length, translate }) => ({
    map: `destinations${suffix(network)}`,
    key: join(u32(length), addressBytes(network)),
    value: u32(translate ? 1 : 0),
  }));
}

const MOST_SUBNETS = 16;
const MOST_SUBNETS6 = 8;

/** The one value of the map `interface`, 432 bytes. */
export function interfaceValue(station: Station | undefined, mappings: readonly Mapping[]): Bytes {
  const { mac = zeros(6), subnets = [], subnets6 = [] } = station ?? {};
  const four = Array.from({ length: MOST_SUBNETS }, (_, i) => subnets[i]).map((one) =>
    join(be32(one?.network ?? 0), be32(one?.mask ?? 0)),
  );
  const six = Array.from({ length: MOST_SUBNETS6 }, (_, i) => subnets6[i]).map((one) =>
    join(addressBytes(one?.network ?? 0n), addressBytes(one ? netMask(0n, one.length) : 0n)),
  );
  return join(mac, zeros(2), ...four, outsides(mappings, 32), ...six, outsides(mappings, 128));
}

function outsides(mappings: readonly Mapping[], width: 32 | 128): Bytes {
  const size = width / 8;
  const subnet = outsidesOf(mappings, width);
  if (subnet === undefined)
    return join(
      bytes(size, () => 0xff),
      zeros(size),
    );
  return join(addressBytes(subnet.network), addressBytes(netMask(subnet.network, subnet.length)));
}

/** The smallest subnet with all outside addresses of a family. */
export function outsidesOf(
  mappings: readonly Mapping[],
  width: 32 | 128,
): { readonly network: Address; readonly length: number } | undefined {
  const ends = mappings
    .filter(({ outside }) => widthOf(outside) === width)
    .flatMap((mapping) => {
      const first = BigInt(mapping.outside);
      const host = mapping.kind === 'prefix' ? (1n << BigInt(width - mapping.length)) - 1n : 0n;
      return [first, first | host];
    });
  if (ends.length === 0) return undefined;
  let length = width as number;
  while (ends.some((one) => one >> BigInt(width - length) !== ends[0]! >> BigInt(width - length))) length--;
  const host = BigInt(width - length);
  const network = (ends[0]! >> host) << host;
  return { network: width === 32 ? Number(network) : network, length };
}
