import { readdirSync } from 'node:fs';
import test from 'ava';
import { be32, defineMap, struct, u32, u64 } from '../../src/asm/index.ts';
import { walk } from '../../src/loader/bpf/walk.ts';
import { BatchError, BpfMap, LoaderError, possibleCpus, RawMap } from '../../src/loader/index.ts';
import { json } from './support/commands.ts';

const BPF_F_NO_PREALLOC = 1;
const counters = struct('counters', { packets: u64, bytes: u64 });
const table = (maxEntries = 64) =>
  defineMap({
    name: 'ldrtest_table',
    type: 'hash',
    key: be32,
    value: counters,
    maxEntries,
    flags: BPF_F_NO_PREALLOC,
  });
const value = (n: number) => ({ packets: BigInt(n), bytes: 0xffff_ffff_ffff_fff0n + BigInt(n % 16) });
const many = (count: number) =>
  Array.from({ length: count }, (_, i): [number, ReturnType<typeof value>] => [0x0a000000 + i, value(i)]);

test('a typed map: set, get, modes, delete, as bpftool sees it', (t) => {
  using map = BpfMap.create(table());
  t.is(map.get(0x0a000005), undefined);
  t.is(map.set(0x0a000005, value(7)), 'done');
  t.deepEqual(map.get(0x0a000005), value(7));
  t.is(map.set(0x0a000005, value(8), 'noexist'), 'exists');
  t.is(map.set(0x0a000006, value(8), 'exist'), 'missing');
  t.deepEqual([...map], [[0x0a000005, value(7)]]);
  const [element] = json('bpftool', '-j', 'map', 'dump', 'id', String(map.raw.id));
  t.deepEqual(element.key, ['0x0a', '0x00', '0x00', '0x05']);
  t.is(element.value[0], '0x07');
  t.true(map.delete(0x0a000005));
  t.false(map.delete(0x0a000005));
  t.deepEqual([...map], []);
});

test('batches: thousands at once, more than one buffer, in any mode', (t) => {
  using map = BpfMap.create(table(120_000));
  const entries = many(100_000);
  map.setBatch(entries);
  t.deepEqual(
    [...map].sort(([a], [b]) => a - b),
    entries,
  );
  map.deleteBatch(entries.slice(1).map(([key]) => key));
  t.deepEqual([...map], [entries[0]]);
  map.setBatch(entries.slice(1, 10), 'noexist');
  const error = t.throws(() => map.setBatch(many(20).slice(8), 'noexist'), { instanceOf: BatchError });
  t.is(error?.code, 'EEXIST');
  t.is(error?.processed, 0);
});

test('a batch that stops says how far it came', (t) => {
  using map = BpfMap.create(table(8));
  const full = t.throws(() => map.setBatch(many(12)), { instanceOf: BatchError });
  t.is(full?.code, 'E2BIG');
  t.is(full?.processed, 8);
  t.regex(full?.message ?? '', /element 9 of 12.*full with 8 entries/);
  t.is(map.size, 8);
  const gone = t.throws(() => map.deleteBatch([0x0a000000, 0x0a000001, 99, 0x0a000002]), {
    instanceOf: BatchError,
  });
  t.is(gone?.code, 'ENOENT');
  t.is(gone?.processed, 2);
  t.throws(() => map.set(77, value(1), 'any') && map.set(78, value(1)) && map.set(79, value(1)), {
    code: 'E2BIG',
  });
});

test('maps without batch commands are served element by element', (t) => {
  const trie = defineMap({
    name: 'ldrtest_lpm',
    type: 'lpm_trie',
    key: struct('lpm_key', { prefixlen: u32, address: be32 }),
    value: u32,
    maxEntries: 16,
    flags: BPF_F_NO_PREALLOC,
  });
  using map = BpfMap.create(trie);
  map.setBatch([
    [{ prefixlen: 8, address: 0x0a000000 }, 1],
    [{ prefixlen: 16, address: 0x0a010000 }, 2],
  ]);
  t.is(map.size, 2);
  map.deleteBatch([{ prefixlen: 8, address: 0x0a000000 }]);
  t.deepEqual([...map], [[{ prefixlen: 16, address: 0x0a010000 }, 2]]);
});

test('look-up of a hash whose bucket is longer than the batch grows the buffer', (t) => {
  // As many buckets as elements: some bucket has two, and a batch of one cannot hold it.
  using map = BpfMap.create(table(256));
  map.setBatch(many(256));
  const found: string[] = [];
  for (const { count, keys } of walk(map.raw, { first: 1 })) {
    for (let i = 0; i < count; i++) found.push(keys.slice(4 * i, 4 * i + 4).join());
  }
  t.is(found.length, 256);
  t.is(new Set(found).size, 256);
});

test('per-CPU maps hold one value for each possible CPU', (t) => {
  const definition = defineMap({
    name: 'ldrtest_percpu',
    type: 'percpu_array',
    key: u32,
    value: u32,
    maxEntries: 3,
  });
  using map = BpfMap.create(definition);
  t.is(map.raw.stride, 8);
  t.is(map.raw.transferSize, 8 * possibleCpus());
  const raw = new Uint8Array(map.raw.transferSize);
  const view = new DataView(raw.buffer);
  for (let cpu = 0; cpu < possibleCpus(); cpu++) view.setUint32(cpu * 8, cpu + 1, true);
  map.raw.set(Uint8Array.of(1, 0, 0, 0), raw);
  const expected = Array.from({ length: possibleCpus() }, (_, i) => i + 1);
  t.deepEqual(map.getPerCpu(1), expected);
  const zeros = expected.map(() => 0);
  t.deepEqual(
    [...map.entriesPerCpu()],
    [
      [0, zeros],
      [1, expected],
      [2, zeros],
    ],
  );
  t.throws(() => map.get(1), { instanceOf: TypeError });
});

test('bad input is refused by name', (t) => {
  using map = BpfMap.create(table());
  t.throws(() => map.raw.get(new Uint8Array(3)), {
    instanceOf: RangeError,
    message: /a key has 4 bytes, not 3/,
  });
  t.throws(() => map.set(2 ** 32, value(1)), { instanceOf: RangeError });
  t.throws(() => RawMap.create({ ...table(), keySize: 0 }), { instanceOf: LoaderError, code: 'EINVAL' });
  map.close();
  t.throws(() => map.get(1), { code: 'EBADF' });
});

test('closing a map leaves no descriptor behind', (t) => {
  const count = () => readdirSync('/proc/self/fd').length;
  const before = count();
  for (let i = 0; i < 20; i++) {
    using map = BpfMap.create(table());
    map.set(i, value(i));
  }
  t.is(count(), before);
});
