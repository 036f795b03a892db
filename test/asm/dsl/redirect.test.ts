// Packets sent to neighbours, memory seen through another layout, what is usual though it ends: compiled, and run in the
// kernel and in the interpreter.

import test from 'ava';
import {
  array,
  be16,
  be32,
  bytes,
  defineMap,
  HELPERS,
  type Program,
  program,
  skBuff,
  struct,
  type TcBuilder,
  u32,
  u64,
} from '../../../src/asm/index.ts';
import { BpfMap, loadProgram } from '../../../src/loader/index.ts';
import { createMap, Vm } from '../../../src/vm/index.ts';

/** Classes of instructions (include/uapi/linux/bpf_common.h). */
const [BPF_ST, BPF_STX] = [2, 3];
const SHOT = 2;
const REDIRECT = 7;
const FRAME: Uint8Array = Uint8Array.from({ length: 64 }, (_, i) => i);

const tc = (body: (p: TcBuilder) => void): Program => program('sched_cls', 'test_redirect', body);
const AGAIN = tc((p) => p.redirectNeigh(9, { family: 4, nexthop: [0xac10_0002] }));

test('to a neighbour of IPv4', (t) => {
  const { redirect, returnValue } = new Vm(AGAIN).run({ packet: FRAME });
  t.is(returnValue, REDIRECT);
  t.is(redirect?.helper, 'redirect_neigh');
  if (redirect?.helper !== 'redirect_neigh') return;
  t.is(redirect.ifindex, 9);
  // struct bpf_redir_neigh: AF_INET in the machine's order, the address in the network's, zeros.
  t.deepEqual([...redirect.neighbour!], [2, 0, 0, 0, 172, 16, 0, 2, ...new Array(12).fill(0)]);
  using loaded = loadProgram(AGAIN, {});
  t.is(loaded.testRun({ data: FRAME }).returnValue, REDIRECT);
});

test('to a neighbour of IPv6, read from a map', (t) => {
  const hops = defineMap({ name: 'hops', type: 'array', key: u32, value: array(be32, 4), maxEntries: 1 });
  const made = tc((p) => {
    const nexthop = p.lookup(hops, 0, { orElse: () => p.drop() });
    p.redirectNeigh(p.skb.ifindex, { family: 6, nexthop: [...nexthop] });
  });
  const map = createMap(hops);
  const address = Uint8Array.from({ length: 16 }, (_, i) => 0xf0 + i);
  map.set(new Uint8Array(4), address);
  const { redirect } = new Vm(made, { maps: { hops: map } }).run({ packet: FRAME });
  if (redirect?.helper !== 'redirect_neigh') return t.fail();
  t.deepEqual([...redirect.neighbour!], [10, 0, 0, 0, ...address]);
  using table = BpfMap.create(hops);
  using loaded = loadProgram(made, { hops: table });
  t.is(loaded.testRun({ data: FRAME }).returnValue, REDIRECT);
});

const halves = struct('halves', { a: be16, b: be16, rest: bytes(8) });
const whole = struct('whole', { word: be32, long: u64 });
const results = defineMap({ name: 'results', type: 'array', key: u32, value: u64, maxEntries: 1 });

test('memory seen through another layout, bytes too, and handed to a helper', (t) => {
  const made = tc((p) => {
    const [seen] = p.packet.read([halves], { at: 4, orElse: () => p.drop() });
    const all = p.overlay(seen.a, whole);
    p.when(all.word.ne(0x0405_0607), () => p.drop());
    const behind = p.overlay(seen.rest, struct('behind', { word: be32 }));
    p.when(behind.word.ne(0x0809_0a0b), () => p.drop());
    // One's complement sum of the eight bytes from 8 on, as bpf_csum_diff has it.
    const sum = p.call(HELPERS.csum_diff, [0, 0, seen.rest.address, 8, 0]);
    p.lookup(results, 0, { orElse: () => p.drop() }).set(sum);
    p.next();
  });
  const fold = (sum: bigint): bigint => (sum > 0xffffn ? fold((sum & 0xffffn) + (sum >> 16n)) : sum);
  const words = [8, 10, 12, 14].map((at) => new DataView(FRAME.buffer).getUint16(at, true));
  const expected = fold(BigInt(words.reduce((a, b) => a + b)));
  using table = BpfMap.create(results);
  using loaded = loadProgram(made, { results: table });
  t.is(loaded.testRun({ data: FRAME }).returnValue, 0xffff_ffff);
  t.is(fold(table.get(0)!), expected);
  const map = createMap(results);
  new Vm(made, { maps: { results: map } }).run({ packet: FRAME });
  t.is(fold(new DataView(map.get(new Uint8Array(4))!.buffer).getBigUint64(0, true)), expected);
});

test('what is usual stays in the way of the rest, though it ends its path', (t) => {
  const branch = (kind: 'when' | 'usually'): Program =>
    tc((p) => {
      p[kind](p.skb.len.gt(60), () => p.next());
      p.drop();
    });
  // Jumped over, or jumped to.
  const [when, usually] = [branch('when'), branch('usually')];
  t.notDeepEqual(usually.code, when.code);
  for (const made of [when, usually]) {
    using loaded = loadProgram(made, {});
    t.is(loaded.testRun({ data: FRAME }).returnValue, 0xffff_ffff);
    t.is(loaded.testRun({ data: FRAME.subarray(0, 50) }).returnValue, SHOT);
  }
  const steps = (made: Program): number => new Vm(made).run({ packet: FRAME }).instructions;
  t.true(steps(usually) <= steps(when));
});

test('a constant goes into the context by a register, as verifiers before 6.4 want it', (t) => {
  const made = tc((p) => {
    p.skb.mark.set(7);
    p.next();
  });
  // The class is in the low three bits: BPF_ST, and BPF_STX, which stores a register.
  const classes = Array.from({ length: made.code.length / 8 }, (_, i) => made.code[8 * i]! & 7);
  t.deepEqual([classes.includes(BPF_ST), classes.includes(BPF_STX)], [false, true]);
  const { context } = new Vm(made).run({ packet: FRAME });
  t.is(new DataView(context.buffer, context.byteOffset).getUint32(skBuff.offsets.mark, true), 7);
});
