// Lists of mappings as a whole: what two of them cannot both have.

import test from 'ava';
import fc from 'fast-check';
import { type Mapping, parseMapping } from '../../src/nat/mapping.ts';
import {
  checkMappings,
  type LocatedMapping,
  mappingComplaints,
  requireSound,
} from '../../src/nat/mapping-check.ts';
import { MappingError } from '../../src/nat/mapping-error.ts';

const located = (...texts: string[]): LocatedMapping[] =>
  texts.map((text, i) => ({ mapping: parseMapping(text), origin: `--map #${i + 1}` }));
const codes = (...texts: string[]): string[] => mappingComplaints(located(...texts)).map(({ code }) => code);

test('a sound list is given back in its order', (t) => {
  const list = located('10.0.0.6=203.0.113.6', '10.0.0.5=203.0.113.5');
  t.deepEqual(
    checkMappings(list),
    list.map(({ mapping }) => mapping),
  );
});

test('lists are refused as a whole', (t) => {
  t.deepEqual(codes('10.0.0.5=203.0.113.5', '10.0.0.5=203.0.113.5'), ['duplicate']);
  t.deepEqual(codes('10.0.0.5=203.0.113.5', '10.0.0.5=203.0.113.6'), ['inside_taken']);
  t.deepEqual(codes('10.0.0.5=203.0.113.5', '10.0.0.6=203.0.113.5'), ['outside_taken']);
  t.deepEqual(codes('10.0.0.1=1.1.1.1', '10.0.0.2=2.2.2.2', '10.0.0.1=2.2.2.2'), [
    'inside_taken',
    'outside_taken',
  ]);
  t.deepEqual(codes('10.0.0.1=1.1.1.1', '10.0.0.1=2.2.2.2', '10.0.0.1=2.2.2.2'), [
    'inside_taken',
    'duplicate',
  ]);
  t.deepEqual(codes('0.0.0.0=127.0.0.1', '10.0.0.1=224.0.0.1'), [
    'unusable_address',
    'unusable_address',
    'unusable_address',
  ]);
});

test('a complaint names both entries and where they came from', (t) => {
  const [complaint] = mappingComplaints(located('10.0.0.5=203.0.113.5', '10.0.0.6=203.0.113.5'));
  t.deepEqual(complaint, {
    code: 'outside_taken',
    message:
      "--map #2: mapping '10.0.0.6=203.0.113.5': outside 203.0.113.5 is already that of 10.0.0.5 at --map #1: " +
      'an outside has one inside',
    origins: ['--map #2', '--map #1'],
  });
});

test('an address may be inside of one and outside of another: each packet is looked up once', (t) => {
  t.deepEqual(codes('10.0.0.1=10.0.0.2', '10.0.0.2=10.0.0.3'), []);
  t.deepEqual(codes('10.0.0.1=10.0.0.2', '10.0.0.2=10.0.0.1'), []);
  t.deepEqual(codes('10.0.0.1=10.0.0.1'), []);
});

test('in any order, a list is refused exactly where it is not a bijection', (t) => {
  const small = fc.integer({ min: 0x0a000000, max: 0x0a000007 });
  const list = fc.array(fc.record({ kind: fc.constant('address' as const), inside: small, outside: small }), {
    maxLength: 8,
  });
  const shuffled = list.chain((all) =>
    fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
  );
  const complaints = (all: readonly Mapping[]): number =>
    mappingComplaints(all.map((m, i) => ({ mapping: m, origin: `#${i}` }))).length;
  fc.assert(
    fc.property(shuffled, ([all, other]) => {
      const bijective =
        new Set(all.map((m) => m.inside)).size === all.length &&
        new Set(all.map((m) => m.outside)).size === all.length;
      t.is(complaints(all) === 0, bijective);
      t.is(complaints(other) === 0, bijective);
    }),
  );
});

