// Golden packets: for some mappings of a list, packets that they translate, and what has to come of them. Slots, which
// have a program and tables of their own, are not among them.

import { type Address, bitsOf, type Family, familyOf, type Side } from '../address.ts';
import type { Mapping, PrefixMapping, TableMapping } from '../mapping.ts';
import { translateNeutral } from '../neutral.ts';
import { type Prefix, prefixHas } from '../prefix.ts';
import { DIRECTIONS, type Direction } from '../reason.ts';
import { type Ends, frameOf, type Transport } from './frame.ts';

export interface GoldenPacket {
  readonly mapping: TableMapping;
  readonly direction: Direction;
  readonly transport: Transport;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  /** The port by which it is looked up. */
  readonly port: number;
}

export interface GoldenOptions {
  readonly link: 'ethernet' | 'none';
  readonly mss?: number;
  /** Whether traffic with this address is translated. */
  readonly isRemote: (address: Address) => boolean;
  /** Where to look for such an address besides those for documentation. */
  readonly included: readonly Prefix[];
}

/** Addresses for documentation (RFC 5737, 3849), and where they are all taken some that are not. */
const REMOTES: readonly Address[] = [
  ...[0xc633_6401, 0xc000_0201, 0xcb00_7101, 0x0808_0808, 0x0101_0101],
  ...[0x2001_0db8_ffff_0000_0000_0000_0000_0001n, 0x2001_4860_4860_0000_0000_0000_0000_8888n],
];
const ANNOUNCED_MSS = 9000;
const PORT = 40_000;
const REMOTE_PORT = 53;
const TRANSPORTS: readonly Transport[] = ['tcp', 'udp', 'echo'];
const SIDES: { readonly [D in Direction]: Side } = { outbound: 'inside', inbound: 'outside' };

/** For the first and the last mapping of each kind and family, as far as there is an address to speak with. */
export function goldenPackets(mappings: readonly Mapping[], options: GoldenOptions): GoldenPacket[] {
  const remotes = { 4: remoteOf(4, mappings, options), 6: remoteOf(6, mappings, options) } as const;
  return samplesOf(mappings).flatMap((mapping) => {
    const remote = remotes[familyOf(mapping.inside)];
    if (remote === undefined) return [];
    return DIRECTIONS.flatMap((direction) =>
      transportsOf(mapping).flatMap((transport) => {
        const packet = goldenPacket(mapping, direction, transport, remote, options);
        const isOurs = packet && !mappings.some((other) => goesBefore(other, mapping, packet));
        return isOurs ? [packet] : [];
      }),
    );
  });
}

/** Somebody whom traffic is translated with, and who is no outside. */
export function remoteOf(
  family: Family,
  mappings: readonly Mapping[],
  { included, isRemote }: Pick<GoldenOptions, 'included' | 'isRemote'>,
): Address | undefined {
  const candidates = [...included.map(({ address }) => address), ...REMOTES];
  return candidates.find(
    (address) =>
      familyOf(address) === family &&
      isRemote(address) &&
      !mappings.some((mapping) => prefixHas(outsideOf(mapping), address)),
  );
}

const outsideOf = (mapping: Mapping): Prefix => ({
  address: mapping.outside,
  length: mapping.kind === 'prefix' ? mapping.length : bitsOf(familyOf(mapping.outside)),
});

function samplesOf(mappings: readonly Mapping[]): TableMapping[] {
  const first = new Map<string, TableMapping>();
  const last = new Map<string, TableMapping>();
  for (const mapping of mappings) {
    if (mapping.kind === 'slot') continue;
    const kind = `${mapping.kind} ${familyOf(mapping.inside)} ${'neutral' in mapping}`;
    if (!first.has(kind)) first.set(kind, mapping);
    last.set(kind, mapping);
  }
  return [...new Set([...first.values(), ...last.values()])];
}

function transportsOf(mapping: TableMapping): readonly Transport[] {
  return mapping.kind === 'port' ? [mapping.protocol] : TRANSPORTS;
}

interface Asked extends GoldenPacket {
  /** The address by which it is looked up. */
  readonly address: Address;
}

function goldenPacket(
  mapping: TableMapping,
  direction: Direction,
  transport: Transport,
  remote: Address,
  { link, mss }: GoldenOptions,
): Asked | undefined {
  const side = SIDES[direction];
  const from = hostOf(mapping, side);
  const to = translated(mapping, side, from.address);
  if (to === undefined) return undefined;
  const port =
    'insidePort' in mapping ? mapping[side === 'inside' ? 'outsidePort' : 'insidePort'] : from.port;
  const announced = mss === undefined ? ANNOUNCED_MSS : Math.min(mss, ANNOUNCED_MSS);
  const frame = (address: Address, own: number, announcedMss: number): Uint8Array =>
    frameOf(transport, endsOf(direction, transport, { address, port: own }, remote), {
      link,
      mss: announcedMss,
    });
  return {
    mapping,
    direction,
    transport,
    before: frame(from.address, from.port, ANNOUNCED_MSS),
    after: frame(to, port, announced),
    ...from,
  };
}

/** An address, and a port, that the mapping has on that side. */
function hostOf(mapping: TableMapping, side: Side): { address: Address; port: number } {
  const address = mapping[side];
  if ('insidePort' in mapping) return { address, port: mapping[`${side}Port`] };
  if (mapping.kind === 'address' || mapping.length === bitsOf(familyOf(address)))
    return { address, port: PORT };
  return { address: typeof address === 'bigint' ? address + 1n : address + 1, port: PORT };
}

function translated(mapping: TableMapping, side: Side, address: Address): Address | undefined {
  const other = mapping[side === 'inside' ? 'outside' : 'inside'];
  if (mapping.kind !== 'prefix') return other;
  if (mapping.neutral === true) return translateNeutral(mapping, side, BigInt(address));
  return moved(mapping, side, address, other);
}

function moved(mapping: PrefixMapping, side: Side, address: Address, other: Address): Address {
  const host = BigInt(address) - BigInt(mapping[side]);
  return typeof other === 'bigint' ? other + host : other + Number(host);
}

/** An identifier belongs to both ends of an echo. */
function endsOf(
  direction: Direction,
  transport: Transport,
  own: { readonly address: Address; readonly port: number },
  remote: Address,
): Ends {
  if (direction === 'outbound') {
    return { source: own.address, destination: remote, sport: own.port, dport: REMOTE_PORT };
  }
  const sport = transport === 'echo' ? own.port : REMOTE_PORT;
  return { source: remote, destination: own.address, sport, dport: own.port };
}

/** Whether another mapping has the packet before `mapping` would: design order port, block, address, longest prefix. */
function goesBefore(
  other: Mapping,
  mapping: Mapping,
  { direction, transport, address, port }: Asked,
): boolean {
  if (other === mapping || rankOf(other) <= rankOf(mapping)) return false;
  const side = SIDES[direction];
  switch (other.kind) {
    case 'prefix':
      return prefixHas({ address: other[side], length: other.length }, address);
    case 'address':
      return other[side] === address;
    case 'port':
      return other[side] === address && other[`${side}Port`] === port && other.protocol === transport;
    case 'port_block': {
      const first = other[`${side}Port`];
      return other[side] === address && first <= port && port < first + other.ports;
    }
    case 'slot':
      return side === 'outside' && other.outside === address;
  }
}

const LONGEST = 128;
function rankOf(mapping: Mapping): number {
  if (mapping.kind === 'prefix') return mapping.length;
  return LONGEST + { address: 1, slot: 1, port_block: 2, port: 3 }[mapping.kind];
}
