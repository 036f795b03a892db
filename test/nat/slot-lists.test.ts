import test from 'ava';
import fc from 'fast-check';
import { decode } from '../../src/asm/index.ts';
import type { Family } from '../../src/nat/address.ts';
import { formatPrefix, networkOf, type Prefix, parsePrefix } from '../../src/nat/prefix.ts';
import { slotList6Key, slotListKey } from '../../src/nat/slot-layout.ts';
import { decodeSlotLists, encodeSlotLists, type SlotList } from '../../src/nat/slot-lists.ts';

const FAMILIES: readonly Family[] = [4, 6];
const listOf = (list: number, ...texts: string[]): SlotList => ({ list, allowed: texts.map(parsePrefix) });

test('keys are as the layouts say, each family in its own trie', (t) => {
  const lists = [listOf(1, '10.0.0.0/8', 'fd00::/16'), listOf(65_535, '192.0.2.7')];
  const four = encodeSlotLists(4, lists);
  t.is(four.count, 2);
  t.deepEqual(
    [0, 12].map((at) => decode(slotListKey, four.keys.subarray(at, at + 12))),
    [
      { prefixLength: 40, list: 1, address: 0x0a00_0000 },
      { prefixLength: 64, list: 65_535, address: 0xc000_0207 },
    ],
  );
  t.deepEqual([...four.values], [1, 0, 0, 0, 1, 0, 0, 0]);
  const six = encodeSlotLists(6, lists);
  t.deepEqual(decode(slotList6Key, six.keys), { prefixLength: 48, list: 1, address: [0xfd00_0000, 0, 0, 0] });
});

const prefixes = (family: Family): fc.Arbitrary<Prefix> => {
  const address = family === 6 ? fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }) : fc.nat(0xffff_ffff);
  return fc
    .tuple(address, fc.nat(family === 6 ? 128 : 32))
    .map(([any, length]) => ({ address: networkOf(any, length), length }));
};
const lists = fc.uniqueArray(
  fc.record({
    list: fc.nat(0xffff),
    allowed: fc.uniqueArray(fc.oneof(prefixes(4), prefixes(6)), { selector: formatPrefix, maxLength: 6 }),
  }),
  { selector: ({ list }) => list, maxLength: 5 },
);

test('what is encoded is decoded', (t) => {
  fc.assert(
    fc.property(lists, (all) => {
      for (const family of FAMILIES) {
        const of = typeof (family === 6 ? 0n : 0);
        const expected = all
          .map(({ list, allowed }) => ({
            list,
            allowed: allowed.filter(({ address }) => typeof address === of),
          }))
          .filter(({ allowed }) => allowed.length > 0)
          .sort((a, b) => a.list - b.list);
        t.deepEqual(decodeSlotLists(family, encodeSlotLists(family, all)), expected);
      }
    }),
  );
});

test('the same prefix twice in a list is one entry, in two lists two', (t) => {
  const once = listOf(1, '10.0.0.0/8', '10.0.0.0/8');
  t.is(encodeSlotLists(4, [once, once]).count, 1);
  t.is(encodeSlotLists(4, [once, listOf(2, '10.0.0.0/8')]).count, 2);
});

test('a list that no record can name is refused', (t) => {
  for (const list of [-1, 65_536, 1.5]) {
    t.throws(() => encodeSlotLists(4, [listOf(list, '10.0.0.0/8')]), {
      instanceOf: RangeError,
      message: /0 to 65535/,
    });
  }
});
