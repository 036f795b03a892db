// The mapping language: what is read, what is refused and by which name, and lists checked as a whole.

import test from 'ava';
import fc from 'fast-check';
import { formatMapping, type Mapping, parseMapping } from '../../src/nat/mapping.ts';
import { checkMappings, type LocatedMapping, mappingComplaints } from '../../src/nat/mapping-check.ts';
import { MappingError } from '../../src/nat/mapping-error.ts';

const address = fc.integer({ min: 0, max: 0xffff_ffff });
const mapping = fc.record({
  kind: fc.constant('address' as const),
  inside: address,
  outside: address,
});

test('a mapping is read as it is written', (t) => {
  t.deepEqual(parseMapping('10.0.0.5=203.0.113.5'), {
    kind: 'address',
    inside: 0x0a000005,
    outside: 0xcb007105,
  });
});

test('parse(format(m)) is m', (t) => {
  fc.assert(fc.property(mapping, (m) => void t.deepEqual(parseMapping(formatMapping(m)), m)));
  t.pass();
});

const BAD: readonly [text: string, code: string, message: RegExp][] = [
  ['10.0.0.5', 'bad_mapping', /has no '='/],
  ['', 'bad_mapping', /has no '='/],
  ['a=b=c', 'bad_mapping', /more than one '='/],
  ['=203.0.113.5', 'bad_mapping', /no inside address/],
  ['10.0.0.5=', 'bad_mapping', /no outside address/],
  ['10.0.0.256=203.0.113.5', 'bad_address', /inside '10.0.0.256' is not an IPv4 address: 256 is more/],
  ['10.0.0.5=203.0.113', 'bad_address', /outside '203.0.113' .* 3 parts/],
  ['10.0.0.5 = 203.0.113.5', 'bad_address', /has a space/],
  ['10.0.0.5=example.com', 'bad_address', /'example' is not a decimal number/],
  ['http://10.0.0.5=203.0.113.5', 'bad_address', /is not an IPv4 address/],
  ['10.0.0.5=2001:db8::5', 'mixed_families', /mixes IPv4 and IPv6/],
  ['fd00::5=203.0.113.5', 'mixed_families', /mixes IPv4 and IPv6/],
  ['10.0.0.5:80/tcp=[2001:db8::5]:80/tcp', 'mixed_families', /mixes IPv4 and IPv6/],
  ['fd00::5=2001:db8::5', 'not_supported', /IPv6 mappings are not supported yet/],
  ['fd00:1::/48=2001:db8:1::/48', 'not_supported', /prefix mappings are not supported yet/],
  ['10.1.0.0/16=100.64.0.0/16', 'not_supported', /prefix mappings are not supported yet/],
  ['10.0.0.5/32=203.0.113.5/32', 'not_supported', /leave out the \/32/],
  ['10.0.0.6:8080/tcp=203.0.113.9:80/tcp', 'not_supported', /port mappings are not supported yet/],
  ['[fd00::6]:8080/tcp=[2001:db8::9]:80/tcp', 'not_supported', /port mappings are not supported yet/],
  ['10.0.0.7:1024-2047=203.0.113.9:1024-2047', 'not_supported', /port block mappings are not supported yet/],
  ['172.16.0.2%tap7=203.0.113.7', 'not_supported', /slot mappings are not supported yet/],
  ['10.0.0.5=203.0.113.5%eth0', 'mixed_kinds', /slot \(%\) on the outside/],
  ['10.0.0.5=203.0.113.0/24', 'mixed_kinds', /maps an address onto a prefix/],
  ['10.0.0.5:80/tcp=203.0.113.5', 'mixed_kinds', /maps a port onto an address/],
  ['172.16.0.2%tap7=203.0.113.0/24', 'mixed_kinds', /maps a slot onto a prefix/],
];
for (const [text, code, message] of BAD) {
  test(`refused: '${text}'`, (t) => {
    const error = t.throws(() => parseMapping(text, '--map #3'), {
      instanceOf: MappingError,
      code: 'bad_mappings',
    });
    t.is(error.complaints[0]?.code, code as never);
    t.regex(error.message, message);
    t.true(error.message.startsWith(`--map #3: mapping '${text}'`), error.message);
    t.false(error.message.includes('\n'));
  });
}

test('both addresses are complained of at once', (t) => {
  const error = t.throws(() => parseMapping('10.0.0.300=x'), { instanceOf: MappingError });
  t.is(error.complaints.length, 2);
  t.regex(error.message, /and 1 more/);
});

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

test('an error without complaints cannot be made', (t) => {
  t.throws(() => new MappingError([]), { instanceOf: RangeError });
});
