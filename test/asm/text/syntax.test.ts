// What the text assembler reads: the table's right side is written by hand, in bytes where it matters, else as the
// kernel would list it.

import test from 'ava';
import { assembleText, defineMap, disassemble, u32, u64 } from '../../../src/asm/index.ts';

const map = defineMap({ name: 'counts', type: 'array', key: u32, value: u64, maxEntries: 4 });

const listing = (text: string): string[] => assembleText(text, { maps: [map] }).instructions.map(disassemble);
const hex = (text: string): string => Buffer.from(assembleText(text).code).toString('hex');

function table(name: string, rows: readonly (readonly [text: string, listed: string])[]): void {
  test(name, (t) => {
    for (const [text, listed] of rows) t.deepEqual(listing(text), [listed], text);
  });
}

table("arithmetic: the kernel's and LLVM's ways to write it", [
  ['r1 = 16', 'r1 = 16'],
  ['r1 = 0x10', 'r1 = 16'],
  ['R1 = -0x10', 'r1 = -16'],
  ['r1=5', 'r1 = 5'],
  ['r1 = 0xffffffff80000000', 'r1 = -2147483648'],
  ['w1 = 0xffffffff', 'w1 = -1'],
  ['w1 += 4294967295', 'w1 += -1'],
  ['r1 = - r1', 'r1 = -r1'],
  ['w1 = -w1', 'w1 = -w1'],
  ['r1 = (s32) r2', 'r1 = (s32)r2'],
  ['r1 s>>= r2', 'r1 s>>= r2'],
  ['r1 s/= -3', 'r1 s/= -3'],
  ['w1 s%= w2', 'w1 s%= w2'],
  ['r1 = be16 r1', 'r1 = be16 r1'],
  ['r1 = addr_space_cast(r2, 0x0, 0x1)', 'r1 = addr_space_cast(r2, 0, 1)'],
]);

table('64-bit immediates', [
  ['r1 = 16 ll', 'r1 = 0x10 ll'],
  ['r1 = 0x10 ll', 'r1 = 0x10 ll'],
  ['r1 = -1 ll', 'r1 = 0xffffffffffffffff ll'],
  ['r1 = 0x1122334455667788 ll', 'r1 = 0x1122334455667788'],
  ['r1 = 0x1122334455667788', 'r1 = 0x1122334455667788'],
  ['0: (18) r1 = 0x10', 'r1 = 0x10 ll'],
  ['0: (18) r1 = 0xffffffff', 'r1 = 0xffffffff ll'],
  ['0: (b7) r1 = 16', 'r1 = 16'],
  ['lddw %r1, 0x10', 'r1 = 0x10 ll'],
  ['r1 = map[counts]', 'r1 = map[counts]'],
  ['r1 = counts ll', 'r1 = map[counts]'],
  ['r1 = map[counts][0]+8', 'r1 = map[counts][0]+8'],
  ['r1 = map[fd:7]', 'r1 = map[fd:7]'],
  ['r1 = map[idx:7]+4', 'r1 = map[idx:7]+4'],
  ['r1 = btf[id:7, fd:3]', 'r1 = btf[id:7, fd:3]'],
  ['r1 = subprog[+5]', 'r1 = subprog[+5]'],
]);

table('memory', [
  ['r0 = *(u32 *)(r1 +76)', 'r0 = *(u32 *)(r1 + 76)'],
  ['r0 = *(u32*)(r1+0x4c)', 'r0 = *(u32 *)(r1 + 76)'],
  ['w0 = *(u32 *)(r1 + 76)', 'r0 = *(u32 *)(r1 + 76)'],
  ['r0 = *(u8 *)(r10 - 1)', 'r0 = *(u8 *)(r10 - 1)'],
  ['r0 = *(u64 *)(r1)', 'r0 = *(u64 *)(r1 + 0)'],
  ['r0 = *(s16 *)(r1 + 2)', 'r0 = *(s16 *)(r1 + 2)'],
  ['*(u8 *)(r10 - 1) = w2', '*(u8 *)(r10 - 1) = r2'],
  ['*(u64 *)(r10 -8) = -7', '*(u64 *)(r10 - 8) = -7'],
  ['*(u32 *)(r10 -8) = 0xffffffff', '*(u32 *)(r10 - 8) = -1'],
  ['r0 = *(u8 *)skb[23]', 'r0 = *(u8 *)skb[23]'],
  ['r0 = *(u16 *)skb[r6]', 'r0 = *(u16 *)skb[r6 + 0]'],
  ['r0 = *(u16 *)skb[r6 + -5]', 'r0 = *(u16 *)skb[r6 + -5]'],
  ['r0 = *(u16 *)skb[r6 - 5]', 'r0 = *(u16 *)skb[r6 + -5]'],
]);

