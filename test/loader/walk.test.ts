// Listing while others change the map: what stays is seen, once; it ends.

import { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { be32, defineMap, type MapSpec, struct, u32 } from '../../src/asm/index.ts';
import type { Elements } from '../../src/loader/bpf/batch.ts';
import { walk } from '../../src/loader/bpf/walk.ts';
import { stepwise } from '../../src/loader/bpf/walk-keys.ts';
import { interpose } from '../../src/loader/ffi.ts';
import { ERRNO, LoaderError, RawMap } from '../../src/loader/index.ts';
import { since } from '../support/since.ts';

const BPF_F_NO_PREALLOC = 1;
const BPF_F_ZERO_SEED = 1 << 6;
const BPF_MAP_GET_NEXT_KEY = 4;
const BPF_MAP_LOOKUP_BATCH = 24;
const BPF_MAP_DELETE_BATCH = 27;

const hash = (maxEntries: number, flags = BPF_F_NO_PREALLOC): MapSpec =>
  defineMap({ name: 'ldrwalk_hash', type: 'hash', key: be32, value: u32, maxEntries, flags });
const trie = (maxEntries: number): MapSpec =>
  defineMap({
    name: 'ldrwalk_trie',
    type: 'lpm_trie',
    key: struct('lpm_key', { prefixlen: u32, address: be32 }),
    value: u32,
    maxEntries,
    flags: BPF_F_NO_PREALLOC,
  });

function keyOf({ keySize }: MapSpec, n: number): Uint8Array {
  const key = new Uint8Array(keySize);
  const view = new DataView(key.buffer);
  if (keySize > 4) view.setUint32(0, 32, true);
  view.setUint32(keySize - 4, n);
  return key;
}

/** The numbers in keys, in the order they were seen. */
function numbers({ keySize }: MapSpec, chunks: Iterable<Elements>): number[] {
  const seen: number[] = [];
  for (const { count, keys } of chunks) {
    const view = new DataView(keys.buffer, keys.byteOffset);
    for (let i = 0; i < count; i++) seen.push(view.getUint32((i + 1) * keySize - 4));
  }
  return seen;
}

function fill(map: RawMap, first: number, count: number): void {
  const value = new Uint8Array(map.transferSize);
  for (let i = 0; i < count; i++) map.set(keyOf(map.spec, first + i), value);
}

const STABLE = 1_000;
/** Keys that come and go, on both sides of those that stay. */
const CHURN_LOW = 0;
const STABLE_LOW = 1_000_000;
const CHURN_HIGH = 3_000;

function complete(t: ExecutionContext, seen: readonly number[], what: string): void {
  const set = new Set(seen);
  t.is(set.size, seen.length, `${what}: something was seen twice`);
  const missed = Array.from({ length: STABLE }, (_, i) => STABLE_LOW + i).filter((key) => !set.has(key));
  t.deepEqual(missed, [], `${what}: something that stayed was not seen`);
}

/** Runs `use` while another thread changes the map; `rounds` says how often that has done so. */
async function churned(map: RawMap, use: (rounds: () => number) => void): Promise<void> {
  const flag = new SharedArrayBuffer(8);
  const shared = new Int32Array(flag);
  const workerData = { fd: map.fd, spec: map.spec, low: CHURN_LOW, high: CHURN_HIGH, flag };
  const worker = new Worker(new URL('./support/churn.js', import.meta.url), { workerData, execArgv: [] });
  const message = () =>
    new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await message();
  const done = message();
  try {
    use(() => Atomics.load(shared, 1));
  } finally {
    Atomics.store(shared, 0, 1);
  }
  await done;
}

const VARIANTS: readonly [string, MapSpec, (map: RawMap) => Iterable<Elements>][] = [
  ['a hash by buckets', hash(8_192), (map) => walk(map)],
  ['a hash by small batches', hash(8_192, 0), (map) => walk(map, { first: 8 })],
  ['a hash key by key', hash(8_192), (map) => stepwise(map, new Set())],
  ['a trie by batches', trie(8_192), (map) => walk(map)],
  ['a trie by small batches', trie(8_192), (map) => walk(map, { first: 50 })],
  ['a trie key by key', trie(8_192), (map) => stepwise(map, new Set())],
];
for (const [what, spec, list] of VARIANTS) {
  test.serial(`${what}, while another thread adds and deletes: all that stayed, once`, async (t) => {
    using map = RawMap.create(spec);
    fill(map, STABLE_LOW, STABLE);
    await churned(map, (rounds) => {
      // However the two threads share the processors: both have done something.
      for (let i = 0; i < 30 || rounds() < 10; i++) complete(t, numbers(spec, list(map)), what);
    });
  });
}

/** Deletes and adds between one system call and the next, whatever the walk stands on: the worst that can happen. */
function adversary(map: RawMap, volatile: number, command: number, use: () => void): number {
  let rounds = 0;
  let busy = false;
  interpose((call, run, [which]) => {
    if (call === 'bpf' && which === command && !busy) {
      busy = true;
      for (let i = 0; i < volatile; i++) {
        map.delete(keyOf(map.spec, rounds * volatile + i));
        map.set(keyOf(map.spec, (rounds + 1) * volatile + i), new Uint8Array(4));
      }
      rounds += 1;
      busy = false;
    }
    return run();
  });
  try {
    use();
  } finally {
    interpose(undefined);
  }
  return rounds;
}

for (const spec of [hash(256), trie(256)]) {
  test.serial(
    `${spec.type}: the key it stands on deleted each time, what stays is seen once, and it ends`,
    (t) => {
      using map = RawMap.create(spec);
      fill(map, STABLE_LOW, 100);
      let seen: number[] = [];
      const rounds = adversary(map, 3, BPF_MAP_GET_NEXT_KEY, () => {
        try {
          seen = numbers(spec, stepwise(map, new Set()));
        } catch (error) {
          t.is((error as LoaderError).code, 'EAGAIN');
        }
      });
      t.true(rounds > 100);
      t.is(new Set(seen).size, seen.length);
      if (seen.length > 0) t.is(seen.filter((key) => key >= STABLE_LOW).length, 100);
    },
  );

  test.serial(`${spec.type}: where nothing stays it is an error, not an endless walk`, (t) => {
    using map = RawMap.create(spec);
    fill(map, 0, 3);
    adversary(map, 3, BPF_MAP_GET_NEXT_KEY, () => {
      t.throws(() => numbers(spec, stepwise(map, new Set())), { instanceOf: LoaderError, code: 'EAGAIN' });
    });
  });
}

test.serial('a kernel without batches is served key by key: hash, array, trie; deleting too', (t) => {
  const array = defineMap({ name: 'ldrwalk_array', type: 'array', key: u32, value: u32, maxEntries: 64 });
  let refused = 0;
  interpose((call, run, [command]) => {
    const batch = Number(command) >= BPF_MAP_LOOKUP_BATCH && Number(command) <= BPF_MAP_DELETE_BATCH;
    if (call !== 'bpf' || !batch) return run();
    refused += 1;
    return -ERRNO.EINVAL;
  });
  try {
    for (const spec of [hash(64), trie(64)]) {
      using map = RawMap.create(spec);
      const elements = {
        count: 64,
        keys: Buffer.concat(Array.from({ length: 64 }, (_, i) => keyOf(spec, i))),
        values: new Uint8Array(256),
      };
      map.setBatch(elements);
      t.is(new Set(numbers(spec, walk(map))).size, 64);
      map.deleteBatch(elements.keys.subarray(0, 10 * spec.keySize), 10);
      t.is(map.elements().count, 54);
      t.is(map.drain().count, 54);
      t.is(map.elements().count, 0);
    }
    using indexed = RawMap.create(array);
    t.is(indexed.elements().count, 64);
  } finally {
    interpose(undefined);
  }
  t.true(refused >= 10);
});

test.serial('an interrupted batch of a trie is carried on: nothing twice, nothing left out', (t) => {
  const spec = trie(1_000);
  using map = RawMap.create(spec);
  fill(map, 0, 1_000);
  let calls = 0;
  interpose((call, run, [command]) => {
    if (call !== 'bpf' || command !== BPF_MAP_LOOKUP_BATCH) return run();
    const result = run();
    calls += 1;
    // As kernels before 6.14 end a batch that meets a key without a value.
    return result === 0 ? -ERRNO.EINTR : result;
  });
  try {
    const seen = numbers(spec, walk(map, { first: 100 }));
    t.is(seen.length, 1_000);
    t.is(new Set(seen).size, 1_000);
  } finally {
    interpose(undefined);
  }
  // Linux 5.10 has no batches of tries; 6.1 has.
  t.true(since('6.1') ? calls >= 10 : calls <= 1);
});

const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by));
/** jhash of one 32-bit word with seed 0 (include/linux/jhash.h): what a hash with BPF_F_ZERO_SEED uses. */
function jhash(word: number): number {
  const initial = (0xdeadbeef + 4) | 0;
  let a = (initial + word) | 0;
  let b = initial;
  let c = initial;
  c = ((c ^ b) - rotate(b, 14)) | 0;
  a = ((a ^ c) - rotate(c, 11)) | 0;
  b = ((b ^ a) - rotate(a, 25)) | 0;
  c = ((c ^ b) - rotate(b, 16)) | 0;
  a = ((a ^ c) - rotate(c, 4)) | 0;
  b = ((b ^ a) - rotate(a, 14)) | 0;
  c = ((c ^ b) - rotate(b, 24)) | 0;
  return c >>> 0;
}

