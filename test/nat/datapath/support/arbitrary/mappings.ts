// Random mappings of all kinds that live together: nested, sharing addresses, each with its own ports.

import fc, { type Arbitrary } from 'fast-check';
import { type Mapping, widthOf, within } from '../reference/mappings.ts';
import { type Address, TCP, UDP } from '../wire.ts';
import { type Family, word } from './packets.ts';

export const address4: Arbitrary<number> = fc.tuple(word, word).map(([high, low]) => high * 0x10000 + low);
export const address6: Arbitrary<bigint> = fc
  .array(word, { minLength: 8, maxLength: 8 })
  .map((words) => words.reduce((sum, one) => (sum << 16n) | BigInt(one), 0n));
export const address = (family: Family): Arbitrary<Address> => (family === 4 ? address4 : address6);

export const port: Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, 1, 80, 1023, 1024, 0xffff),
  fc.nat(0xffff),
);

const LENGTHS: { readonly [F in Family]: readonly number[] } = {
  4: [1, 8, 12, 16, 20, 24, 31, 32],
  6: [16, 32, 44, 48, 49, 52, 56, 60, 64],
};

/** Addresses of few, so that mappings meet. */
const shared = (family: Family, pool: readonly Address[]): Arbitrary<Address> =>
  fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...pool) }, { weight: 1, arbitrary: address(family) });

export type Kind = Mapping['kind'] | 'neutral';
export const KINDS: readonly Kind[] = ['address', 'prefix', 'neutral', 'port', 'port_block'];

function one(
  family: Family,
  insides: readonly Address[],
  outsides: readonly Address[],
  kinds: readonly Kind[],
): Arbitrary<Mapping> {
  const ends = fc.record({ inside: shared(family, insides), outside: shared(family, outsides) });
  const plain = ends.map((both): Mapping => ({ kind: 'address', ...both }));
  const prefix = (neutral: boolean): Arbitrary<Mapping> =>
    fc.tuple(ends, fc.constantFrom(...LENGTHS[family])).map(
      ([{ inside, outside }, length]): Mapping => ({
        ...{ kind: 'prefix', length, neutral },
        inside: network(inside, length),
        outside: network(outside, length),
      }),
    );
  const ports = fc.tuple(ends, port, port, fc.constantFrom(TCP, UDP)).map(
    ([both, insidePort, outsidePort, protocol]): Mapping => ({
      ...{ kind: 'port', protocol, insidePort, outsidePort },
      ...both,
    }),
  );
  const block = fc.tuple(ends, port, port, fc.oneof(fc.constantFrom(1, 2, 256, 1024), fc.nat(5_000))).map(
    ([both, insidePort, outsidePort, count]): Mapping => ({
      ...{ kind: 'port_block', insidePort, outsidePort },
      ...both,
      ports: Math.max(1, Math.min(count, 0x10000 - insidePort, 0x10000 - outsidePort)),
    }),
  );
  const all: { readonly [K in Kind]: Arbitrary<Mapping> } = {
    address: plain,
    prefix: prefix(false),
    neutral: prefix(family === 6),
    port: ports,
    port_block: block,
  };
  return fc.oneof(...kinds.map((kind) => all[kind]));
}

export function network<A extends Address>(address: A, length: number): A {
  const host = BigInt(widthOf(address) - length);
  const value = (BigInt(address) >> host) << host;
  return (typeof address === 'number' ? Number(value) : value) as A;
}

/** Mappings of one family that do not stand in each other's way. */
export const mappings = (
  family: Family,
  most: number = 5,
  kinds: readonly Kind[] = KINDS,
): Arbitrary<readonly Mapping[]> =>
  fc
    .tuple(
      fc.array(address(family), { minLength: 2, maxLength: 3 }),
      fc.array(address(family), { minLength: 2, maxLength: 3 }),
    )
    .chain(([insides, outsides]) =>
      fc.array(one(family, insides, outsides, kinds), { minLength: 1, maxLength: most }),
    )
    .map((all) => all.filter((mapping, i) => !all.slice(0, i).some((other) => clash(mapping, other))));

/** Whether two mappings claim the same: the table would hold one of them only. */
function clash(a: Mapping, b: Mapping): boolean {
  if (a.kind !== b.kind) return false;
  return (['inside', 'outside'] as const).some((side) => {
    if (a.kind === 'prefix' && b.kind === 'prefix') {
      // Of prefixes one may lie in another.
      return a.length === b.length && within(a[side], b[side], a.length);
    }
    if (a[side] !== b[side]) return false;
    const ports = `${side}Port` as const;
    if (a.kind === 'port' && b.kind === 'port') return a[ports] === b[ports] && a.protocol === b.protocol;
    if (a.kind === 'port_block' && b.kind === 'port_block') {
      return a[ports] < b[ports] + b.ports && b[ports] < a[ports] + a.ports;
    }
    return true;
  });
}