table('atomic operations: the names of the kernel, LLVM and the RFC', [
  ['lock *(u64 *)(r1 + 0) += r2', 'lock *(u64 *)(r1 + 0) += r2'],
  ['lock *(u32 *)(r1 + 0) |= w2', 'lock *(u32 *)(r1 + 0) |= r2'],
  ['r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)', 'r2 = atomic64_fetch_add((u64 *)(r1 + 0), r2)'],
  ['r2 = atomic_fetch_add((u64 *)(r1 + 0), r2)', 'r2 = atomic64_fetch_add((u64 *)(r1 + 0), r2)'],
  ['w2 = atomic_fetch_xor((u32 *)(r1 + 0), w2)', 'r2 = atomic_fetch_xor((u32 *)(r1 + 0), r2)'],
  ['r2 = atomic_fetch_and_32((u32 *)(r1 + 0), r2)', 'r2 = atomic_fetch_and((u32 *)(r1 + 0), r2)'],
  ['r2 = xchg_64(r1 + 8, r2)', 'r2 = atomic64_xchg((u64 *)(r1 + 8), r2)'],
  ['w2 = xchg32_32(r1 + 8, w2)', 'r2 = atomic_xchg((u32 *)(r1 + 8), r2)'],
  ['r2 = xchg_32((u32 *)(r1 + 8), r2)', 'r2 = atomic_xchg((u32 *)(r1 + 8), r2)'],
  ['r0 = cmpxchg_64(r1 + 8, r0, r2)', 'r0 = atomic64_cmpxchg((u64 *)(r1 + 8), r0, r2)'],
  ['w0 = cmpxchg_32(r1 + 8, w0, w2)', 'r0 = atomic_cmpxchg((u32 *)(r1 + 8), r0, r2)'],
  ['r0 = atomic64_cmpxchg((u64 *)(r1 +8), r0, r2)', 'r0 = atomic64_cmpxchg((u64 *)(r1 + 8), r0, r2)'],
  ['w2 = load_acquire((u8 *)(r1 + 1))', 'r2 = load_acquire((u8 *)(r1 + 1))'],
  ['store_release((u16 *)(r1 + 2), w2)', 'store_release((u16 *)(r1 + 2), r2)'],
]);

table('jumps and calls', [
  ['goto +5', 'goto pc+5'],
  ['goto pc+5', 'goto pc+5'],
  ['goto -0x5', 'goto pc-5'],
  ['goto 5', 'goto pc+5'],
  ['goto +0x1 <LBB0_2>', 'goto pc+1'],
  ['gotol pc-70000', 'gotol pc-70000'],
  ['may_goto +5', 'may_goto pc+5'],
  ['gotox r3', 'gotox r3'],
  ['if r1 == 5 goto +1', 'if r1 == 0x5 goto pc+1'],
  ['if r1 s> -1 goto +1', 'if r1 s> 0xffffffff goto pc+1'],
  ['if r1 == 0xffffffff goto +1', 'if r1 == 0xffffffff goto pc+1'],
  ['if w1 & w2 goto +1 <x+0x20>', 'if w1 & w2 goto pc+1'],
  ['call 1', 'call bpf_map_lookup_elem#1'],
  ['call bpf_map_lookup_elem#1', 'call bpf_map_lookup_elem#1'],
  ['call bpf_redirect', 'call bpf_redirect#23'],
  ['call redirect', 'call bpf_redirect#23'],
  ['call unknown#9999', 'call unknown#9999'],
  ['call pc-5', 'call pc-5'],
  ['call kernel-function#77', 'call kernel-function#77'],
  ['call bpf_dynptr_from_skb#77', 'call kernel-function#77'],
  ['call kernel-function#77 fd_array[2]', 'call kernel-function#77 fd_array[2]'],
  ['callx r2', 'callx r2'],
  ['exit', 'exit'],
]);

