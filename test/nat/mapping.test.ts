// The mapping language: what is read, what is refused and by which name.

import test from 'ava';
import fc from 'fast-check';
import { endpointOf, formatEndpoint, parseEndpoint } from '../../src/nat/endpoint.ts';
import { formatMapping, type Mapping, parseMapping } from '../../src/nat/mapping.ts';
import { MappingError } from '../../src/nat/mapping-error.ts';
import { networkOf } from '../../src/nat/prefix.ts';

const READ: readonly [text: string, mapping: Mapping][] = [
  ['10.0.0.5=203.0.113.5', { kind: 'address', inside: 0x0a000005, outside: 0xcb007105 }],
  ['::5=2001:db8::5', { kind: 'address', inside: 5n, outside: (0x20010db8n << 96n) | 5n }],
  ['10.1.0.0/16=100.64.0.0/16', { kind: 'prefix', inside: 0x0a010000, outside: 0x64400000, length: 16 }],
  [
    'fd00:1::/48=2001:db8:1::/48',
    { kind: 'prefix', inside: 0xfd000001n << 96n, outside: 0x20010db80001n << 80n, length: 48 },
  ],
  [
    'fd00::/64=2001:db8::/64,neutral',
    { kind: 'prefix', inside: 0xfd00n << 112n, outside: 0x20010db8n << 96n, length: 64, neutral: true },
  ],
  [
    '10.0.0.6:8080/tcp=203.0.113.9:80/tcp',
    {
      kind: 'port',
      protocol: 'tcp',
      inside: 0x0a000006,
      insidePort: 8080,
      outside: 0xcb007109,
      outsidePort: 80,
    },
  ],
  [
    '[::6]:65535/udp=[2001:db8::9]:1/udp',
    {
      kind: 'port',
      protocol: 'udp',
      inside: 6n,
      insidePort: 65535,
      outside: (0x20010db8n << 96n) | 9n,
      outsidePort: 1,
    },
  ],
  [
    '10.0.0.7:1024-2047=203.0.113.9:0-1023',
    {
      kind: 'port_block',
      inside: 0x0a000007,
      insidePort: 1024,
      outside: 0xcb007109,
      outsidePort: 0,
      ports: 1024,
    },
  ],
  [
    '172.16.0.2%tap7=203.0.113.7',
    { kind: 'slot', inside: 0xac100002, interface: 'tap7', outside: 0xcb007107 },
  ],
  [
    'fd00::2%-éth.7,=2001:db8::7',
    {
      kind: 'slot',
      inside: (0xfd00n << 112n) | 2n,
      interface: '-éth.7,',
      outside: (0x20010db8n << 96n) | 7n,
    },
  ],
  [
    '[::7]:0-65535=[::9]:0-65535',
    { kind: 'port_block', inside: 7n, insidePort: 0, outside: 9n, outsidePort: 0, ports: 65536 },
  ],
];
for (const [text, mapping] of READ) {
  test(`read and written: ${text}`, (t) => {
    t.deepEqual(parseMapping(text), mapping);
    t.is(formatMapping(mapping), text);
  });
}

test('a prefix of one address is that address', (t) => {
  for (const text of ['10.0.0.5/32=203.0.113.5/32', '10.0.0.5/32=203.0.113.5', '10.0.0.5=203.0.113.5/32']) {
    t.deepEqual(parseMapping(text), parseMapping('10.0.0.5=203.0.113.5'));
  }
  t.is(formatMapping(parseMapping('fd00::5/128=2001:db8::5/128')), 'fd00::5=2001:db8::5');
  t.is(formatMapping(parseMapping('fd00::5%tap7=2001:db8::5/128')), 'fd00::5%tap7=2001:db8::5');
});

