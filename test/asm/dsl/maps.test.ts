// Every kind of map that packet programs use, said in the DSL and run in the interpreter and in the kernel, which agree.

import test from 'ava';
import {
  be32,
  defineMap,
  defineMapOfMaps,
  defineRingBuffer,
  type MapDefinition,
  type MapSpec,
  type Program,
  program,
  struct,
  type TcBuilder,
  u32,
  u64,
} from '../../../src/asm/index.ts';
import { BpfMap, loadProgram, RawMap } from '../../../src/loader/index.ts';
import {
  createMap,
  type MapOfMaps,
  type ProgramArray,
  type RingBuffer,
  TypedMap,
  Vm,
} from '../../../src/vm/index.ts';
import { needsRootAndBpf } from '../../support/requirements.ts';

needsRootAndBpf(test);

const packet = new Uint8Array(64);
const KEYS = 3;

/** Adds 40 + key under every key, then 2 to what is there; returns how many updates and look-ups did not work. */
function countIn(p: TcBuilder, map: MapDefinition<typeof u32, typeof u64>): void {
  const wrong = p.variable('u32', 0);
  const failed = () => wrong.set(wrong.add(1));
  for (let key = 0; key < KEYS; key++) {
    p.when(p.update(map, key, BigInt(40 + key)).ne(0), failed);
    const entry = p.lookup(map, key);
    p.when(entry.exists(), () => entry.value.increase(2), failed);
  }
  p.exit(wrong);
}

const KEYED = [
  ['hash', 0],
  ['lru_hash', 0],
  ['percpu_hash', 0],
  ['lru_percpu_hash', 0],
  ['array', 0],
  ['percpu_array', 0],
  // BPF_F_NO_PREALLOC
  ['hash', 1],
] as const;

for (const [type, flags] of KEYED) {
  test(`${type}${flags ? ', not preallocated' : ''}`, (t) => {
    const map = defineMap({ name: 'counts', type, key: u32, value: u64, maxEntries: 8, flags });
    const built = program('sched_cls', 'counts', (p) => countIn(p, map));
    using table = BpfMap.create(map);
    using loaded = loadProgram(built, { counts: table });
    const vm = new Vm(built);
    const mirror = new TypedMap(vm.maps.counts, map);
    t.is(loaded.testRun({ data: packet }).returnValue, 0);
    t.is(vm.run({ packet }).returnValue, 0);
    for (let key = 0; key < KEYS; key++) {
      const values = type.includes('percpu') ? table.getPerCpu(key)! : [table.get(key)!];
      t.true(values.includes(BigInt(42 + key)), `${type} ${key}: ${values}`);
      t.is(mirror.get(key), BigInt(42 + key));
    }
  });
}

test('lpm_trie: the longest prefix that fits', (t) => {
  const prefix = struct('prefix', { length: u32, address: be32 });
  // BPF_F_NO_PREALLOC, without which there are none.
  const trie = defineMap({
    name: 'trie',
    type: 'lpm_trie',
    key: prefix,
    value: u32,
    maxEntries: 8,
    flags: 1,
  });
  const built = program('xdp', 'longest', (p) => {
    p.update(trie, { length: 8, address: 0x0a00_0000 }, 8);
    p.update(trie, { length: 24, address: 0x0a01_0200 }, 24);
    const near = p.lookup(trie, { length: 32, address: 0x0a01_0203 }, { orElse: () => p.exit(1) });
    const far = p.lookup(trie, { length: 32, address: 0x0a05_0607 }, { orElse: () => p.exit(2) });
    const none = p.lookup(trie, { length: 32, address: 0x0b00_0001 });
    p.when(none.exists(), () => p.exit(3));
    p.exit(near.get().shl(8).add(far));
  });
  both(t, built, [trie], 24 * 256 + 8);
});

test('prog_array: tail calls, and what happens where there is none', (t) => {
  const jumps = defineMap({ name: 'jumps', type: 'prog_array', key: u32, value: u32, maxEntries: 4 });
  const target = program('sched_cls', 'target', (p) => p.exit(p.skb.len.add(1000)));
  const caller = program('sched_cls', 'caller', (p) => {
    p.tailCall(jumps, 3);
    p.tailCall(jumps, 2);
    p.exit(7);
  });
  using array = RawMap.create(jumps);
  using loadedTarget = loadProgram(target, {});
  using loaded = loadProgram(caller, { jumps: array });
  const vm = new Vm(caller);
  const run = () => [loaded.testRun({ data: packet }).returnValue, vm.run({ packet }).returnValue];
  t.deepEqual(run(), [7, 7]);
  array.set(Uint8Array.of(2, 0, 0, 0), new Uint8Array(Uint32Array.of(loadedTarget.fd).buffer));
  (vm.maps.jumps as ProgramArray).setProgram(2, target);
  t.deepEqual(run(), [1064, 1064]);
});

