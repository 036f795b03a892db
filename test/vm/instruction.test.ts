// Single instructions against results worked out by hand from RFC 9669 and, where it goes further, the kernel.

import test from 'ava';
import { type Item, instruction as i, type Register } from '../../src/asm/index.ts';
import { r0 } from './support/run.ts';

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const MIN = 1n << 63n;
const ALL = u64(-1n);

/** r0 = left; r1 = right; then the instructions. */
const binary = (left: bigint, right: bigint, ...items: readonly Item[]): bigint =>
  r0([i.loadImm64(0, u64(left)), i.loadImm64(1, u64(right)), ...items, i.exit()]);

const [A, B]: readonly [Register, Register] = [0, 1];

test('64-bit arithmetic wraps', (t) => {
  t.is(binary(ALL, 1n, i.add.reg(A, B)), 0n);
  t.is(binary(0n, 1n, i.sub.reg(A, B)), ALL);
  t.is(binary(0xffff_ffffn, 1n, i.add.reg(A, B)), 0x1_0000_0000n);
  t.is(binary(0x1_0000_0000n, 1n, i.sub.reg(A, B)), 0xffff_ffffn);
  t.is(binary(0xffff_ffff_ffffn, 0xffff_ffff_ffffn, i.mul.reg(A, B)), u64(0xffff_ffff_ffffn ** 2n));
  t.is(binary(-3n, 7n, i.mul.reg(A, B)), u64(-21n));
  t.is(binary(5n, 0n, i.add.imm(A, -6)), ALL);
});

test('division by zero gives zero, its remainder the dividend', (t) => {
  const left = 0xffff_ffff_0000_0007n;
  for (const divide of [i.div, i.sdiv]) {
    t.is(binary(left, 0n, divide.reg(A, B)), 0n);
    t.is(binary(left, 0n, divide.reg32(A, B)), 0n);
  }
  for (const modulo of [i.mod, i.smod]) {
    t.is(binary(left, 0n, modulo.reg(A, B)), left);
    t.is(binary(left, 0n, modulo.reg32(A, B)), 7n, 'the upper half becomes zero');
  }
});

test('signed division rounds towards zero and knows the one quotient that does not fit', (t) => {
  t.is(binary(-13n, 3n, i.sdiv.reg(A, B)), u64(-4n));
  t.is(binary(-13n, 3n, i.smod.reg(A, B)), u64(-1n));
  t.is(binary(13n, -3n, i.sdiv.reg(A, B)), u64(-4n));
  t.is(binary(13n, -3n, i.smod.reg(A, B)), 1n);
  t.is(binary(MIN, -1n, i.sdiv.reg(A, B)), MIN);
  t.is(binary(MIN, -1n, i.smod.reg(A, B)), 0n);
  t.is(binary(0x8000_0000n, -1n, i.sdiv.reg32(A, B)), 0x8000_0000n);
  t.is(binary(0x8000_0000n, -1n, i.smod.reg32(A, B)), 0n);
  t.is(binary(ALL, 10n, i.div.reg(A, B)), 1844674407370955161n);
  t.is(binary(ALL, 10n, i.mod.reg(A, B)), 5n);
});

test('shifts take the low bits of their count', (t) => {
  for (const by of [0n, 1n, 31n, 32n, 33n, 63n, 64n, 68n, ALL]) {
    const n = by & 63n;
    const value = 0x89ab_cdef_0123_4567n;
    t.is(binary(value, by, i.lsh.reg(A, B)), u64(value << n), `lsh ${by}`);
    t.is(binary(value, by, i.rsh.reg(A, B)), value >> n, `rsh ${by}`);
    t.is(binary(value, by, i.arsh.reg(A, B)), u64(BigInt.asIntN(64, value) >> n), `arsh ${by}`);
    const m = by & 31n;
    t.is(binary(value, by, i.lsh.reg32(A, B)), BigInt.asUintN(32, 0x0123_4567n << m), `lsh32 ${by}`);
    t.is(
      binary(0x89ab_cdefn, by, i.arsh.reg32(A, B)),
      BigInt.asUintN(32, BigInt.asIntN(32, 0x89ab_cdefn) >> m),
    );
  }
});

test('32-bit results leave zeros above', (t) => {
  t.is(binary(ALL, 1n, i.add.reg32(A, B)), 0n);
  t.is(binary(ALL, 0n, i.mov.reg32(A, A)), 0xffff_ffffn);
  t.is(binary(1n, 0n, i.neg32(A)), 0xffff_ffffn);
  t.is(binary(1n, 0n, i.neg(A)), ALL);
  t.is(binary(MIN, 0n, i.neg(A)), MIN);
  t.is(binary(1n << 32n, 0n, i.neg(A)), u64(-(1n << 32n)));
});

test('sign extension and byte order', (t) => {
  t.is(binary(0n, 0x8080n, i.movsx.reg(A, B, 8)), u64(-128n));
  t.is(binary(0n, 0x8080n, i.movsx.reg(A, B, 16)), u64(-32640n));
  t.is(binary(0n, 0x8000_0000n, i.movsx.reg(A, B, 32)), u64(-(1n << 31n)));
  t.is(binary(0n, 0x80n, i.movsx.reg32(A, B, 8)), 0xffff_ff80n);
  const value = 0x0102_0304_0506_0708n;
  t.is(binary(value, 0n, i.bswap(A, 16)), 0x0807n);
  t.is(binary(value, 0n, i.bswap(A, 32)), 0x0807_0605n);
  t.is(binary(value, 0n, i.bswap(A, 64)), 0x0807_0605_0403_0201n);
  // One of the two is a swap and the other keeps the low bits, whatever the machine.
  const both = [i.be, i.le].map((order) => binary(value, 0n, order(A, 16)));
  t.deepEqual(both.toSorted(), [0x0708n, 0x0807n]);
});

