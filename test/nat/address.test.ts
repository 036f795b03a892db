// Addresses of both families, prefixes, and which of them cannot be mapped.

import test from 'ava';
import fc from 'fast-check';
import {
  addressKey,
  compareAddresses,
  formatAddress,
  parseAddress,
  type Side,
} from '../../src/nat/address.ts';
import { AddressError } from '../../src/nat/address-error.ts';
import { formatPrefix, parsePrefix, prefixesOverlap, prefixHas } from '../../src/nat/prefix.ts';
import { unusable, unusableAddress } from '../../src/nat/unusable.ts';

const ipv4 = fc.integer({ min: 0, max: 0xffff_ffff });
const ipv6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });

test('the family is in the text and in the type', (t) => {
  t.is(parseAddress('0.0.0.5'), 5);
  t.is(parseAddress('::5'), 5n);
  fc.assert(
    fc.property(fc.oneof(ipv4, ipv6), (address) => t.is(parseAddress(formatAddress(address)), address)),
  );
  t.throws(() => parseAddress('fd00:5'), { instanceOf: AddressError, message: /not an IPv6 address/ });
  t.throws(() => parseAddress('fd00.5'), { instanceOf: AddressError, message: /not an IPv4 address/ });
});

test('the order is that of the numbers, IPv4 first', (t) => {
  const sorted = ['1.0.0.0', '9.0.0.0', '200.0.0.0', '::', '::9', '2000::', 'fd00::'];
  t.deepEqual(sorted.map(parseAddress).toReversed().sort(compareAddresses).map(formatAddress), sorted);
  t.is(compareAddresses(5n, 5n), 0);
});

test('keys of different addresses differ, and many that end alike are told apart', (t) => {
  fc.assert(fc.property(ipv6, ipv6, (a, b) => t.is(addressKey(a) === addressKey(b), a === b)));
  const alike = Array.from({ length: 100_000 }, (_, i) => (BigInt(i) << 64n) | 1n);
  // A set of the addresses themselves takes minutes.
  t.is(new Set(alike.map(addressKey)).size, alike.length);
});

test('prefixes are read as they are written', (t) => {
  for (const text of ['0.0.0.0/0', '10.1.0.0/16', '10.0.0.5/32', '::/0', 'fd00:1::/48', 'fd00::5/128']) {
    t.is(formatPrefix(parsePrefix(text)), text);
  }
  t.is(formatPrefix(parsePrefix('10.0.0.5')), '10.0.0.5/32');
  t.is(formatPrefix(parsePrefix('fd00::5')), 'fd00::5/128');
});

const BAD: readonly [text: string, why: RegExp][] = [
  ['10.1.2.3/16', /bits behind the first 16 are set; 10\.1\.0\.0\/16 is one/],
  ['128.0.0.0/0', /set; 0\.0\.0\.0\/0 is one/],
  ['fd00:1::1/48', /set; fd00:1::\/48 is one/],
  ['10.0.0.0/33', /'33' is not a number from 0 to 32/],
  ['fd00::/129', /'129' is not a number from 0 to 128/],
  ['10.0.0.0/', /length '' is not/],
  ['10.0.0.0/08', /length '08' is not/],
  ['10.0.0.0/8/8', /length '8\/8' is not/],
  ['10.0.0.0/255.0.0.0', /length '255.0.0.0' is not/],
  ['10.0.0/8', /'10.0.0' is not an IPv4 address/],
  ['/8', /'' is not an IPv4 address/],
];
for (const [text, why] of BAD) {
  test(`no prefix: ${text}`, (t) => {
    t.regex(t.throws(() => parsePrefix(text), { instanceOf: AddressError }).message, why);
  });
}

test('what is in a prefix', (t) => {
  const has = (prefix: string, address: string): boolean =>
    prefixHas(parsePrefix(prefix), parseAddress(address));
  t.true(has('10.0.0.0/8', '10.255.255.255'));
  t.false(has('10.0.0.0/8', '11.0.0.0'));
  t.true(has('0.0.0.0/0', '255.255.255.255'));
  t.false(has('0.0.0.0/0', '::'));
  t.true(has('128.0.0.0/1', '255.0.0.0'));
  t.true(has('fd00::/8', 'fdff::1'));
  t.false(has('fd00::/8', 'fe00::'));
  const overlap = (a: string, b: string): boolean => prefixesOverlap(parsePrefix(a), parsePrefix(b));
  t.true(overlap('10.0.0.0/8', '10.1.0.0/16'));
  t.true(overlap('10.1.0.0/16', '10.0.0.0/8'));
  t.false(overlap('10.1.0.0/16', '10.2.0.0/15'));
  t.false(overlap('::/0', '0.0.0.0/0'));
});

const BOTH: readonly Side[] = ['inside', 'outside'];
const UNUSABLE: readonly [text: string, sides: readonly Side[], why: RegExp][] = [
  ['0.0.0.0', BOTH, /is in 0\.0\.0\.0\/8, which is 'this network'/],
  ['0.255.255.255', BOTH, /this network/],
  ['224.0.0.1', BOTH, /multicast/],
  ['239.255.255.255', BOTH, /multicast/],
  ['255.255.255.255', BOTH, /broadcast/],
  ['127.0.0.1', ['outside'], /loopback/],
  ['::', BOTH, /unspecified/],
  ['::1', BOTH, /loopback/],
  ['::ffff:10.0.0.5', BOTH, /is in ::ffff:0\.0\.0\.0\/96, which is IPv4/],
  ['fe80::1', BOTH, /link-local/],
  ['febf:ffff::', BOTH, /link-local/],
  ['ff02::1', BOTH, /multicast/],
  ['0.0.0.0/0', BOTH, /overlaps 255\.255\.255\.255\/32, which is the broadcast address/],
  ['192.0.0.0/2', BOTH, /overlaps 255/],
  ['224.0.0.0/5', BOTH, /is in 224\.0\.0\.0\/4, which is multicast/],
  ['126.0.0.0/7', ['outside'], /overlaps 127\.0\.0\.0\/8/],
  ['::/0', BOTH, /overlaps ::\/128/],
  ['::fffe:0:0/95', BOTH, /overlaps ::ffff:0\.0\.0\.0\/96/],
  ['fe00::/8', BOTH, /overlaps fe80::\/10/],
  ['1.0.0.0', [], /./],
  ['126.255.255.255', [], /./],
  ['128.0.0.0', [], /./],
  ['169.254.1.1', [], /./],
  ['223.255.255.255', [], /./],
  ['240.0.0.1', [], /./],
  ['240.0.0.0/5', [], /./],
  ['128.0.0.0/2', [], /./],
  ['::2', [], /./],
  ['64:ff9b::1', [], /./],
  ['2001:db8::1', [], /./],
  ['fd00::', [], /./],
  ['fec0::1', [], /./],
  ['fc00::/7', [], /./],
];
for (const [text, sides, why] of UNUSABLE) {
  test(`${sides.length === 0 ? 'usable' : `unusable on the ${sides.join(' and the ')}`}: ${text}`, (t) => {
    for (const side of BOTH) {
      const found = [unusable(parsePrefix(text), side)];
      if (!text.includes('/')) found.push(unusableAddress(parseAddress(text), side));
      for (const each of found) {
        if (sides.includes(side)) t.regex(each ?? '', why);
        else t.is(each, undefined);
      }
    }
  });
}
