// Which kinds of mappings an instance has, and so what its programs must be able to do: what is not used is not in
// their bytecode.

import { familyOf } from './address.ts';
import type { Mapping } from './mapping.ts';

/** One bit each, as an instance keeps them. New ones go at the end. */
export const USES = [
  'addresses',
  'prefixes',
  'ports',
  'addresses6',
  'prefixes6',
  'ports6',
  /** IPv6 prefixes that are checksum-neutral. */
  'neutral6',
  /** Destinations that are not translated for, or the only ones that are. */
  'destinations',
  'destinations6',
  /** Insides at their interfaces. */
  'slots',
  'slots6',
  /** Slots that may reach only some destinations. */
  'slot_lists',
  'slot_lists6',
  /** Tunnels over IPv4 and over IPv6 whose VNI is decided late. */
  'tunnels',
  'tunnels6',
  /** Tunnels whose inner addresses are translated, or tell them apart. */
  'tunnel_inner',
] as const;
export type Use = (typeof USES)[number];
export type Uses = ReadonlySet<Use>;

/** What these mappings need. IPv4 addresses are always there. */
export function usesOf(mappings: Iterable<Mapping>): Set<Use> {
  const uses = new Set<Use>(['addresses']);
  for (const mapping of mappings) for (const use of usesOfOne(mapping)) uses.add(use);
  return uses;
}

function usesOfOne(mapping: Mapping): readonly Use[] {
  const six = familyOf(mapping.inside) === 6;
  switch (mapping.kind) {
    case 'address':
      return six ? ['addresses6'] : ['addresses'];
    case 'prefix':
      if (!six) return ['prefixes'];
      return mapping.neutral === true ? ['prefixes6', 'neutral6'] : ['prefixes6'];
    case 'port':
    case 'port_block':
      return six ? ['ports6'] : ['ports'];
    case 'slot':
      return six ? ['slots6'] : ['slots'];
  }
}

const IPV6_USES: readonly Use[] = ['addresses6', 'prefixes6', 'ports6', 'slots6', 'tunnels6'];

/** Whether there is anything of IPv6. */
export const hasIpv6 = (uses: Uses): boolean => IPV6_USES.some((use) => uses.has(use));
