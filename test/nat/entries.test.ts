import test from 'ava';
import fc from 'fast-check';
import { decode, encode, type StructType } from '../../src/asm/index.ts';
import { TABLES, type TableEntries, type TableName } from '../../src/nat/entries.ts';
import { decodeEntries, isExact, isMark, viewsOf } from '../../src/nat/entries-decode.ts';
import { encodeMappings } from '../../src/nat/entries-encode.ts';
import { formatMapping, parseMapping } from '../../src/nat/mapping.ts';
import { instanceMaps, NEUTRAL } from '../../src/nat/maps.ts';
import { mappingLists } from './support/mappings.ts';

const entriesOf = (...texts: string[]): TableEntries =>
  encodeMappings(texts.map((text) => parseMapping(text)));

/** The entries of a table by the layouts of its map. */
function read(entries: TableEntries, name: TableName): [unknown, unknown][] {
  const { key, value } = instanceMaps()[name] as unknown as { key: StructType; value: StructType };
  const { count, keys, values } = entries[name];
  return Array.from({ length: count }, (_, i) => [
    decode(key, keys.subarray(i * key.size, (i + 1) * key.size)),
    decode(value, values.subarray(i * value.size, (i + 1) * value.size)),
  ]);
}

const sorted = (texts: readonly string[]): string[] => [...texts].sort();

test('what is encoded is decoded, with the counters of all its entries', (t) => {
  fc.assert(
    fc.property(mappingLists, (mappings) => {
      const entries = encodeMappings(mappings);
      const expected = { outbound: 0n, inbound: 0n };
      for (const format of TABLES) {
        const { count, values } = entries[format.name];
        for (let i = 0; i < count; i++) {
          if (isMark(viewsOf(entries[format.name]), i, format)) continue;
          const view = new DataView(values.buffer, i * format.valueSize + format.identitySize);
          view.setBigUint64(0, BigInt(i + 1), true);
          expected[format.direction] += BigInt(i + 1);
        }
      }
      const { states, torn } = decodeEntries(entries);
      t.is(torn, 0);
      t.deepEqual(
        sorted(states.map(({ mapping }) => formatMapping(mapping))),
        sorted(mappings.map(formatMapping)),
      );
      for (const direction of ['outbound', 'inbound'] as const) {
        t.is(
          states.reduce((sum, state) => sum + state[direction].packets, 0n),
          expected[direction],
        );
      }
    }),
    { numRuns: 300 },
  );
});

test('an entry that is missing tears its mapping, which is told', (t) => {
  fc.assert(
    fc.property(mappingLists, fc.nat(), (mappings, choice) => {
      const entries = encodeMappings(mappings);
      const places = TABLES.flatMap((format) =>
        Array.from({ length: entries[format.name].count }, (_, i) => ({ format, i })),
      );
      const place = places[choice % Math.max(1, places.length)];
      if (place === undefined) return;
      const { name, keySize, valueSize } = place.format;
      const cut = (data: Uint8Array, size: number): Uint8Array => {
        const rest = new Uint8Array(data.length - size);
        rest.set(data.subarray(0, place.i * size));
        rest.set(data.subarray((place.i + 1) * size), place.i * size);
        return rest;
      };
      const { count, keys, values } = entries[name];
      const less = { count: count - 1, keys: cut(keys, keySize), values: cut(values, valueSize) };
      t.true(decodeEntries({ ...entries, [name]: less }).torn > 0);
    }),
    { numRuns: 300 },
  );
});