test('loads and stores of every size, sign-extending and immediate', (t) => {
  const memory = (): Uint8Array => Uint8Array.from({ length: 16 }, (_, n) => 0xf0 + n);
  t.is(r0([i.load(1, 0, 1, 3), i.exit()], memory()), 0xf3n);
  const halves = [i.load(2, 0, 1, 1), i.be(0, 16), i.exit()];
  t.is(r0(halves, memory()), 0xf1f2n);
  t.is(r0([i.load(8, 0, 1, 5), i.be(0, 64), i.exit()], memory()), 0xf5f6_f7f8_f9fa_fbfcn);
  t.is(r0([i.loadSigned(1, 0, 1, 3), i.exit()], memory()), u64(-13n));
  const changed = memory();
  r0([i.storeImm(8, 1, 0, -2), i.mov.imm(0, 0), i.exit()], changed);
  t.deepEqual([...changed.subarray(0, 9)].toSorted().slice(0, 1), [0xf8]);
  t.deepEqual(new BigInt64Array(changed.buffer, 0, 1)[0], -2n);
});

test('atomic operations give back what was there', (t) => {
  const slot = (value: bigint): readonly Item[] => [i.loadImm64(2, u64(value)), i.store(8, 10, -8, 2)];
  const left: readonly Item[] = [i.load(8, 0, 10, -8), i.exit()];
  t.is(r0([...slot(-1n), i.mov.imm(1, 2), i.atomicAdd(8, 10, -8, 1), ...left]), 1n);
  t.is(r0([...slot(-1n), i.mov.imm(1, 2), i.atomicAdd(4, 10, -8, 1), ...left]), 0xffff_ffff_0000_0001n);
  t.is(r0([...slot(6n), i.mov.imm(1, 3), i.atomicFetchXor(8, 10, -8, 1), i.mov.reg(0, 1), i.exit()]), 6n);
  t.is(r0([...slot(6n), i.mov.imm(1, 3), i.atomicExchange(8, 10, -8, 1), ...left]), 3n);
  const swap = (expected: number): readonly Item[] => [
    ...slot(6n),
    i.mov.imm(0, expected),
    i.mov.imm(1, 9),
    i.atomicCompareExchange(8, 10, -8, 1),
  ];
  t.is(r0([...swap(6), ...left]), 9n);
  t.is(r0([...swap(5), ...left]), 6n);
  t.is(r0([...swap(5), i.exit()]), 6n, 'r0 becomes what was found');
  t.is(r0([...slot(7n), i.loadAcquire(8, 0, 10, -8), i.exit()]), 7n);
  t.is(r0([i.mov.imm(1, 5), i.storeRelease(8, 10, -8, 1), ...left]), 5n);
});

test('functions have a stack of their own and give r6 to r9 back', (t) => {
  const double = i.label('double');
  const result = r0([
    i.mov.imm(1, 21),
    i.mov.imm(6, 1),
    i.storeImm(8, 10, -8, 100),
    i.callLocal(double),
    i.load(8, 1, 10, -8),
    i.add.reg(0, 1),
    i.add.reg(0, 6),
    i.exit(),
    { place: double },
    i.mov.imm(6, 99),
    i.storeImm(8, 10, -8, 7),
    i.mov.reg(0, 1),
    i.add.reg(0, 1),
    i.exit(),
  ]);
  t.is(result, 143n);
});

test('a pointer into the stack of a caller can be passed on', (t) => {
  const write = i.label('write');
  const items = [
    i.storeImm(8, 10, -8, 0),
    i.mov.reg(1, 10),
    i.add.imm(1, -8),
    i.callLocal(write),
    i.load(8, 0, 10, -8),
    i.exit(),
    { place: write },
    i.storeImm(8, 1, 0, 5),
    i.mov.imm(0, 0),
    i.exit(),
  ];
  t.is(r0(items), 5n);
});

test('calls through a register: a function of the program, or a helper by its number', (t) => {
  const three = i.label('three');
  const local = [
    i.loadFunction(2, three),
    i.callIndirect(2),
    i.exit(),
    { place: three },
    i.mov.imm(0, 3),
    i.exit(),
  ];
  t.is(r0(local), 3n);
  // bpf_get_smp_processor_id
  t.is(r0([i.mov.imm(2, 8), i.callIndirect(2), i.exit()]), 0n);
});

test('may_goto lets a loop go round until its frame has had enough', (t) => {
  const again = i.label('again');
  const done = i.label('done');
  const items = [
    i.mov.imm(0, 0),
    { place: again },
    i.mayGoto(done),
    i.add.imm(0, 1),
    i.ja(again),
    { place: done },
    i.exit(),
  ];
  t.is(r0(items), 8n * 1024n * 1024n);
});

test('gotol jumps by 32 bits', (t) => {
  const far = i.label('far');
  const padding = Array.from({ length: 40_000 }, () => i.mov.imm(0, 1));
  t.is(r0([i.ja32(far), ...padding, { place: far }, i.mov.imm(0, 2), i.exit()]), 2n);
});

test('pointers spilled to the stack come back as pointers, and overwritten ones do not', (t) => {
  const memory = Uint8Array.of(7, 8);
  t.is(r0([i.store(8, 10, -8, 1), i.load(8, 3, 10, -8), i.load(1, 0, 3, 1), i.exit()], memory), 8n);
  const error = t.throws(() =>
    r0(
      [i.store(8, 10, -8, 1), i.storeImm(1, 10, -3, 0), i.load(8, 3, 10, -8), i.load(1, 0, 3, 1), i.exit()],
      memory,
    ),
  );
  t.regex(error?.message ?? '', /not a pointer/);
});
