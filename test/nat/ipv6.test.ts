// IPv6 addresses: every form that RFC 4291 knows is read, that of RFC 5952 is written; Python's ipaddress judges.

import { execFileSync } from 'node:child_process';
import test from 'ava';
import fc from 'fast-check';
import { AddressError } from '../../src/nat/address-error.ts';
import { formatIpv6, parseIpv6 } from '../../src/nat/ipv6.ts';

/** Text, number, and how it is written back where that differs. */
const GOOD: readonly [text: string, address: bigint, written?: string][] = [
  ['::', 0n],
  ['::1', 1n],
  ['1::', 1n << 112n],
  ['fd00::5', (0xfd00n << 112n) | 5n],
  ['1:2:3:4:5:6:7:8', 0x0001_0002_0003_0004_0005_0006_0007_0008n],
  ['2001:DB8:0:0::0005', 0x2001_0db8_0000_0000_0000_0000_0000_0005n, '2001:db8::5'],
  ['::203.0.113.5', 0xcb00_7105n, '::cb00:7105'],
  ['::ffff:203.0.113.5', 0xffff_cb00_7105n],
  ['::ffff:cb00:7105', 0xffff_cb00_7105n, '::ffff:203.0.113.5'],
  ['64:ff9b::192.0.2.33', 0x0064_ff9b_0000_0000_0000_0000_c000_0221n, '64:ff9b::c000:221'],
  ['1:2:3:4:5:6:1.2.3.4', 0x0001_0002_0003_0004_0005_0006_0102_0304n, '1:2:3:4:5:6:102:304'],
  // RFC 5952, section 4.2: the longest run, the first of equals, never a single word.
  ['2001:0:0:1:0:0:0:1', 0x2001_0000_0000_0001_0000_0000_0000_0001n, '2001:0:0:1::1'],
  ['2001:db8:0:0:1:0:0:1', 0x2001_0db8_0000_0000_0001_0000_0000_0001n, '2001:db8::1:0:0:1'],
  ['2001:db8::1:1:1:1:1', 0x2001_0db8_0000_0001_0001_0001_0001_0001n, '2001:db8:0:1:1:1:1:1'],
  ['1::2:3:4:5:6:7', 0x0001_0000_0002_0003_0004_0005_0006_0007n, '1:0:2:3:4:5:6:7'],
];
for (const [text, address, written = text] of GOOD) {
  test(`read: ${text}`, (t) => {
    t.is(parseIpv6(text), address);
    t.is(formatIpv6(address), written);
  });
}

const BAD: readonly [text: string, why: RegExp][] = [
  ['', /it is empty/],
  [':', /a part is empty/],
  [':::', /a part is empty/],
  ['fd00::5 ', /has a space/],
  ['fe80::1%eth0', /a zone \(%\) is not part of an address/],
  ['[fd00::5]', /brackets \(\[\]\) are for an address with a port/],
  ['1:2:3:4:5:6:7', /it has 7 parts instead of 8/],
  ['1:2:3:4:5:6:7:8:9', /it has 9 parts instead of 8/],
  ['1::2::3', /more than one '::'/],
  ['1:2:3:4::5:6:7:8', /it has 8 parts beside '::'/],
  ['1:2:3:4:5:6:7:', /a part is empty/],
  [':1:2:3:4:5:6:7', /a part is empty/],
  ['fd00::12345', /'12345' has more than 4 digits/],
  ['fd00::0x5', /'0x5' is not a hexadecimal number/],
  ['fd00::g', /'g' is not a hexadecimal number/],
  ['fd00::-1', /'-1' is not a hexadecimal number/],
  ['::1.2.3', /'1.2.3' is not an IPv4 address: it has 3 parts/],
  ['::1.2.3.256', /256 is more than 255/],
  ['::01.2.3.4', /'01' has a leading zero/],
  ['1.2.3.4::', /'1.2.3.4' is not at its end/],
  ['::1.2.3.4:5', /'1.2.3.4' is not at its end/],
  ['1:2:3:4:5:6:7:1.2.3.4', /it has 9 parts instead of 8/],
];
for (const [text, why] of BAD) {
  test(`refused: ${JSON.stringify(text)}`, (t) => {
    const error = t.throws(() => parseIpv6(text), { instanceOf: AddressError, code: 'bad_address' });
    t.regex(error.message, why);
    t.true(error.message.startsWith(`'${text}' is not an IPv6 address: `));
  });
}

test('a number that is no address is refused', (t) => {
  for (const address of [-1n, 1n << 128n]) t.throws(() => formatIpv6(address), { instanceOf: RangeError });
});

/** Addresses with many zero words, so that there are runs to shorten. */
const address = fc
  .array(fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.constantFrom(1, 0xffff), fc.nat(0xffff)), {
    minLength: 8,
    maxLength: 8,
  })
  .map((words) => words.reduce((all, word) => (all << 16n) | BigInt(word), 0n));

test('text and number are one and the same', (t) => {
  fc.assert(fc.property(address, (number) => t.is(parseIpv6(formatIpv6(number)), number)));
  t.pass();
});

/** What Python makes of each line: the number and the text of an IPv6 address, or nothing. */
function python(lines: readonly string[]): (readonly [bigint, string] | undefined)[] {
  const program = `
import ipaddress, sys
for line in sys.stdin.read().split('\\n'):
    try:
        address = ipaddress.IPv6Address(line)
        print(int(address), str(address))
    except ValueError:
        print()
`;
  const output = execFileSync('/usr/bin/python3', ['-c', program], {
    input: lines.join('\n'),
    encoding: 'utf8',
  });
  return output
    .split('\n')
    .slice(0, lines.length)
    .map((line) => {
      const [number = '', text = ''] = line.split(' ');
      return number === '' ? undefined : ([BigInt(number), text] as const);
    });
}

test("Python reads and writes the same; it does not know RFC 5952's dotted form of IPv4-mapped addresses", (t) => {
  const numbers = fc.sample(address, 2_000);
  const dotted = /^::ffff:\d+\.\d+\.\d+\.\d+$/;
  for (const [i, found] of python(numbers.map(formatIpv6)).entries()) {
    const text = formatIpv6(numbers[i]!);
    t.is(found?.[0], numbers[i]);
    if (!dotted.test(text)) t.is(found?.[1], text);
  }
});

test('Python takes and refuses the same text', (t) => {
  const part = fc.oneof(
    { weight: 12, arbitrary: fc.nat(0xffff).map((word) => word.toString(16)) },
    { weight: 3, arbitrary: fc.constantFrom('', '0', '00ff', 'FFFF') },
    { weight: 1, arbitrary: fc.constantFrom('1.2.3.4', '1.2.3', '01.2.3.4', 'g', '12345') },
  );
  const texts = fc
    .sample(fc.array(part, { minLength: 2, maxLength: 9 }), 5_000)
    .map((parts) => parts.join(':'));
  const accepted = python(texts).map((expected, i) => {
    let read: bigint | undefined;
    try {
      read = parseIpv6(texts[i]!);
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
    }
    t.is(read, expected?.[0], texts[i]);
    return read !== undefined;
  });
  t.true(accepted.filter(Boolean).length > 200);
});
