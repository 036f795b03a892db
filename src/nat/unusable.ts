// Addresses that no packet of a mapping can carry, and prefixes that hold such.

import { type Address, bitsOf, familyOf, SIDES, type Side } from './address.ts';
import { formatPrefix, type Prefix, parsePrefix, prefixesOverlap } from './prefix.ts';

interface Block {
  readonly prefix: Prefix;
  readonly sides: readonly Side[];
  /** As in "224.0.0.0/4, which is multicast". */
  readonly is: string;
}

const block = (prefix: string, is: string, sides: readonly Side[] = SIDES): Block => ({
  prefix: parsePrefix(prefix),
  sides,
  is,
});

/**
 * RFC 6890. 240.0.0.0/4 is not among them: Linux routes it and some networks use it. IPv4's loopback may be an inside:
 * Linux allows that with `route_localnet`, which IPv6 has no counterpart of.
 */
const IPV4: readonly Block[] = [
  block('255.255.255.255', 'the broadcast address'),
  block('0.0.0.0/8', "'this network'"),
  block('224.0.0.0/4', 'multicast'),
  block('127.0.0.0/8', 'loopback', ['outside']),
];
const IPV6: readonly Block[] = [
  block('::', 'the unspecified address'),
  block('::1', 'loopback'),
  block('::ffff:0:0/96', 'IPv4 as IPv6 programs see it, never on the wire'),
  block('fe80::/10', 'link-local: it is never routed'),
  block('ff00::/8', 'multicast'),
];

/** Why `prefix` cannot stand on this side of a mapping; undefined where it can. */
export function unusable(prefix: Prefix, side: Side): string | undefined {
  const blocks = familyOf(prefix.address) === 6 ? IPV6 : IPV4;
  const found = blocks.find((each) => each.sides.includes(side) && prefixesOverlap(each.prefix, prefix));
  if (found === undefined) return undefined;
  const relation = found.prefix.length <= prefix.length ? 'is in' : 'overlaps';
  return `${relation} ${formatPrefix(found.prefix)}, which is ${found.is}`;
}

/** Where the blocks are, by the first bits: everything else is usable. */
const IPV4_TOP = { shift: 24, zero: 0, loopback: 127, multicast: 224 };
const IPV6_TOP = { shift: 112n, zero: 0n, linkLocal: 0xfe80n };

function isPlain(address: Address): boolean {
  if (typeof address === 'bigint') {
    const top = address >> IPV6_TOP.shift;
    return top !== IPV6_TOP.zero && top < IPV6_TOP.linkLocal;
  }
  const top = address >>> IPV4_TOP.shift;
  return top !== IPV4_TOP.zero && top !== IPV4_TOP.loopback && top < IPV4_TOP.multicast;
}

/** The same for a single address, and for millions. */
export function unusableAddress(address: Address, side: Side): string | undefined {
  return isPlain(address) ? undefined : unusable({ address, length: bitsOf(familyOf(address)) }, side);
}