test('ringbuf: events as they were laid out', (t) => {
  const event = struct('event', { length: u32, address: be32, sum: u64 });
  const events = defineRingBuffer({ name: 'events', event, size: 4096 });
  const built = program('xdp', 'announce', (p) => {
    const sent = p.output(events, { length: 64, address: 0x0a00_0001, sum: p.constant('u64', 5n).add(37) });
    p.when(sent.ne(0), () => p.exit(1));
    p.exit(2);
  });
  const { vm } = both(t, built, [events], 2);
  const records = (vm.maps.events as RingBuffer).take();
  t.deepEqual(
    records.map((record) => [...record]),
    [[64, 0, 0, 0, 10, 0, 0, 1, 42, 0, 0, 0, 0, 0, 0, 0]],
  );
});

for (const type of ['devmap', 'devmap_hash'] as const) {
  test(`${type}: packets sent to its devices`, (t) => {
    const devices = defineMap({ name: 'devices', type, key: u32, value: u32, maxEntries: 4 });
    const built = program('xdp', 'spread', (p) => {
      const [first] = p.packet.read([struct('first', { byte: u32 })], { orElse: () => p.drop() });
      p.redirectTo(devices, first.byte);
    });
    using map = RawMap.create(devices);
    using loaded = loadProgram(built, { devices: map });
    const vm = new Vm(built);
    const XDP_REDIRECT = 4;
    // The loopback interface is there in every namespace; its index is 1.
    const [key, value] = [Uint8Array.of(1, 0, 0, 0), Uint8Array.of(1, 0, 0, 0)];
    map.set(key, value);
    vm.maps.devices!.set(key, value);
    const run = (data: Uint8Array) => [
      loaded.testRun({ data }).returnValue,
      vm.run({ packet: data }).returnValue,
    ];
    t.deepEqual(run(packet), [0, 0], 'nothing at 0: XDP_ABORTED');
    const other = new Uint8Array(64);
    other[0] = 1;
    t.deepEqual(run(other), [XDP_REDIRECT, XDP_REDIRECT]);
    t.is(vm.run({ packet: other }).redirect?.key, 1);
  });
}

for (const type of ['hash_of_maps', 'array_of_maps'] as const) {
  test(`${type}: a table in a table`, (t) => {
    const inner = defineMap({ name: 'inner', type: 'hash', key: be32, value: u64, maxEntries: 4 });
    const outer = defineMapOfMaps({ name: 'outer', type, key: u32, inner, maxEntries: 4 });
    const built = program('sched_cls', 'nested', (p) => {
      const table = p.lookupMap(outer, 2);
      p.when(table.missing(), () => p.exit(1));
      const entry = p.lookup(table.value, 0x0a00_0001, { orElse: () => p.exit(2) });
      entry.increase(2);
      p.update(table.value, 0x0a00_0002, entry.get());
      p.exit(entry.get().as('u32'));
    });
    using template = BpfMap.create(inner);
    using tables = RawMap.create(outer, { innerMapFd: template.fd });
    using loaded = loadProgram(built, { outer: tables });
    const vm = new Vm(built);
    const run = () => [loaded.testRun({ data: packet }).returnValue, vm.run({ packet }).returnValue];
    t.deepEqual(run(), [1, 1]);
    const key = Uint8Array.of(2, 0, 0, 0);
    const mirror = createMap(inner);
    tables.set(key, new Uint8Array(Uint32Array.of(template.fd).buffer));
    (vm.maps.outer as MapOfMaps).setMap(key, mirror);
    t.deepEqual(run(), [2, 2]);
    template.set(0x0a00_0001, 40n);
    new TypedMap(mirror, inner).set(0x0a00_0001, 40n);
    t.deepEqual(run(), [42, 42]);
    t.is(template.get(0x0a00_0002), 42n);
    t.is(new TypedMap(mirror, inner).get(0x0a00_0002), 42n);
  });
}

/** The same result in both, with fresh maps. */
function both(
  t: { is(a: unknown, b: unknown): void },
  built: Program,
  specs: readonly MapSpec[],
  expected: number,
) {
  const maps = Object.fromEntries(specs.map((spec) => [spec.name, RawMap.create(spec)]));
  const vm = new Vm(built);
  try {
    using loaded = loadProgram(built, maps);
    t.is(loaded.testRun({ data: packet }).returnValue, expected);
    t.is(vm.run({ packet }).returnValue, expected);
  } finally {
    for (const map of Object.values(maps)) map.close();
  }
  return { vm };
}
