// Two encoders, written apart from the same page: what the product makes of mappings and lists as text is, byte for byte,
// what these tests fill their maps with.

import test from 'ava';
import fc from 'fast-check';
import { encodeDestinations } from '../../../src/nat/destinations.ts';
import type { Entries } from '../../../src/nat/entries.ts';
import { encodeMappings } from '../../../src/nat/entries-encode.ts';
import { parseMapping } from '../../../src/nat/mapping.ts';
import { parsePrefix } from '../../../src/nat/prefix.ts';
import { address, mappings, network } from './support/arbitrary/mappings.ts';
import { destinationEntries, entriesOf } from './support/entries.ts';
import { addressText, mappingText } from './support/reference/mappings.ts';
import { hex } from './support/rig.ts';

const numRuns = Number(process.env.TSNAT_DATAPATH_PACKETS ?? 2_000);

/** Where the adjustment of a neutral prefix stands in a `net6_record`. */
const ADJUSTMENT = 40;

/** A line for each; all ones, which in one's complement is zero too, is written as zero. */
function line(map: string, key: Uint8Array, value: Uint8Array): string {
  const one = Uint8Array.from(value);
  if (map.endsWith('_net6') && one[ADJUSTMENT] === 0xff && one[ADJUSTMENT + 1] === 0xff) {
    one.fill(0, ADJUSTMENT, ADJUSTMENT + 2);
  }
  return `${map} ${hex(key)} ${hex(one)}`;
}

const listed = (
  entries: readonly { readonly map: string; readonly key: Uint8Array; readonly value: Uint8Array }[],
): string[] => entries.map(({ map, key, value }) => line(map, key, value)).sort();

const taken = (tables: { readonly [map: string]: Entries }): string[] =>
  Object.entries(tables)
    .flatMap(([map, { count, keys, values }]) => {
      const part = (all: Uint8Array, i: number): Uint8Array =>
        all.subarray((i * all.length) / count, ((i + 1) * all.length) / count);
      return Array.from({ length: count }, (_, i) => line(map, part(keys, i), part(values, i)));
    })
    .sort();

test('mappings', (t) => {
  fc.assert(
    fc.property(fc.oneof(mappings(4), mappings(6)), (all) => {
      const some = all.filter((one) => {
        // Nobody maps port 0 by itself, and a prefix of one address is an address.
        if (one.kind === 'port') return one.insidePort > 0 && one.outsidePort > 0;
        return one.kind !== 'prefix' || one.length < 32 || typeof one.inside === 'bigint';
      });
      const ours = listed(entriesOf(some));
      // Marks of addresses with several port mappings come once for each: they are all alike.
      const theirs = [...new Set(taken(encodeMappings(some.map((one) => parseMapping(mappingText(one))))))];
      if (ours.join('\n') !== theirs.join('\n')) {
        throw new Error(`${some.map(mappingText).join(' ')}\n${ours.join('\n')}\nand\n${theirs.join('\n')}`);
      }
    }),
    { numRuns, includeErrorInReport: true },
  );
  t.pass();
});

test('destinations', (t) => {
  const prefix = fc
    .constantFrom(4 as const, 6 as const)
    .chain((family) => fc.tuple(address(family), fc.nat(family === 4 ? 32 : 128)))
    .map(([base, length]) => ({ network: network(base, length), length }));
  fc.assert(
    fc.property(fc.uniqueArray(prefix, { selector: ({ length }) => length }), (all) => {
      const list = all.map((one, i) => ({ ...one, translate: i % 2 === 0 && one.length > 0 }));
      const parsed = (translate: boolean) =>
        list
          .filter((one) => one.translate === translate)
          .map((one) => parsePrefix(`${addressText(one.network)}/${one.length}`));
      const theirs = taken({ ...encodeDestinations({ include: parsed(true), exclude: parsed(false) }) });
      // What is included is included alone, in both families.
      const rest = [0, 0n].map((network) => ({ network, length: 0, translate: false }));
      const isIncluded = list.some(({ translate }) => translate);
      const whole = isIncluded ? [...rest, ...list.filter(({ length }) => length > 0)] : list;
      const ours = listed(destinationEntries(whole));
      if (ours.join('\n') !== theirs.join('\n'))
        throw new Error(`${ours.join('\n')}\nand\n${theirs.join('\n')}`);
    }),
    { numRuns, includeErrorInReport: true },
  );
  t.pass();
});
