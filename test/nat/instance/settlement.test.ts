import test from 'ava';
import { LITTLE_ENDIAN, type MapDefinition } from '../../../src/asm/index.ts';
import { BpfMap } from '../../../src/loader/index.ts';
import { type Entries, TABLES, type TableFormat, type TableName } from '../../../src/nat/entries.ts';
import { encodeMappings } from '../../../src/nat/entries-encode.ts';
import { settle } from '../../../src/nat/instance/settlement.ts';
import { instanceMaps } from '../../../src/nat/maps.ts';
import { mapped } from './support/site.ts';

// Long keys and the shorter ones that hold them: each has to find its own twin.
const ENTRIES = encodeMappings(
  mapped(
    '10.0.0.5=203.0.113.5',
    '10.0.0.0/24=203.0.113.0/24',
    '10.0.0.0/16=203.0.0.0/16',
    '10.0.0.6:8080/tcp=203.0.113.9:80/tcp',
    '10.0.0.6:8000-8100=203.0.113.9:8000-8100',
    'fd00::5=2001:db8::5',
    'fd00::/64=2001:db8::/64',
    'fd00::/48=2001:db8::/48,neutral',
    '[fd00::6]:53/udp=[2001:db8::9]:53/udp',
    '[fd00::6]:0-99=[2001:db8::9]:0-99',
  ),
);

type Maps = { [N in TableName]: BpfMap };

function tables(counts: (position: number) => bigint): Maps & Disposable {
  const maps = {} as Maps;
  for (const { name, valueSize, identitySize } of TABLES) {
    const map = BpfMap.create(instanceMaps(64)[name] as unknown as MapDefinition);
    const { count, keys, values } = ENTRIES[name];
    const counted = values.slice();
    const view = new DataView(counted.buffer);
    for (let i = 0; i < count; i++) {
      view.setBigUint64(i * valueSize + identitySize, counts(i), LITTLE_ENDIAN);
      view.setBigUint64(i * valueSize + identitySize + 8, counts(i) * 100n, LITTLE_ENDIAN);
    }
    map.raw.setBatch({ count, keys, values: counted });
    maps[name] = map;
  }
  return Object.assign(maps, {
    [Symbol.dispose]: () => {
      for (const { name } of TABLES) maps[name].close();
    },
  });
}

/** The packets and bytes of each entry, in the order of `ENTRIES`. */
function counters(map: BpfMap, { keys, count }: Entries, format: TableFormat): [bigint, bigint][] {
  const { keySize, identitySize } = format;
  return Array.from({ length: count }, (_, i) => {
    const value = map.raw.get(keys.slice(i * keySize, (i + 1) * keySize))!;
    const view = new DataView(value.buffer, identitySize);
    return [view.getBigUint64(0, LITTLE_ENDIAN), view.getBigUint64(8, LITTLE_ENDIAN)];
  });
}

test('what was counted in the stand-in goes over to the same entries, once', (t) => {
  using standIn = tables((position) => BigInt(position));
  using own = tables((position) => 1000n * BigInt(position));
  for (const round of ['first', 'second']) {
    settle(standIn, own);
    for (const format of TABLES) {
      const entries = ENTRIES[format.name];
      t.true(entries.count > 0);
      const expected = Array.from({ length: entries.count }, (_, i) => {
        return [1001n * BigInt(i), 100_100n * BigInt(i)];
      });
      t.deepEqual(counters(own[format.name], entries, format), expected as never, `${round}: ${format.name}`);
      t.true(
        counters(standIn[format.name], entries, format)
          .flat()
          .every((count) => count === 0n),
      );
    }
  }
});

test('tables that had no stand-in keep what they have', (t) => {
  using standIn = tables(() => 5n);
  using own = tables(() => 7n);
  settle({ outbound: standIn.outbound }, own);
  for (const format of TABLES) {
    const expected = format.name === 'outbound' ? 12n : 7n;
    const seen = counters(own[format.name], ENTRIES[format.name], format);
    t.true(
      seen.every(([packets]) => packets === expected),
      format.name,
    );
  }
});
