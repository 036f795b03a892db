// Whatever is added, deleted and replaced: the tables hold what the mappings are encoded to, and nothing else.

import test from 'ava';
import fc from 'fast-check';
import { endpointOf } from '../../../src/nat/endpoint.ts';
import { type Entries, TABLES, type TableFormat } from '../../../src/nat/entries.ts';
import { encodeMappings } from '../../../src/nat/entries-encode.ts';
import { attach, openInstance } from '../../../src/nat/instance/index.ts';
import { formatMapping, type Mapping } from '../../../src/nat/mapping.ts';
import { MappingError } from '../../../src/nat/mapping-error.ts';
import { mappingLists } from '../support/mappings.ts';
import { site } from './support/site.ts';
import { openTable } from './support/tables.ts';

const STEPS = 12;
const RUNS = Number(process.env.TSNAT_INSTANCE_RUNS ?? 8);

const hex = ({ count, keys, values }: Entries, { keySize, valueSize }: TableFormat): string[] =>
  Array.from({ length: count }, (_, i) => {
    const part = (data: Uint8Array, size: number) =>
      Buffer.from(data.subarray(i * size, (i + 1) * size)).toString('hex');
    return `${part(keys, keySize)} ${part(values, valueSize)}`;
  }).sort();

const step = fc.record({
  what: fc.constantFrom('add' as const, 'add' as const, 'delete' as const, 'replace' as const),
  mappings: mappingLists,
  choice: fc.array(fc.nat(), { minLength: STEPS, maxLength: STEPS }),
});

test('the tables are what the mappings are encoded to', (t) => {
  t.timeout(280_000);
  const { context, netns, root } = site(t);
  attach({ interface: 'out0', netns }, context);
  using instance = openInstance('out0', context);
  const seen = { added: 0, refused: 0, deleted: 0 };
  fc.assert(
    fc.property(fc.array(step, { minLength: STEPS, maxLength: STEPS }), (steps) => {
      instance.replaceMappings([]);
      let current: Mapping[] = [];
      for (const { what, mappings, choice } of steps) {
        if (what === 'replace') {
          instance.replaceMappings(mappings);
          current = mappings;
        } else if (what === 'delete') {
          const gone = new Set(
            choice.slice(0, Math.ceil(current.length / 3)).map((n) => current[n % current.length]),
          );
          instance.deleteMappings([...gone].map((mapping) => endpointOf(mapping!, 'inside')));
          current = current.filter((mapping) => !gone.has(mapping));
          seen.deleted += gone.size;
        } else {
          // One by one, so that what does not go with the others leaves the rest.
          for (const mapping of mappings.slice(0, 6)) {
            try {
              instance.addMappings([mapping]);
              current = [...current, mapping];
              seen.added++;
            } catch (error) {
              if (!(error instanceof MappingError)) throw error;
              seen.refused++;
            }
          }
        }
        const expected = encodeMappings(current);
        for (const format of TABLES) {
          using table = openTable(root, format.name);
          t.deepEqual(hex(table.raw.elements(), format), hex(expected[format.name], format), format.name);
        }
        t.deepEqual(
          instance
            .listMappings()
            .map(({ mapping }) => formatMapping(mapping))
            .sort(),
          current.map(formatMapping).sort(),
        );
      }
      t.deepEqual(instance.status().problems, []);
    }),
    { numRuns: RUNS },
  );
  t.log(`${seen.added} added, ${seen.refused} refused, ${seen.deleted} deleted`);
  t.true(seen.added > 0 && seen.refused > 0 && seen.deleted > 0);
});
