// IPv4 addresses: strict text, and numbers.

import test from 'ava';
import fc from 'fast-check';
import { AddressError } from '../../src/nat/address-error.ts';
import { formatIpv4, parseIpv4 } from '../../src/nat/ipv4.ts';

test('addresses are numbers in host order', (t) => {
  t.is(parseIpv4('10.0.0.5'), 0x0a000005);
  t.is(parseIpv4('0.0.0.0'), 0);
  t.is(parseIpv4('255.255.255.255'), 0xffff_ffff);
});

test('text and number are one and the same', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (address) => {
      t.is(parseIpv4(formatIpv4(address)), address);
    }),
  );
  t.pass();
});

const BAD: readonly [string, RegExp][] = [
  ['', /it is empty/],
  [' 10.0.0.5', /has a space/],
  ['10.0.0.5\n', /has a space/],
  ['10.0.0', /it has 3 parts instead of 4/],
  ['10.0.0.5.6', /it has 5 parts instead of 4/],
  ['167772165', /it has 1 part instead of 4/],
  ['10.0.0.', /a part is empty/],
  ['10.0.0.5.', /it has 5 parts/],
  ['10.0.0.5.a.b', /'a' is not a decimal/],
  ['10..0.5', /a part is empty/],
  ['10.0.0.256', /256 is more than 255/],
  ['10.0.0.1000', /1000 is more than 255/],
  ['10.0.0.05', /'05' has a leading zero/],
  ['012.0.0.5', /'012' has a leading zero/],
  ['0x0a.0.0.5', /'0x0a' is not a decimal number/],
  ['10.0.0.-5', /'-5' is not a decimal number/],
  ['10.0.0.٥', /is not a decimal number/],
  ['example.com', /'example' is not a decimal number/],
];
for (const [text, why] of BAD) {
  test(`refused: ${JSON.stringify(text)}`, (t) => {
    const error = t.throws(() => parseIpv4(text), { instanceOf: AddressError, code: 'bad_address' });
    t.regex(error.message, why);
    t.true(error.message.includes(`'${text}'`));
  });
}

test('a number that is no address is refused', (t) => {
  for (const address of [-1, 2 ** 32, 1.5, Number.NaN]) {
    t.throws(() => formatIpv4(address), { instanceOf: RangeError });
  }
});
