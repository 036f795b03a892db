// Checksum-neutral prefixes, by RFC 6296.

import test from 'ava';
import fc from 'fast-check';
import { formatIpv6, parseIpv6 } from '../../src/nat/ipv6.ts';
import { type PrefixMapping, parseMapping } from '../../src/nat/mapping.ts';
import { neutralAdjustment, translateNeutral } from '../../src/nat/neutral.ts';
import { networkOf } from '../../src/nat/prefix.ts';

const neutral = (text: string): PrefixMapping => parseMapping(`${text},neutral`) as PrefixMapping;

const VECTORS: readonly [mapping: string, inside: string, outside: string][] = [
  // Section 3.1 and appendix B.
  ['fd01:203:405::/48=2001:db8:1::/48', 'fd01:203:405:1::1234', '2001:db8:1:d550::1234'],
  // By hand: 0xfd00 becomes 0x2001, so 0xdcff is added.
  ['fd00::/16=2001::/16', 'fd00::5', '2001:0:0:dcff::5'],
  ['fd00::/16=2001::/16', 'fd00:0:0:2300::', '2001::'],
  ['fd00::/64=2001::/64', 'fd00::5', '2001::dcff:0:0:5'],
  ['fd00::/64=2001::/64', 'fd00::ffff:0:0:5', '2001::ffff:dcff:0:5'],
  ['fd00::/64=2001::/64', 'fd00::ffff:ffff:ffff:1', '2001::ffff:ffff:ffff:dd00'],
];
for (const [mapping, inside, outside] of VECTORS) {
  test(`${inside} is ${outside} by ${mapping}`, (t) => {
    const translated = translateNeutral(neutral(mapping), 'inside', parseIpv6(inside));
    t.is(translated === undefined ? undefined : formatIpv6(translated), outside);
    const back = translateNeutral(neutral(mapping), 'outside', parseIpv6(outside));
    t.is(back === undefined ? undefined : formatIpv6(back), inside);
  });
}

test('what has no counterpart', (t) => {
  const none = (mapping: string, address: string): boolean =>
    t.is(translateNeutral(neutral(mapping), 'inside', parseIpv6(address)), undefined);
  none('fd00::/48=2001::/48', 'fd00:0:0:ffff::5');
  none('fd00::/64=2001::/64', 'fd00::ffff:ffff:ffff:ffff');
});

/** One's complement sum of an address, by the remainder that it is. */
const sum = (address: bigint): bigint => address % 0xffffn;

test('the sum never changes, and there is a way back', (t) => {
  const address = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n });
  const host = fc
    .tuple(address, fc.constantFrom(0n, 0xffffn << 64n, 0xffff_ffffn << 32n))
    .map(([a, ones]) => a | ones);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 64 }), address, address, host, (length, a, b, c) => {
      const [inside, outside] = [networkOf(a, length) as bigint, networkOf(b, length) as bigint];
      const mapping: PrefixMapping = { kind: 'prefix', inside, outside, length, neutral: true };
      const from = inside | (c & ((1n << BigInt(128 - length)) - 1n));
      const onto = translateNeutral(mapping, 'inside', from);
      if (onto === undefined) return;
      t.is(networkOf(onto, length), outside);
      t.is(sum(onto), sum(from));
      t.is(translateNeutral(mapping, 'outside', onto), from);
      t.is((neutralAdjustment(inside, outside) + neutralAdjustment(outside, inside)) % 0xffff, 0);
    }),
    { numRuns: 2_000 },
  );
});