const port = fc.integer({ min: 1, max: 0xffff });
const isInterface = (name: string): boolean => !/[\s/:%=]/.test(name) && name !== '.' && name !== '..';
const arbitrary = fc.boolean().chain((six): fc.Arbitrary<Mapping> => {
  const bits = six ? 128 : 32;
  const address = six
    ? fc.bigInt({ min: 0n, max: (1n << 128n) - 1n })
    : fc.integer({ min: 0, max: 0xffff_ffff });
  const sides = { inside: address, outside: address };
  return fc.oneof(
    fc.record({ kind: fc.constant('address' as const), ...sides }),
    fc.record({
      kind: fc.constant('slot' as const),
      ...sides,
      interface: fc.string({ minLength: 1, maxLength: 15 }).filter(isInterface),
    }),
    fc
      .tuple(fc.integer({ min: 0, max: bits - 1 }), address, address, fc.boolean())
      .map(([length, inside, outside, neutral]): Mapping => {
        const networks = { inside: networkOf(inside, length), outside: networkOf(outside, length) };
        return {
          kind: 'prefix',
          ...networks,
          length,
          ...(neutral && six && length <= 64 && { neutral: true }),
        };
      }),
    fc.record({
      kind: fc.constant('port' as const),
      protocol: fc.constantFrom('tcp' as const, 'udp' as const),
      ...sides,
      insidePort: port,
      outsidePort: port,
    }),
    fc
      .tuple(fc.nat(0xffff), fc.nat(0xffff), fc.nat(0xffff), address, address)
      .map(([a, b, more, inside, outside]) => ({
        kind: 'port_block' as const,
        inside,
        insidePort: a,
        outside,
        outsidePort: b,
        ports: 1 + Math.min(more, 0xffff - a, 0xffff - b),
      })),
  );
});

