// The bytes of slots, held against the layouts by which maps are made.

import test from 'ava';
import fc from 'fast-check';
import { decode, encode, type StructType } from '../../src/asm/index.ts';
import type { Family } from '../../src/nat/address.ts';
import { decodeSlots, encodeSlotKeys, encodeSlots, type SlotEntry } from '../../src/nat/slot-entries.ts';
import { slot6Key, slot6Record, slotKey, slotRecord } from '../../src/nat/slot-layout.ts';
import { entryOf, slotEntries } from './support/slots.ts';

const FAMILIES: readonly Family[] = [4, 6];
const layouts = {
  4: { key: slotKey, record: slotRecord },
  6: { key: slot6Key, record: slot6Record },
} as const;

const wordsOf = (address: number | bigint): number | number[] =>
  typeof address === 'number'
    ? address
    : [96n, 64n, 32n, 0n].map((shift) => Number(BigInt.asUintN(32, address >> shift)));
const halvesOf = (mac: number): number[] =>
  [2 ** 32, 2 ** 16, 1].map((unit) => Math.floor(mac / unit) % 2 ** 16);
const nameBytes = (name: string): Uint8Array => {
  const bytes = new Uint8Array(16);
  bytes.set(Buffer.from(name));
  return bytes;
};

/** As the assembler's codecs have it. */
function plain(family: Family, { key, record }: SlotEntry): { key: unknown; record: unknown } {
  const { station, mac, name, address, ...rest } = record;
  const fields = { address: wordsOf(address), station: halvesOf(station), mac: halvesOf(mac), ...rest };
  const reserved = new Uint8Array(family === 4 ? 5 : 1);
  return {
    key: { interface: key.interface, address: wordsOf(key.address) },
    record: { ...fields, reserved, name: nameBytes(name) },
  };
}

for (const family of FAMILIES) {
  const { key, record } = layouts[family] as unknown as { key: StructType; record: StructType };

  test(`what is encoded is what the layout says, and is decoded: IPv${family}`, (t) => {
    fc.assert(
      fc.property(slotEntries(family), (entries) => {
        const encoded = encodeSlots(family, entries);
        t.is(encoded.count, entries.length);
        entries.forEach((entry, i) => {
          const k = encoded.keys.subarray(i * key.size, (i + 1) * key.size);
          const v = encoded.values.subarray(i * record.size, (i + 1) * record.size);
          const expected = plain(family, entry);
          t.deepEqual(decode(key, k) as unknown, expected.key);
          t.deepEqual(decode(record, v) as unknown, expected.record);
          t.deepEqual(encode(record, expected.record as never), v.slice());
        });
        t.deepEqual(decodeSlots(family, encoded), entries);
        const keys = encodeSlotKeys(
          family,
          entries.map((entry) => entry.key),
        );
        t.deepEqual(keys, encoded.keys);
      }),
      { numRuns: 300 },
    );
  });

  test(`entries in the middle of a larger buffer are read: IPv${family}`, (t) => {
    const entries = [entryOf(family), entryOf(family, { name: 'é' })];
    const { count, keys, values } = encodeSlots(family, entries);
    const shifted = (data: Uint8Array): Uint8Array => Uint8Array.of(1, 2, 3, ...data, 4).subarray(3, -1);
    t.deepEqual(decodeSlots(family, { count, keys: shifted(keys), values: shifted(values) }), entries);
  });
}

test('no entries', (t) => {
  const none = encodeSlots(4, []);
  t.deepEqual([none.count, none.keys.length, none.values.length], [0, 0, 0]);
  t.deepEqual(decodeSlots(4, none), []);
});

test('a name without a zero behind it, as another program may write it', (t) => {
  const entries = encodeSlots(4, [entryOf(4, { name: '' })]);
  const at = slotRecord.offsets.name;
  entries.values.fill(0x61, at, at + 16);
  t.is(decodeSlots(4, entries)[0]?.record.name, 'a'.repeat(16));
  entries.values.fill(0xff, at, at + 16);
  t.is(decodeSlots(4, entries)[0]?.record.name, '\u{fffd}'.repeat(16));
});

const WRONG: readonly [what: string, family: Family, entry: SlotEntry, message: RegExp][] = [
  ['IPv6 in a table of IPv4', 4, { ...entryOf(4), key: { interface: 1, address: 1n } }, /not one of IPv4/],
  ['IPv4 in a table of IPv6', 6, entryOf(6, { address: 1 }), /not one of IPv6/],
  [
    'an index below',
    4,
    { ...entryOf(4), key: { interface: -1, address: 1 } },
    /slot interface -1 is not a number from 0 to 4294967295/,
  ],
  ['an index above', 4, entryOf(4, { interface: 2 ** 32 }), /interface 4294967296 /],
  ['an MTU above', 4, entryOf(4, { mtu: 65_536 }), /slot mtu 65536 is not a number from 0 to 65535/],
  ['an MTU that is none', 4, entryOf(4, { mtu: 1.5 }), /mtu 1.5 /],
  ['a list above', 4, entryOf(4, { list: 65_536 }), /list 65536 /],
  ['a state above', 4, entryOf(4, { state: 256 }), /state 256 .* 0 to 255/],
  ['flags above', 4, entryOf(4, { flags: 256 }), /flags 256 /],
  ['a MAC above', 4, entryOf(4, { station: 2 ** 48 }), /more than 48 bits/],
  ['a time before', 4, entryOf(4, { since: -1n }), /since -1 is before/],
  ['a long name', 4, entryOf(4, { name: 'a'.repeat(16) }), /'a{16}' is longer than 15 bytes/],
  ['a name of many bytes', 4, entryOf(4, { name: 'é'.repeat(8) }), /longer than 15 bytes/],
];
for (const [what, family, entry, message] of WRONG) {
  test(`refused, not cut: ${what}`, (t) => {
    t.throws(() => encodeSlots(family, [entry]), { instanceOf: RangeError, message });
  });
}