test.serial(
  'a bucket of 5,000 elements is larger than any first batch: listed and drained all the same',
  (t) => {
    const COUNT = 5_000;
    const spec = defineMap({
      name: 'ldrwalk_bucket',
      type: 'hash',
      key: u32,
      value: u32,
      maxEntries: 8_192,
      flags: BPF_F_NO_PREALLOC | BPF_F_ZERO_SEED,
    });
    const keys: number[] = [];
    for (let key = 0; keys.length < COUNT; key++) if ((jhash(key) & 8_191) === 7) keys.push(key);
    using map = RawMap.create(spec);
    const bytes = new Uint8Array(Uint32Array.from(keys).buffer);
    map.setBatch({ count: COUNT, keys: bytes, values: bytes });
    let noSpace = 0;
    interpose((call, run, [command]) => {
      const result = run();
      if (call === 'bpf' && Number(command) >= BPF_MAP_LOOKUP_BATCH && result === -ERRNO.ENOSPC) noSpace += 1;
      return result;
    });
    try {
      const listed = map.elements();
      t.is(listed.count, COUNT);
      t.deepEqual(
        [...new Uint32Array(new Uint8Array(listed.keys).buffer)].sort((a, b) => a - b),
        keys,
      );
      t.is(noSpace, 1);
      const drained = map.drain();
      t.is(drained.count, COUNT);
      t.is(noSpace, 2);
    } finally {
      interpose(undefined);
    }
    t.is(map.elements().count, 0);
  },
);

test.serial('draining loses no count that a program adds meanwhile', async (t) => {
  // The thread sets values to 0 and deletes; what is drained and what is left are all there ever was.
  const spec = hash(8_192);
  using map = RawMap.create(spec);
  fill(map, STABLE_LOW, STABLE);
  let drained: number[] = [];
  await churned(map, () => {
    for (let i = 0; i < 20; i++) drained = [...drained, ...numbers(spec, [map.drain()])];
  });
  t.is(drained.filter((key) => key >= STABLE_LOW).length, STABLE);
  t.is(numbers(spec, [map.elements()]).filter((key) => key >= STABLE_LOW).length, 0);
});