table("the conformance suite's mnemonics", [
  ['mov %r0, 0x80000000', 'r0 = -2147483648'],
  ['mov32 %r0, 4294967295', 'w0 = -1'],
  ['mov %r0, 0xffffffffffffffff', 'r0 = -1'],
  ['jeq %r0, 0xffffffff80000000, +1', 'if r0 == 0x80000000 goto pc+1'],
  ['add %r1, %r2', 'r1 += r2'],
  ['and32 %r1, %r2', 'w1 &= w2'],
  ['add64 r1, r2', 'r1 += r2'],
  ['sdiv32 %r1, -3', 'w1 s/= -3'],
  ['smod %r1, %r2', 'r1 s%= r2'],
  ['neg32 %r1', 'w1 = -w1'],
  ['movsx832 %r0, %r1', 'w0 = (s8)w1'],
  ['movsx3264 %r0, %r1', 'r0 = (s32)r1'],
  ['be16 %r1', 'r1 = be16 r1'],
  ['swap64 %r1', 'r1 = bswap64 r1'],
  ['bswap32 %r1', 'r1 = bswap32 r1'],
  ['lddw %r1, -1', 'r1 = 0xffffffffffffffff ll'],
  ['ldxw %r0, [%r1+0x2]', 'r0 = *(u32 *)(r1 + 2)'],
  ['ldxdw %r0, [%r1]', 'r0 = *(u64 *)(r1 + 0)'],
  ['ldxsb %r0, [%r1-2]', 'r0 = *(s8 *)(r1 - 2)'],
  ['stxh [%r1+2], %r2', '*(u16 *)(r1 + 2) = r2'],
  ['stw [%r1 + 2], 0x44332211', '*(u32 *)(r1 + 2) = 1144201745'],
  ['stdw [%r10-8], 0xffffffff', '*(u64 *)(r10 - 8) = -1'],
  ['jeq %r1, 0x80000000, +1 # taken', 'if r1 == 0x80000000 goto pc+1'],
  ['jslt32 %r1, %r2, -3', 'if w1 s< w2 goto pc-3'],
  ['ja +2', 'goto pc+2'],
  ['ja32 +2', 'gotol pc+2'],
  ['lock add [%r10-8], %r1', 'lock *(u64 *)(r10 - 8) += r1'],
  ['lock fetch or32 [%r10-8], %r1', 'r1 = atomic_fetch_or((u32 *)(r10 - 8), r1)'],
  ['lock xchg [%r10-8], %r1', 'r1 = atomic64_xchg((u64 *)(r10 - 8), r1)'],
  ['lock cmpxchg32 [%r10-8], %r1', 'r0 = atomic_cmpxchg((u32 *)(r10 - 8), r0, r1)'],
  ['call 5', 'call bpf_ktime_get_ns#5'],
  ['call helper 5', 'call bpf_ktime_get_ns#5'],
  ['call local +3', 'call pc+3'],
  ['call runtime 3', 'call kernel-function#3'],
  ['call %r2', 'callx r2'],
  ['callx %r2', 'callx r2'],
  ['ldabsh 12', 'r0 = *(u16 *)skb[12]'],
  ['ldindb %r6, 12', 'r0 = *(u8 *)skb[r6 + 12]'],
]);

test('labels, on lines of their own and in front of an instruction', (t) => {
  const { instructions, labels, items } = assembleText(
    'start:\n  if r1 == 0 goto out\n  call fn\n  goto start\nout: again: exit\nfn: r0 = 1\nexit',
  );
  t.deepEqual(instructions.map(disassemble), [
    'if r1 == 0x0 goto pc+2',
    'call pc+2',
    'goto pc-3',
    'exit',
    'r0 = 1',
    'exit',
  ]);
  t.deepEqual(
    [...labels],
    [
      ['start', 0],
      ['out', 3],
      ['again', 3],
      ['fn', 4],
    ],
  );
  t.is(items.length, 6 + 4);
});

