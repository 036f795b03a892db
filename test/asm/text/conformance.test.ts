// The conformance suite's case files: the format, and programs in its syntax.

import test from 'ava';
import { assembleText, disassemble, parseConformanceCase, TextError } from '../../../src/asm/index.ts';

const CASE = `# Copyright (c) somebody
# SPDX-License-Identifier: MIT
-- c
int f(int i) { i--; return i; } # include
-- asm
mov %r0, 1 # one

jeq %r0, 1, exit
mov %r0, 2
exit
-- mem
aa bb # two
0xcc
-- raw
0x00000000000000b7
149
-- result
0xffffffffffffffff
-- no register offset
call instruction
`;

test('every section', (t) => {
  const read = parseConformanceCase(CASE);
  t.deepEqual(read.raw, [0xb7n, 0x95n]);
  t.deepEqual(read.mem, Uint8Array.of(0xaa, 0xbb, 0xcc));
  t.is(read.result, (1n << 64n) - 1n);
  t.is(read.error, undefined);
  t.deepEqual(assembleText(read.asm!).instructions.map(disassemble), [
    'r0 = 1',
    'if r0 == 0x1 goto pc+1',
    'r0 = 2',
    'exit',
  ]);
});

test("the program's lines have the file's numbers", (t) => {
  const { asm } = parseConformanceCase('# one\n-- asm\nmov %r0, 1\nfrob\n-- result\n1\n');
  const error = t.throws(() => assembleText(asm!), { instanceOf: TextError });
  t.is(error?.line, 4);
});

test('results: hexadecimal, decimal, negative; the last one counts', (t) => {
  const result = (text: string): bigint | undefined => parseConformanceCase(`-- result\n${text}\n`).result;
  t.is(result('0x2A'), 42n);
  t.is(result('42'), 42n);
  t.is(result('18446744073709551615'), (1n << 64n) - 1n);
  t.is(result('-1'), (1n << 64n) - 1n);
  t.is(result('1\n2'), 2n);
  t.is(result('# none'), undefined);
});

test('an error that is expected', (t) => {
  t.is(parseConformanceCase('-- asm\nexit\n-- error\nno such # thing\n').error, 'no such # thing');
});

test('line ends of all kinds', (t) => {
  t.deepEqual(parseConformanceCase('-- mem\r\n01 02\r\n-- result\r\n0x3\r\n'), {
    mem: Uint8Array.of(1, 2),
    result: 3n,
  });
});

test('sections that are not there', (t) => {
  t.deepEqual(parseConformanceCase(''), {});
  t.deepEqual(parseConformanceCase('-- mem\n'), { mem: new Uint8Array() });
});

for (const [text, code, place, message] of [
  ['-- frob\n', 'SYNTAX', '1:1', /expected one of asm, raw, mem/],
  ['-- mem\naa b bbb\n', 'SYNTAX', '2:6', /'bbb': expected a byte/],
  ['-- mem\nzz\n', 'SYNTAX', '2:1', /'zz'/],
  ['-- result\nfive\n', 'SYNTAX', '2:1', /'five': expected a number/],
  ['-- result\n0x10000000000000000\n', 'RANGE', '2:1', /64 bits/],
  ['-- result\n-9223372036854775809\n', 'RANGE', '2:1', /64 bits/],
  ['-- raw\n  0x\n', 'SYNTAX', '2:3', /expected a number/],
] as const) {
  test(`refused: ${JSON.stringify(text)}`, (t) => {
    const error = t.throws(() => parseConformanceCase(text), { instanceOf: TextError, message });
    t.is(error?.code, code);
    t.is(`${error?.line}:${error?.column}`, place);
  });
}