test('an address, in both directions and families', (t) => {
  const entries = entriesOf('10.0.0.5=203.0.113.5', 'fd00::5=2001:db8::5');
  t.deepEqual(
    TABLES.filter(({ name }) => entries[name].count > 0).map(({ name }) => name),
    ['inbound', 'inbound6', 'outbound', 'outbound6'],
  );
  t.deepEqual(
    [...entries.outbound.keys, ...entries.outbound.values.subarray(0, 8)],
    [10, 0, 0, 5, 203, 0, 113, 5, 0, 0, 0, 0],
  );
  t.deepEqual([...entries.inbound.keys], [203, 0, 113, 5]);
  t.deepEqual([...entries.outbound6.keys], [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
  t.deepEqual([...entries.inbound6.values.subarray(0, 16)], [...entries.outbound6.keys]);
});

test('slots have none here', (t) => {
  const entries = entriesOf('172.16.0.2%tap7=203.0.113.7', 'fd00::2%tap7=2001:db8::7');
  for (const { name } of TABLES) t.is(entries[name].count, 0, name);
});

const COUNTERS = { packets: 0n, bytes: 0n };
const MARK = { address: 0, mask: 0, kind: 4, flags: 0, shift: 0, first: 0, last: 0, ...COUNTERS };

test('a prefix', (t) => {
  const entries = entriesOf('10.1.0.0/16=100.64.0.0/16');
  t.deepEqual(read(entries, 'outbound_net'), [
    [
      { prefixLength: 16, address: 0x0a01_0000, port: 0, protocol: 0, zero: 0 },
      { ...MARK, address: 0x6440_0000, mask: 0xffff_0000, kind: 1 },
    ],
  ]);
  t.deepEqual(read(entries, 'inbound_net')[0]?.[0], {
    prefixLength: 16,
    address: 0x6440_0000,
    port: 0,
    protocol: 0,
    zero: 0,
  });
});

test('a port, and the mark of its address', (t) => {
  const entries = entriesOf('10.0.0.6:8080/tcp=203.0.113.9:80/tcp');
  const out = { prefixLength: 56, address: 0x0a00_0006, port: 8080, protocol: 6, zero: 0 };
  const back = { ...out, address: 0xcb00_7109, port: 80 };
  const record = { ...MARK, mask: 0xffff_ffff, kind: 2 };
  t.deepEqual(read(entries, 'outbound_net'), [
    [{ ...out, port: 0, protocol: 0 }, MARK],
    [out, { ...record, address: 0xcb00_7109, shift: 0x1_0000 + 80 - 8080, first: 8080, last: 8080 }],
  ]);
  t.deepEqual(read(entries, 'inbound_net'), [
    [{ ...back, port: 0, protocol: 0 }, MARK],
    [back, { ...record, address: 0x0a00_0006, shift: 8080 - 80, first: 80, last: 80 }],
  ]);
});

test('a port block is cut into aligned parts, each with the whole of it; one mark for an address', (t) => {
  const entries = entriesOf(
    '10.0.0.7:1000-2047=203.0.113.9:1024-2071',
    '10.0.0.8:0-65535=203.0.113.10:0-65535',
    '10.0.0.7:53/udp=203.0.113.9:53/udp',
  );
  const parts = (name: TableName) =>
    read(entries, name).map(([key, value]) => {
      const { address, port, prefixLength } = key as { address: number; port: number; prefixLength: number };
      const { kind, first, last, shift } = value as { [field: string]: number };
      return [address & 0xff, port, prefixLength, kind, first, last, shift];
    });
  t.deepEqual(parts('outbound_net'), [
    [7, 0, 56, 4, 0, 0, 0],
    [7, 1000, 45, 3, 1000, 2047, 24],
    [7, 1008, 44, 3, 1000, 2047, 24],
    [7, 1024, 38, 3, 1000, 2047, 24],
    [8, 0, 56, 4, 0, 0, 0],
    [8, 0, 32, 3, 0, 65535, 0],
    [7, 53, 56, 2, 53, 53, 0],
  ]);
  t.deepEqual(parts('inbound_net').slice(0, 4), [
    [9, 0, 56, 4, 0, 0, 0],
    [9, 1024, 38, 3, 1024, 2071, 65512],
    [9, 2048, 44, 3, 1024, 2071, 65512],
    [9, 2064, 45, 3, 1024, 2071, 65512],
  ]);
});

test('a checksum-neutral prefix: the adjustment of RFC 6296, section 3.6', (t) => {
  // The example of section 3.6: subnet 1 becomes 0xd550, so 0xd54f was added.
  const entries = entriesOf('fd01:203:405::/48=2001:db8:1::/48,neutral', 'fd02::/56=2001:db8:2::/56,neutral');
  const records = (name: TableName) =>
    read(entries, name).map(([, value]) => {
      const { flags, adjustment } = value as { flags: number; adjustment: number };
      return [flags, adjustment];
    });
  t.deepEqual(records('outbound_net6')[0], [NEUTRAL.subnet, 0xd54f]);
  t.deepEqual(records('inbound_net6')[0], [NEUTRAL.subnet, 0x2ab0]);
  t.is(records('outbound_net6')[1]?.[0], NEUTRAL.identifier);
});

test('a key that a trie answers with a shorter entry is told from one that is there', (t) => {
  const format = TABLES.find(({ name }) => name === 'outbound_net')!;
  const exact = (asked: string, there: string): boolean => {
    const at = (text: string) => {
      const { keys, values } = entriesOf(text).outbound_net;
      const last = (data: Uint8Array, size: number) => data.subarray(data.length - size);
      return { keys: last(keys, format.keySize), values: last(values, format.valueSize) };
    };
    return isExact(viewsOf({ count: 1, keys: at(asked).keys, values: at(there).values }), format);
  };
  const [port, block, prefix] = [
    '10.0.0.6:80/tcp=203.0.113.9:80/tcp',
    '10.0.0.6:80-95=203.0.113.9:80-95',
    '10.0.0.0/24=203.0.113.0/24',
  ];
  for (const text of [port, block, prefix]) t.true(exact(text, text), text);
  t.false(exact(port, block));
  t.false(exact(port, prefix));
  t.false(exact(block, prefix));
  t.false(exact('10.0.0.6:80-81=203.0.113.9:80-81', block));
  t.false(exact('10.0.0.0/25=203.0.113.0/25', prefix));
});

test('the layouts are those of the maps', (t) => {
  for (const { name, keySize, valueSize } of TABLES) {
    const map = instanceMaps()[name];
    t.deepEqual([keySize, valueSize], [map.keySize, map.valueSize], name);
  }
  t.is(
    encode(instanceMaps().outbound_net.key, { prefixLength: 0, address: 0, port: 0, protocol: 0, zero: 0 })
      .length,
    12,
  );
});
