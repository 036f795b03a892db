// What the text assembler refuses: each with its code, its place, and what would have been right.

import test from 'ava';
import { assembleText, defineMap, TextError, u32, u64 } from '../../../src/asm/index.ts';

const map = defineMap({ name: 'counts', type: 'array', key: u32, value: u64, maxEntries: 4 });

type Row = readonly [text: string, code: string, place: string, message: RegExp];

const ROWS: readonly Row[] = [
  // not an instruction
  ['frobnicate r1', 'SYNTAX', '1:1', /expected an instruction, found 'frobnicate'/],
  ['\n\n  5', 'SYNTAX', '3:4', /expected ':', found the end/],
  ['@', 'SYNTAX', '1:1', /'@' has no meaning/],
  ['r1 = "x"', 'SYNTAX', '1:6', /'"' has no meaning/],
  ['r1 = \u0007', 'SYNTAX', '1:6', /U\+0007 has no meaning/],
  ['r1 = 5 6', 'SYNTAX', '1:8', /expected the end of the line, found '6'/],
  ['r1', 'SYNTAX', '1:3', /expected an operator .*, found the end/],
  ['r1 +=', 'SYNTAX', '1:6', /expected a register or a number/],
  ['r1 =', 'SYNTAX', '1:5', /expected a value/],
  ['r1 ~ 5', 'SYNTAX', '1:4', /'~' has no meaning/],
  ['r1 == 5', 'SYNTAX', '1:4', /expected an operator/],
  ['exit exit', 'SYNTAX', '1:6', /expected the end of the line/],
  ['/* r1', 'SYNTAX', '1:1', /comment without its end/],
  ['r1 = 5; r2 = 6', 'SYNTAX', '1:8', /one instruction a line/],
  // registers
  ['r11 = 5', 'RANGE', '1:1', /register r11: there are r0 to r10/],
  ['r01 = 5', 'RANGE', '1:1', /register r01/],
  ['mov %r15, 5', 'RANGE', '1:6', /register r15/],
  ['w1 = r2', 'SYNTAX', '1:6', /expected a register w0 to w10, found 'r2'/],
  ['r1 += w2', 'SYNTAX', '1:7', /expected a register r0 to r10, found 'w2'|expected a register or a number/],
  ['r1 = -r2', 'SYNTAX', '1:7', /expected r1, found 'r2'/],
  ['r1 = be16 r2', 'SYNTAX', '1:11', /expected r1/],
  ['w1 = be16 w1', 'SYNTAX', '1:6', /expected a number or a register/],
  ['r1 = *(u32 *)(w2 + 0)', 'SYNTAX', '1:15', /expected a register r0 to r10/],
  ['w1 = *(u64 *)(r2 + 0)', 'SYNTAX', '1:6', /expected r1/],
  ['*(u64 *)(r2 + 0) = w1', 'SYNTAX', '1:20', /expected a register r0 to r10/],
  ['w1 = (s32)w2', 'SYNTAX', '1:10', /expected s8 or s16/],
  // numbers
  ['r1 = 0xffffffff', 'RANGE', '1:6', /0xffffffff does not fit into 32 bits that are sign-extended/],
  ['r1 = 2147483648', 'RANGE', '1:6', /2147483648/],
  ['r1 += 0x123456789', 'RANGE', '1:7', /0x123456789/],
  ['w1 = 4294967296', 'RANGE', '1:6', /4294967296 does not fit into 32 bits/],
  ['w1 = -2147483649', 'RANGE', '1:6', /-2147483649/],
  ['r1 = 0x10000000000000000 ll', 'RANGE', '1:6', /does not fit into 64 bits/],
  ['r1 = -9223372036854775809 ll', 'RANGE', '1:6', /64 bits/],
  ['w1 = 5 ll', 'SYNTAX', '1:6', /expected r1/],
  ['r1 = 5a', 'SYNTAX', '1:6', /expected a number, found '5a'/],
  ['r1 = 0x', 'SYNTAX', '1:6', /expected a number/],
  ['r1 = 010', 'SYNTAX', '1:6', /octal/],
  [`r1 = ${'9'.repeat(100_000)}`, 'RANGE', '1:6', /9{40}\.\.\. does not fit/],
  ['mov %r1, 0x100000000', 'RANGE', '1:10', /32 bits/],
  ['mov32 %r1, 0xffffffffffffffff', 'RANGE', '1:12', /32 bits/],
  ['if r1 == 2147483648 goto +1', 'RANGE', '1:10', /2147483648/],
  ['if r1 == 0x100000000 goto +1', 'RANGE', '1:10', /0x100000000/],
  ['r1 = *(u32 *)(r2 + 32768)', 'RANGE', '1:18', /32768 does not fit into 16 signed bits/],
  ['r1 = *(u32 *)(r2 - 32769)', 'RANGE', '1:18', /-32769/],
  ['goto +32768', 'RANGE', '1:6', /16 signed bits/],
  ['gotol +2147483648', 'RANGE', '1:7', /32 signed bits/],
  ['call 4294967296', 'RANGE', '1:6', /32 signed bits/],
  ['.quad -1', 'RANGE', '1:7', /64 unsigned bits/],
  ['r1 = map[fd:4294967296]', 'RANGE', '1:13', /32 unsigned bits/],
  ['r1 = addr_space_cast(r2, 65536, 0)', 'RANGE', '1:26', /16 unsigned bits/],
  // memory
  ['r1 = *(u24 *)(r2 + 0)', 'SYNTAX', '1:8', /expected a type such as u32, found 'u24'/],
  ['r1 = *(s64 *)(r2 + 0)', 'SYNTAX', '1:8', /expected a type/],
  ['*(s32 *)(r2 + 0) = 5', 'SYNTAX', '1:2', /unsigned/],
  ['r1 = *(u8 *)skb[5]', 'SYNTAX', '1:6', /expected r0 = /],
  ['lock *(u8 *)(r1 + 0) += r2', 'SYNTAX', '1:7', /expected u32 or u64/],
  ['lock *(u64 *)(r1 + 0) -= r2', 'SYNTAX', '1:23', /expected one of \+= \|= &= \^=/],
  ['r2 = atomic_fetch_add((u64 *)(r1 + 0), r3)', 'SYNTAX', '1:40', /expected r2, found 'r3'/],
  ['r2 = atomic64_fetch_add((u32 *)(r1 + 0), r2)', 'SYNTAX', '1:6', /as wide as the operation/],
  ['r2 = atomic_fetch_add(r1 + 0, r2)', 'SYNTAX', '1:6', /pointer to u32 or u64/],
  ['w2 = xchg_64(r1 + 0, w2)', 'SYNTAX', '1:6', /expected r2/],
  ['r1 = cmpxchg_64(r1 + 0, r0, r2)', 'SYNTAX', '1:6', /expected r0/],
  ['lock frob [%r1], %r2', 'SYNTAX', '1:6', /expected one of add, or/],
  // labels, functions and maps
  ['goto nowhere', 'LABEL', '1:6', /label nowhere is nowhere/],
  ['goto exit', 'LABEL', '1:6', /label exit .* no exit instruction/],
  ['x: exit\nx: exit', 'LABEL', '2:1', /label x is there twice/],
  ['r1: exit', 'LABEL', '1:1', /name of a register/],
  ['call nobody', 'LABEL', '1:6', /function nobody: expected a label or a helper/],
  ['call bpf_redirect#24', 'SYNTAX', '1:6', /expected #23/],
  ['call unknown#23', 'SYNTAX', '1:6', /expected bpf_redirect/],
  ['r1 = map[other]', 'LABEL', '1:10', /map other: expected one of the maps \(counts\)/],
  ['r1 = map[id:3]', 'SYNTAX', '1:10', /cannot be loaded by its id/],
  ['r1 = other ll', 'LABEL', '1:6', /other/],
  ['r1 = redirect ll', 'LABEL', '1:6', /not a helper/],
  ['jeq %r1, 1', 'SYNTAX', '1:11', /expected ','/],
  ['if r1 = 5 goto +1', 'SYNTAX', '1:7', /expected a comparison/],
  ['if r1 == 5 jump +1', 'SYNTAX', '1:12', /expected 'goto'/],
  [
    'goto +100\nif r1 & 1 goto far\n'.concat('r0 = 1\n'.repeat(32_768), 'far: exit\ngoto +1'),
    'LABEL',
    '32772:1',
    /leads to no instruction/,
  ],
  // what a listing has in front
  ['0: exit\n2: exit', 'SYNTAX', '2:1', /index 2: this is instruction 1/],
  ['5:', 'SYNTAX', '1:3', /expected an instruction/],
  ['0: (61) exit', 'SYNTAX', '1:4', /opcode in front, this is \(95\)/],
  ['.quad 0x18', 'SYNTAX', '1:7', /second half/],
  ['.quad 0x18, 0x95', 'SYNTAX', '1:7', /second half/],
];

for (const [text, code, place, message] of ROWS) {
  test(text.length > 60 ? `${text.slice(0, 60)}...` : JSON.stringify(text), (t) => {
    const error = t.throws(() => assembleText(text, { maps: [map] }), { instanceOf: TextError });
    t.is(error?.code, code as TextError['code'], error?.message);
    t.is(`${error?.line}:${error?.column}`, place, error?.message);
    t.regex(error?.message ?? '', message);
    t.true((error?.message.length ?? 0) < 300);
  });
}
