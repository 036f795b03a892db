// Which mapping a packet's address belongs to, and what it becomes: port, then port block, then address, then the longest
// prefix. Says it the slow way, by trying each mapping.

import { type Address, type Bytes, ICMP, read16, TCP, UDP, UDP_LITE } from '../wire.ts';
import { type Header, ICMPV6 } from './header.ts';
import { type Mapping, widthOf, within } from './mappings.ts';
import { npt } from './npt.ts';
import type { Direction } from './world.ts';

/** What a packet has besides its address: a port of a protocol, nothing, or nothing that is in this fragment. */
export type Key = { readonly port: number; readonly protocol: number } | 'none' | 'elsewhere';

export interface Found {
  readonly mapping: number;
  readonly address: Address;
  readonly port?: number;
  /** The sum of the address is what it was (RFC 6296). */
  readonly neutral?: boolean;
}

/** The mapping cannot be told, or cannot be made. */
export type Miss = 'fragment' | 'unmappable' | undefined;

const QUERIES: { readonly [family: number]: readonly number[] } = {
  4: [0, 8, 13, 14, 15, 16, 17, 18],
  6: [128, 129],
};

/** Where a query's identifier lies, from the start of the message on. */
export const IDENTIFIER = 4;

export const isQuery = ({ family, protocol }: Header, type: number): boolean =>
  protocol === (family === 4 ? ICMP : ICMPV6) && QUERIES[family]!.includes(type);

/** Where the port lies that belongs to the source or the destination; undefined where there is none to be read. */
export function portAt(frame: Bytes, header: Header, end: 'source' | 'destination'): number | undefined {
  const { transportAt: at, end: last, protocol, later, cut } = header;
  if (later || cut) return undefined;
  if (PORTED.includes(protocol)) {
    // A quote that ends between them has none.
    if (at + 4 > last) return undefined;
    return end === 'source' ? at : at + 2;
  }
  return at + 8 <= last && isQuery(header, frame[at]!) ? at + IDENTIFIER : undefined;
}

const PORTED: readonly number[] = [TCP, UDP, UDP_LITE];

export function keyOf(frame: Bytes, header: Header, end: 'source' | 'destination'): Key {
  const { family, protocol, transportAt, end: last, later, cut } = header;
  if (later || cut) return 'elsewhere';
  const at = portAt(frame, header, end);
  if (at !== undefined) return { port: read16(frame, at), protocol };
  // A quote that ends before the port, or before it says whether it has an identifier.
  const isCut = transportAt + 8 > last && protocol === (family === 4 ? ICMP : ICMPV6);
  return isCut || PORTED.includes(protocol) ? 'elsewhere' : 'none';
}

export function find(
  mappings: readonly Mapping[],
  direction: Direction,
  address: Address,
  key: Key,
): Found | Miss {
  const [near, far] =
    direction === 'outbound' ? (['inside', 'outside'] as const) : (['outside', 'inside'] as const);
  const ports =
    direction === 'outbound'
      ? (['insidePort', 'outsidePort'] as const)
      : (['outsidePort', 'insidePort'] as const);
  const numbered = mappings.map((mapping, index) => ({ mapping, index }));

  if (key === 'elsewhere') {
    const marked = mappings.some((one) => 'insidePort' in one && one[near] === address);
    if (marked) return 'fragment';
  } else if (key !== 'none') {
    for (const kind of ['port', 'port_block'] as const) {
      for (const { mapping, index } of numbered) {
        if (mapping.kind !== kind || mapping[near] !== address) continue;
        const offset = key.port - mapping[ports[0]];
        const fits =
          mapping.kind === 'port'
            ? offset === 0 && key.protocol === mapping.protocol
            : offset >= 0 && offset < mapping.ports;
        if (fits) return { mapping: index, address: mapping[far], port: mapping[ports[1]] + offset };
      }
    }
  }
  const own = numbered.find(({ mapping }) => mapping.kind === 'address' && mapping[near] === address);
  if (own) return { mapping: own.index, address: own.mapping[far] };
  const prefixes = numbered
    .filter(({ mapping }) => mapping.kind === 'prefix' && within(address, mapping[near], mapping.length))
    .sort((a, b) => lengthOf(b.mapping) - lengthOf(a.mapping));
  const longest = prefixes[0];
  if (longest === undefined) return undefined;
  const moved = movePrefix(longest.mapping, address, direction);
  if (moved === undefined) return 'unmappable';
  const neutral = longest.mapping.kind === 'prefix' && longest.mapping.neutral;
  return { mapping: longest.index, address: moved, neutral };
}

const lengthOf = (mapping: Mapping): number => (mapping.kind === 'prefix' ? mapping.length : -1);

function movePrefix(mapping: Mapping, address: Address, direction: Direction): Address | undefined {
  if (mapping.kind !== 'prefix') throw new Error('no prefix');
  const [from, to] =
    direction === 'outbound' ? [mapping.inside, mapping.outside] : [mapping.outside, mapping.inside];
  if (mapping.neutral) return npt(address as bigint, from as bigint, to as bigint, mapping.length);
  const host = (1n << BigInt(widthOf(address) - mapping.length)) - 1n;
  const moved = BigInt(to) | (BigInt(address) & host);
  return typeof address === 'number' ? Number(moved) : moved;
}

/** Whether anything maps to or from this outside address, whatever its ports: for whoever asks by address alone. */
export const isOutside = (mappings: readonly Mapping[], address: Address): boolean =>
  mappings.some((mapping) =>
    mapping.kind === 'prefix'
      ? within(address, mapping.outside, mapping.length)
      : mapping.outside === address,
  );