test('parse(format(m)) is m, and so is each side', (t) => {
  fc.assert(
    fc.property(arbitrary, (mapping) => {
      t.deepEqual(parseMapping(formatMapping(mapping)), mapping);
      for (const side of ['inside', 'outside'] as const) {
        const endpoint = endpointOf(mapping, side);
        t.deepEqual(parseEndpoint(formatEndpoint(endpoint)), endpoint);
      }
    }),
  );
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
  ['http://10.0.0.5=http://203.0.113.5', 'bad_address', /is not/],
  ['10.0.0.5=2001:db8::5', 'mixed_families', /mixes IPv4 and IPv6/],
  ['fd00::5=203.0.113.5', 'mixed_families', /mixes IPv4 and IPv6/],
  ['10.0.0.0/16=2001:db8::/32', 'mixed_families', /mixes IPv4 and IPv6/],
  ['10.0.0.5:80/tcp=[2001:db8::5]:80/tcp', 'mixed_families', /mixes IPv4 and IPv6/],
  ['10.0.0.5:1-2=[2001:db8::5]:1-2', 'mixed_families', /mixes IPv4 and IPv6/],
  ['fd00::5=2001:db8::g', 'bad_address', /outside '2001:db8::g' is not an IPv6 address: 'g'/],
  ['[fd00::5]=[2001:db8::5]', 'bad_address', /brackets .* are for an address with a port/],
  ['fd00::6:80/tcp=2001:db8::9:80/tcp', 'bad_address', /write \[fd00::6\]:80\/tcp/],
  ['10.1.2.3/16=100.64.0.0/16', 'bad_address', /inside '10.1.2.3\/16' .* 10.1.0.0\/16 is one/],
  ['10.1.0.0/33=100.64.0.0/33', 'bad_address', /not a number from 0 to 32/],
  ['10.1.0.0/16=100.64.0.0/17', 'unequal_prefixes', /maps \/16 onto \/17: both prefixes must be of one size/],
  ['10.1.0.0/24=100.64.0.5/32', 'mixed_kinds', /maps a prefix onto an address/],
  ['fd00:1::/48=2001:db8:1::/64', 'unequal_prefixes', /maps \/48 onto \/64/],
  ['10.0.0.6:8080=203.0.113.9:80', 'bad_address', /names no protocol: write \/tcp or \/udp/],
  ['10.0.0.6:80/sctp=203.0.113.9:80/sctp', 'bad_address', /protocol 'sctp' has no port mappings/],
  ['10.0.0.6:80/tcp=203.0.113.9:80/udp', 'mixed_protocols', /maps tcp onto udp/],
  ['10.0.0.6:0/tcp=203.0.113.9:80/tcp', 'bad_address', /port '0' is not a number from 1 to 65535/],
  ['10.0.0.6:65536/tcp=203.0.113.9:80/tcp', 'bad_address', /port '65536'/],
  ['10.0.0.6:080/tcp=203.0.113.9:80/tcp', 'bad_address', /port '080'/],
  ['10.0.0.6:http/tcp=203.0.113.9:80/tcp', 'bad_address', /port 'http'/],
  ['[10.0.0.6]:80/tcp=[203.0.113.9]:80/tcp', 'bad_address', /brackets .* are for IPv6/],
  ['10.0.0:80/tcp=203.0.113.9:80/tcp', 'bad_address', /'10.0.0' is not an IPv4 address/],
  ['[fd00::zz]:80/tcp=[fd00::1]:80/tcp', 'bad_address', /'fd00::zz' is not an IPv6 address/],
  ['10.0.0.7:1024-2047=203.0.113.9:1024-2046', 'unequal_blocks', /maps 1024 ports onto 1023/],
  ['10.0.0.7:2047-1024=203.0.113.9:2047-1024', 'bad_address', /it ends before it begins/],
  ['10.0.0.7:0-65536=203.0.113.9:0-65536', 'bad_address', /port '65536' is not a number from 0 to/],
  ['10.0.0.7:1-2/tcp=203.0.113.9:1-2/tcp', 'bad_address', /leave out \/tcp/],
  [
    '172.16.0.2%=203.0.113.7',
    'bad_address',
    /inside '172.16.0.2%' is not a slot: its interface's name is empty/,
  ],
  ['172.16.0.2%..=203.0.113.7', 'bad_address', /'172.16.0.2%..' .* is that of a folder/],
  ['172.16.0.2%ta p7=203.0.113.7', 'bad_address', /name has a blank in it/],
  ['172.16.0.2%tap7:80/tcp=203.0.113.7:80/tcp', 'bad_address', /name has ':' in it/],
  ['172.16.0.2%tap%7=203.0.113.7', 'bad_address', /name has '%' in it/],
  ['172.16.0.2%tap4567890123456=203.0.113.7', 'bad_address', /name has 16 bytes, more than 15/],
  ['172.16.0.2%tap=7=203.0.113.7', 'bad_mapping', /more than one '='/],
  ['%tap7=203.0.113.7', 'bad_address', /inside '' is not an IPv4 address/],
  ['172.16.0.256%tap7=203.0.113.7', 'bad_address', /'172.16.0.256' is not an IPv4 address: 256 is more/],
  ['172.16.0.0/24%tap7=203.0.113.0/24', 'bad_address', /a slot is one address at one interface/],
  ['172.16.0.2:80/tcp%tap7=203.0.113.7', 'bad_address', /a slot is one address at one interface/],
  ['[fd00::2]%tap7=2001:db8::7', 'bad_address', /brackets .* are for an address with a port/],
  ['172.16.0.2%tap7=2001:db8::7', 'mixed_families', /mixes IPv4 and IPv6/],
  ['fd00::2%tap7=203.0.113.7', 'mixed_families', /mixes IPv4 and IPv6/],
  [
    '172.16.0.2%tap7=203.0.113.7:80/tcp',
    'mixed_kinds',
    /maps a slot onto a port: a slot's outside is an address/,
  ],
  ['172.16.0.2%tap7=172.16.0.2%tap8', 'mixed_kinds', /slot \(%\) on the outside/],
  ['fd00::2%tap7=2001:db8::7,neutral', 'not_neutral', /only IPv6 prefixes/],
  ['10.0.0.5=203.0.113.5%eth0', 'mixed_kinds', /slot \(%\) on the outside/],
  ['10.0.0.5=203.0.113.0/24', 'mixed_kinds', /maps an address onto a prefix/],
  ['10.0.0.5:80/tcp=203.0.113.5', 'mixed_kinds', /maps a port onto an address/],
  ['10.0.0.5:80/tcp=203.0.113.5:80-80', 'mixed_kinds', /maps a port onto a port block/],
  [
    '172.16.0.2%tap7=203.0.113.0/24',
    'mixed_kinds',
    /maps a slot onto a prefix: a slot's outside is an address/,
  ],
  ['fd00::/48=2001:db8::/48,natural', 'bad_mapping', /'natural' at its end: only 'neutral'/],
  ['fd00::/48=2001:db8::/48,', 'bad_mapping', /'' at its end/],
  ['fd00::/48=2001:db8::/48,neutral,neutral', 'bad_mapping', /'neutral' twice/],
  ['fd00::/65=2001:db8::/65,neutral', 'not_neutral', /only IPv6 prefixes of up to 64 bits/],
  ['10.0.0.0/8=11.0.0.0/8,neutral', 'not_neutral', /only IPv6 prefixes/],
  ['fd00::5=2001:db8::5,neutral', 'not_neutral', /only IPv6 prefixes/],
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

test('an error without complaints cannot be made', (t) => {
  t.throws(() => new MappingError([]), { instanceOf: RangeError });
});