const CLASHES: readonly [texts: readonly string[], code: string, message: RegExp][] = [
  [['fd00::5=2001:db8::5', 'fd00:0::5=2001:db8::5'], 'duplicate', /already given at --map #1/],
  [
    ['fd00::5=2001:db8::5', 'fd00::5=2001:db8::6'],
    'inside_taken',
    /inside fd00::5 already maps to 2001:db8::5 at/,
  ],
  [
    ['10.1.0.0/16=100.64.0.0/16', '10.1.0.0/16=100.65.0.0/16'],
    'inside_taken',
    /inside 10.1.0.0\/16 already maps/,
  ],
  [
    ['10.1.0.0/16=100.64.0.0/16', '10.2.0.0/16=100.64.0.0/16'],
    'outside_taken',
    /already that of 10.1.0.0\/16/,
  ],
  [
    ['10.0.0.6:80/tcp=203.0.113.9:80/tcp', '10.0.0.6:80/tcp=203.0.113.9:81/tcp'],
    'inside_taken',
    /inside 10.0.0.6:80\/tcp already maps to 203.0.113.9:80\/tcp/,
  ],
  [
    ['10.0.0.7:1024-2047=203.0.113.9:1024-2047', '10.0.0.7:2047-2047=203.0.113.9:4000-4000'],
    'inside_taken',
    /inside 10.0.0.7:2047-2047 overlaps 10.0.0.7:1024-2047, which already maps to 203.0.113.9:1024-2047 at --map #1/,
  ],
  [
    ['10.0.0.7:1024-2047=203.0.113.9:1024-2047', '10.0.0.8:0-1023=203.0.113.9:500-1523'],
    'outside_taken',
    /outside 203.0.113.9:500-1523 overlaps 203.0.113.9:1024-2047, which is already that of 10.0.0.7:1024-2047/,
  ],
  [['172.16.0.2%tap7=203.0.113.7', '172.16.0.2%tap7=203.0.113.7'], 'duplicate', /already given at --map #1/],
  [
    ['172.16.0.2%tap7=203.0.113.7', '172.16.0.2%tap7=203.0.113.8'],
    'inside_taken',
    /inside 172.16.0.2%tap7 already maps to 203.0.113.7 at --map #1: an inside has one outside/,
  ],
  [
    ['172.16.0.2%tap7=203.0.113.7', '172.16.0.2%tap8=203.0.113.7'],
    'outside_taken',
    /outside 203.0.113.7 is already that of 172.16.0.2%tap7 at --map #1: an outside has one inside/,
  ],
  [
    ['10.0.0.5=203.0.113.7', 'fd00::2%tap7=2001:db8::7', '10.0.0.6%tap7=203.0.113.7'],
    'outside_taken',
    /that of 10.0.0.5 at/,
  ],
  [
    ['10.0.0.6%tap7=203.0.113.7', '10.0.0.5=203.0.113.7'],
    'outside_taken',
    /already that of 10.0.0.6%tap7 at/,
  ],
  [
    ['fe80::2%tap7=2001:db8::7'],
    'unusable_address',
    /inside fe80::2%tap7 is in fe80::\/10, which is link-local/,
  ],
  [['172.16.0.2%tap7=127.0.0.1'], 'unusable_address', /outside 127.0.0.1 is in 127.0.0.0\/8/],
  [['0.0.0.0/0=0.0.0.0/0'], 'unusable_address', /inside 0.0.0.0\/0 overlaps 255.255.255.255\/32/],
  [['10.0.0.6:80/tcp=224.0.0.9:80/tcp'], 'unusable_address', /outside 224.0.0.9:80\/tcp is in 224.0.0.0\/4/],
];
for (const [texts, code, message] of CLASHES) {
  test(`refused: ${texts.join(' ')}`, (t) => {
    const [complaint] = mappingComplaints(located(...texts));
    t.is(complaint?.code, code as never);
    t.regex(complaint?.message ?? '', message);
    t.true(complaint?.message.startsWith(`--map #${texts.length}: mapping '`));
    t.throws(() => requireSound(texts.map((text) => parseMapping(text))), {
      instanceOf: MappingError,
      message: new RegExp(`^mapping #${texts.length}: `),
    });
  });
}

test('neighbours, other protocols and other families do not clash', (t) => {
  const sound = [
    '10.0.0.6:80/tcp=203.0.113.9:80/tcp',
    '10.0.0.6:80/udp=203.0.113.9:80/udp',
    '10.0.0.6:81/tcp=203.0.113.9:81/tcp',
    '10.0.0.8:2048-3071=203.0.113.9:2048-3071',
    '10.0.0.7:1024-2047=203.0.113.9:1024-2047',
    '10.0.0.9:3072-3072=203.0.113.9:3072-3072',
    '10.1.0.0/16=100.64.0.0/16',
    '10.2.0.0/16=100.65.0.0/16',
    '::a:5=::b:5',
    '1.10.0.5=1.11.0.5',
  ];
  t.deepEqual(codes(...sound), []);
  t.notThrows(() => requireSound(sound.map((text) => parseMapping(text))));
});

test('a complaint about a later entry comes after those about earlier ones', (t) => {
  const complaints = mappingComplaints(
    located('10.0.0.5=224.0.0.1', '10.1.0.0/24=203.0.113.0/24', '10.0.0.6=203.0.113.6', '10.0.0.6=1.1.1.1'),
  );
  t.deepEqual(
    complaints.map(({ code, origins }) => [code, ...origins]),
    [
      ['unusable_address', '--map #1'],
      ['shadowed', '--map #3', '--map #2'],
      ['inside_taken', '--map #4', '--map #3'],
    ],
  );
});

const many = (count: number, base: (i: number) => number | bigint): Mapping[] =>
  Array.from({ length: count }, (_, i) => ({
    kind: 'address',
    inside: base(i),
    outside: base(i + 0x400000),
  }));

// How fast they are is for the benchmark to say. What takes more than a pass over the list does not end here at all.

test('a million addresses are found sound, prefixes among them or not', (t) => {
  const million = many(1_000_000, (i) => 0x0a000000 + i);
  t.notThrows(() => requireSound(million));
  t.notThrows(() => requireSound([...million, parseMapping('10.64.0.0/10=10.192.0.0/10')]));
});

test('IPv6 addresses that all end alike, port blocks and prefixes by the thousands', (t) => {
  const alike = many(100_000, (i) => (0xfd00n << 112n) | (BigInt(i) << 64n) | 1n);
  t.notThrows(() => requireSound(alike));
  const text = (i: number): string => `10.0.${i >> 6}.7:${(i & 63) * 1024}-${(i & 63) * 1024 + 1023}`;
  const blocks = Array.from({ length: 4_096 }, (_, i) =>
    parseMapping(`${text(i)}=${text(i).replace('10.0.', '203.0.')}`),
  );
  const prefixes = Array.from({ length: 65_536 }, (_, i) =>
    parseMapping(`11.${i >> 8}.${i & 255}.0/24=100.${i >> 8}.${i & 255}.0/24`),
  );
  t.notThrows(() => requireSound([...blocks.toReversed(), ...prefixes]));
});
