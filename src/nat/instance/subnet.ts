// Prefixes as the `interface` map has them, and the smallest ones that hold all outsides.

import type { ValueOf } from '../../asm/index.ts';
import type { BpfMap } from '../../loader/index.ts';
import { type Address, bitsOf, type Family, familyOf } from '../address.ts';
import type { Mapping } from '../mapping.ts';
import type { InstanceMaps, interfaceRecord, subnet, subnet6 } from '../maps.ts';
import { lengthOf, maskOf } from '../mask.ts';
import { networkOf, type Prefix, prefixHas } from '../prefix.ts';

type Subnet = ValueOf<typeof subnet>;
type Subnet6 = ValueOf<typeof subnet6>;
type Outsides = Pick<ValueOf<typeof interfaceRecord>, 'outsides' | 'outsides6'>;

type InterfaceMap = BpfMap<InstanceMaps['interface']['key'], InstanceMaps['interface']['value']>;

const WORDS = 4;
const WORD_BITS = 32n;
const NOTHING = 0;
const ALL_ONES = 0xffff_ffff;

const wordsOf = (address: bigint): number[] =>
  Array.from({ length: WORDS }, (_, i) =>
    Number(BigInt.asUintN(32, address >> (WORD_BITS * BigInt(WORDS - 1 - i)))),
  );
const joined = (words: readonly number[]): bigint =>
  words.reduce((address, word) => (address << WORD_BITS) | BigInt(word), 0n);

/** A place in a list of subnets; unused where there is none for it. */
export function subnetOf(prefix: Prefix | undefined): Subnet {
  if (prefix === undefined) return { network: NOTHING, mask: NOTHING };
  return { network: Number(prefix.address), mask: Number(maskOf(prefix.length, 4)) };
}

export function subnet6Of(prefix: Prefix | undefined): Subnet6 {
  const { address, length } = prefix ?? { address: 0n, length: 0 };
  return { network: wordsOf(BigInt(address)), mask: wordsOf(BigInt(maskOf(length, 6))) };
}

/** Where there are no outsides: nothing matches it. */
const NO_OUTSIDES: Subnet = { network: ALL_ONES, mask: NOTHING };
const NO_OUTSIDES6: Subnet6 = {
  network: Array.from({ length: WORDS }, () => ALL_ONES),
  mask: Array.from({ length: WORDS }, () => NOTHING),
};

/** The smallest subnets that hold the outsides of these mappings, and those of before. */
export function outsidesOf(mappings: Iterable<Mapping>, before: Partial<Outsides> = {}): Outsides {
  const prefixes: { [F in Family]: Prefix | undefined } = {
    4: prefixOf(before.outsides),
    6: prefix6Of(before.outsides6),
  };
  for (const mapping of mappings) {
    const { outside } = mapping;
    const family = familyOf(outside);
    const length = mapping.kind === 'prefix' ? mapping.length : bitsOf(family);
    prefixes[family] = covering(prefixes[family], { address: outside, length });
  }
  return {
    outsides: prefixes[4] === undefined ? NO_OUTSIDES : subnetOf(prefixes[4]),
    outsides6: prefixes[6] === undefined ? NO_OUTSIDES6 : subnet6Of(prefixes[6]),
  };
}

/** Makes the programs know of the outsides of more mappings. What goes beyond them later is harmless. */
export function widenOutsides(map: InterfaceMap, mappings: readonly Mapping[]): void {
  const known = map.get(0);
  if (known === undefined) return;
  const wider = outsidesOf(mappings, known);
  const isKnown = sameSubnet(known.outsides, wider.outsides) && sameSubnet(known.outsides6, wider.outsides6);
  if (!isKnown) map.set(0, { ...known, ...wider });
}

const sameSubnet = (a: Subnet | Subnet6, b: Subnet | Subnet6): boolean =>
  `${a.network}/${a.mask}` === `${b.network}/${b.mask}`;

const isNone = (network: Address, mask: Address): boolean => BigInt(mask) === 0n && BigInt(network) !== 0n;

function prefixOf(subnet: Subnet | undefined): Prefix | undefined {
  if (subnet === undefined || isNone(subnet.network, subnet.mask)) return undefined;
  return { address: subnet.network, length: lengthOf(subnet.mask) };
}

function prefix6Of(subnet: Subnet6 | undefined): Prefix | undefined {
  if (subnet === undefined) return undefined;
  const [address, mask] = [joined(subnet.network), joined(subnet.mask)];
  return isNone(address, mask) ? undefined : { address, length: lengthOf(mask) };
}

/** The longest prefix that holds both. */
function covering(a: Prefix | undefined, b: Prefix): Prefix {
  if (a === undefined) return b;
  // So for nearly all of a long list.
  if (b.length >= a.length && prefixHas(a, b.address)) return a;
  const most = Math.min(a.length, b.length);
  const length = Math.min(most, commonBits(a.address, b.address));
  return { address: networkOf(a.address, length), length };
}

/** How many bits two addresses of one family have in common, from the first on. */
function commonBits(a: Address, b: Address): number {
  if (typeof a === 'number') return Math.clz32(a ^ (b as number));
  const differing = a ^ BigInt(b);
  return bitsOf(6) - (differing === 0n ? 0 : differing.toString(2).length);
}
