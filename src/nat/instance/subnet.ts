// Prefixes as the `interface` map has them, and the smallest ones that hold all outsides.

import type { ValueOf } from '../../asm/data.ts';
import type { BpfMap } from '../../loader/index.ts';
import { type Address, bitsOf, type Family, familyOf } from '../address.ts';
import { getAddress, viewOf } from '../entries.ts';
import type { Mapping } from '../mapping.ts';
import { type InstanceMaps, interfaceRecord, type subnet, type subnet6 } from '../maps.ts';
import { lengthOf, maskOf } from '../mask.ts';
import { networkOf, type Prefix, prefixHas } from '../prefix.ts';

type Subnet = ValueOf<typeof subnet>;
type Subnet6 = ValueOf<typeof subnet6>;
type InterfaceMap = BpfMap<InstanceMaps['interface']['key'], InstanceMaps['interface']['value']>;

const WORDS = 4;
const WORD_BITS = 32n;
const INTERFACE_KEY: Uint8Array = new Uint8Array(4);

const wordsOf = (address: bigint): number[] =>
  Array.from({ length: WORDS }, (_, i) =>
    Number(BigInt.asUintN(32, address >> (WORD_BITS * BigInt(WORDS - 1 - i)))),
  );

/** A place in a list of subnets; unused where there is none for it. */
export function subnetOf({ address, length }: Prefix = { address: 0, length: 0 }): Subnet {
  return { network: Number(address), mask: Number(maskOf(length, 4)) };
}

export function subnet6Of({ address, length }: Prefix = { address: 0n, length: 0 }): Subnet6 {
  return { network: wordsOf(BigInt(address)), mask: wordsOf(BigInt(maskOf(length, 6))) };
}

/** A prefix that holds all outsides of a family, as long as possible; undefined where there are none. */
export type Outsides = { readonly [F in Family]: Prefix | undefined };

const NONE: Outsides = { 4: undefined, 6: undefined };
/** What nothing matches. */
const NOWHERE: Prefix = { address: 0xffff_ffff, length: 0 };
const NOWHERE6: Prefix = { address: (1n << 128n) - 1n, length: 0 };

/** Those of these mappings, and the ones of before. */
export function outsidesOf(mappings: Iterable<Mapping>, before: Outsides = NONE): Outsides {
  const outsides: { [F in Family]: Prefix | undefined } = { ...before };
  for (const mapping of mappings) {
    const { outside } = mapping;
    const family = familyOf(outside);
    const length = mapping.kind === 'prefix' ? mapping.length : bitsOf(family);
    outsides[family] = covering(outsides[family], { address: outside, length });
  }
  return outsides;
}

/** As the record has them. */
export const outsideFields = (
  outsides: Outsides,
): Pick<ValueOf<typeof interfaceRecord>, 'outsides' | 'outsides6'> => ({
  outsides: subnetOf(outsides[4] ?? NOWHERE),
  outsides6: subnet6Of(outsides[6] ?? NOWHERE6),
});

/** What the programs know. */
export function knownOutsides(map: InterfaceMap): Outsides {
  const data = map.raw.get(INTERFACE_KEY);
  if (data === undefined) return NONE;
  const view = viewOf(data);
  const { outsides, outsides6 } = interfaceRecord.offsets;
  return { 4: readSubnet(view, outsides, 4), 6: readSubnet(view, outsides6, 6) };
}

/** Makes the programs know of the outsides of more mappings. What goes beyond them later is harmless. */
export function widenOutsides(map: InterfaceMap, mappings: readonly Mapping[]): void {
  if (areKnown(map, mappings)) return;
  const known = knownOutsides(map);
  const wider = outsidesOf(mappings, known);
  const record = known[4] === wider[4] && known[6] === wider[6] ? undefined : map.get(0);
  if (record !== undefined) map.set(0, { ...record, ...outsideFields(wider) });
}

/** Whether the programs know all of them: what is nearly always so, told by a look-up and nothing made of it. */
function areKnown(map: InterfaceMap, mappings: readonly Mapping[]): boolean {
  const { calls } = map.raw;
  calls.putKey(INTERFACE_KEY);
  if (!calls.lookup()) return false;
  const { view, valueAt } = calls;
  const { outsides, outsides6 } = interfaceRecord.offsets;
  const [network, mask] = [view.getUint32(valueAt + outsides), view.getUint32(valueAt + outsides + 4)];
  return mappings.every(({ kind, outside }) => {
    if (kind === 'prefix') return false;
    if (typeof outside === 'number') return (outside & mask) >>> 0 === network;
    const at = valueAt + outsides6;
    return (outside & (getAddress(view, at + bitsOf(6) / 8, 6) as bigint)) === getAddress(view, at, 6);
  });
}

/** A network and a mask; undefined where that is nowhere. */
function readSubnet(view: DataView, at: number, family: Family): Prefix | undefined {
  const address = getAddress(view, at, family);
  const length = lengthOf(getAddress(view, at + bitsOf(family) / 8, family));
  return length === 0 && BigInt(address) !== 0n ? undefined : { address, length };
}

/** The longest prefix that holds both; the first one itself where it does. */
function covering(a: Prefix | undefined, b: Prefix): Prefix {
  if (a === undefined) return b;
  if (b.length >= a.length && prefixHas(a, b.address)) return a;
  const length = Math.min(a.length, b.length, commonBits(a.address, b.address));
  return { address: networkOf(a.address, length), length };
}

/** How many bits two addresses of one family have in common, from the first on. */
function commonBits(a: Address, b: Address): number {
  if (typeof a === 'number') return Math.clz32(a ^ Number(b));
  const differing = a ^ BigInt(b);
  return bitsOf(6) - (differing === 0n ? 0 : differing.toString(2).length);
}