test('a label behind a wide instruction counts both of its units', (t) => {
  t.deepEqual(listing('goto out\nr1 = 5 ll\nout: exit'), ['goto pc+2', 'r1 = 0x5 ll', 'exit']);
});

test('a label may have the name of a helper: it is nearer', (t) => {
  t.deepEqual(listing('call redirect\nexit\nredirect: exit')[0], 'call pc+1');
});

test('the address of a function', (t) => {
  t.deepEqual(listing('r1 = fn ll\nexit\nfn: exit')[0], 'r1 = subprog[+2]');
  t.deepEqual(listing('r1 = subprog[fn]\nexit\nfn: exit')[0], 'r1 = subprog[+2]');
});

test('exit is a label at the first exit, unless there is one of that name', (t) => {
  t.deepEqual(listing('jeq %r1, 1, exit\nmov %r0, 1\nexit\nexit')[0], 'if r1 == 0x1 goto pc+1');
  t.deepEqual(listing('goto exit\nexit\nexit: r0 = 1\nexit')[0], 'goto pc+1');
});

test('comments', (t) => {
  const text = `
    ; one
    # two
    // three
    r0 = 1 ; four   # five
    r0 = 2 # six
    r0 = 3 // seven
    /* r0 = 4
       r0 = 5 */ r0 = 6 /* seven */
    r0 /* eight */ = 7
    call bpf_redirect#23# nine
  `;
  t.deepEqual(listing(text), ['r0 = 1', 'r0 = 2', 'r0 = 3', 'r0 = 6', 'r0 = 7', 'call bpf_redirect#23']);
});

test("the verifier's log, with what it says of registers", (t) => {
  const text = `0: (61) r2 = *(u32 *)(r1 +76)       ; R1=ctx() R2_w=pkt(r=0)
1: (bf) r3 = r2                     ; R2_w=pkt(r=0) R3_w=pkt(r=0)
2: (07) r3 += 14                    ; R3=5
3: (18) r4 = 0x5                    ; R4_w=5
5: (95) exit`;
  t.deepEqual(listing(text), ['r2 = *(u32 *)(r1 + 76)', 'r3 = r2', 'r3 += 14', 'r4 = 0x5 ll', 'exit']);
});

test("llvm-objdump's listing, with bytes and labels", (t) => {
  const text = `0000000000000000 <entry>:
       0:	18 01 00 00 88 77 66 55 00 00 00 00 44 33 22 11	r1 = 0x1122334455667788 ll
       2:	15 01 01 00 05 00 00 00	if r1 == 0x5 goto +0x1 <LBB0_2>
       3:	b7 00 00 00 00 00 00 00	r0 = 0x0
0000000000000020 <LBB0_2>:
       4:	95 00 00 00 00 00 00 00	exit`;
  const { labels } = assembleText(text);
  t.deepEqual(listing(text), ['r1 = 0x1122334455667788', 'if r1 == 0x5 goto pc+1', 'r0 = 0', 'exit']);
  t.deepEqual(
    [...labels],
    [
      ['entry', 0],
      ['LBB0_2', 4],
    ],
  );
});

test('units as numbers', (t) => {
  t.is(hex('.quad 0x95'), '9500000000000000');
  t.is(hex('.quad 0x18, 0x500000000'), '18000000000000000000000005000000');
  t.is(hex('.8byte 0xff'), 'ff00000000000000');
  t.deepEqual(listing('.quad 0x95'), ['exit']);
  t.deepEqual(listing('.quad 0xff'), ['.quad 0x00000000000000ff ; (ff)']);
});

test('instructions remember where they stand', (t) => {
  const { instructions } = assembleText('\n\n  x: r0 = 1\n', { file: 'a.s' });
  t.deepEqual(instructions[0]?.site?.location, { file: 'a.s', line: 3, column: 6 });
});

test('line ends of all kinds, no line at all', (t) => {
  t.deepEqual(listing('r0 = 1\r\nr0 = 2\rr0 = 3\n\n'), ['r0 = 1', 'r0 = 2', 'r0 = 3']);
  t.deepEqual(listing(''), []);
  t.deepEqual(listing('# nothing'), []);
});
