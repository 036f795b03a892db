// Maps of the interpreter against maps of the kernel: the same operations, the same answers, the same contents.

import test from 'ava';
import fc from 'fast-check';
import type { MapSpec, MapType } from '../../src/asm/index.ts';
import { possibleCpus, RawMap } from '../../src/loader/index.ts';
import { createMap, type UpdateMode, type VmMap } from '../../src/vm/index.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { hex } from './support/both.ts';

needsRootAndBpf(test);

const BPF_F_NO_PREALLOC = 1;
const spec = (type: MapType, keySize: number, valueSize: number, flags = 0): MapSpec => ({
  name: 'table',
  type,
  keySize,
  valueSize,
  maxEntries: 4,
  flags,
});
const stride = (size: number): number => Math.ceil(size / 8) * 8 * possibleCpus();

/** Key bytes that come up again and again, among them some beyond the end of an array. */
const index = fc.nat({ max: 6 }).map((n) => Uint8Array.of(n, 0, 0, 0));
const longKey = fc.nat({ max: 5 }).map((n) => Uint8Array.of(1, 2, n, 4, 5, 6, 7, 8, 9, n));
const prefix = fc
  .tuple(
    fc.constantFrom(0, 1, 7, 8, 9, 15, 16, 20, 31, 32, 33, 255),
    fc.constantFrom(0, 10, 128, 255),
    fc.nat({ max: 255 }),
  )
  .map(([length, first, last]) => Uint8Array.of(length, 0, 0, 0, first, 0, 128, last));

const kinds: readonly {
  readonly spec: MapSpec;
  readonly key: fc.Arbitrary<Uint8Array>;
  readonly value: number;
}[] = [
  { spec: spec('hash', 4, 6), key: index, value: 6 },
  { spec: spec('hash', 10, 8, BPF_F_NO_PREALLOC), key: longKey, value: 8 },
  { spec: spec('array', 4, 6), key: index, value: 6 },
  { spec: spec('percpu_hash', 4, 6), key: index, value: stride(6) },
  { spec: spec('percpu_array', 4, 12), key: index, value: stride(12) },
  { spec: spec('lpm_trie', 8, 5, BPF_F_NO_PREALLOC), key: prefix, value: 5 },
];

interface Operation {
  readonly kind: 'get' | 'set' | 'delete';
  readonly key: Uint8Array;
  readonly fill: number;
  readonly mode: UpdateMode;
}

/** What a map answers; anything it throws is one answer. */
function answer(map: VmMap | RawMap, { kind, key, fill, mode }: Operation, size: number): string {
  try {
    if (kind === 'get') {
      const value = map.get(key);
      return value ? hex(used(map, value)) : 'nothing';
    }
    if (kind === 'set') return map.set(key, new Uint8Array(size).fill(fill), mode);
    return String(map.delete(key));
  } catch {
    return 'error';
  }
}

/** Without the padding between the values of CPUs. */
function used(map: VmMap | RawMap, value: Uint8Array): Uint8Array {
  const { valueSize, type } = map.spec;
  if (!type.startsWith('percpu')) return value;
  const step = Math.ceil(valueSize / 8) * 8;
  return value.filter((_, at) => at % step < valueSize);
}

const contents = (map: VmMap, entries: readonly (readonly [Uint8Array, Uint8Array])[]): string[] =>
  entries.map(([key, value]) => `${hex(key)}=${hex(used(map, value))}`).toSorted();

for (const { spec: made, key, value } of kinds) {
  test(`${made.type} with keys of ${made.keySize} bytes`, (t) => {
    const operation = fc.record<Operation>({
      kind: fc.constantFrom('get', 'set', 'set', 'delete'),
      key,
      fill: fc.nat({ max: 255 }),
      mode: fc.constantFrom('any', 'any', 'noexist', 'exist'),
    });
    const property = fc.property(fc.array(operation, { maxLength: 30 }), (operations) => {
      using kernel = RawMap.create(made);
      const map = createMap(made, { cpus: possibleCpus() });
      for (const one of operations) {
        t.is(answer(map, one, value), answer(kernel, one, value), `${one.kind} ${hex(one.key)} ${one.mode}`);
      }
      const found: [Uint8Array, Uint8Array][] = [];
      for (let next = kernel.nextKey(); next; next = kernel.nextKey(next))
        found.push([next, kernel.get(next)!]);
      t.deepEqual(contents(map, map.entries()), contents(map, found));
    });
    fc.assert(property, { numRuns: 60 });
  });
}

test('an LRU map forgets what was used least recently', (t) => {
  const map = createMap({ ...spec('lru_hash', 4, 1), maxEntries: 2 });
  const [a, b, c] = [1, 2, 3].map((n) => Uint8Array.of(n, 0, 0, 0)) as [Uint8Array, Uint8Array, Uint8Array];
  map.set(a, Uint8Array.of(1));
  map.set(b, Uint8Array.of(2));
  t.truthy(map.lookup(a, 0), 'a program looks it up');
  map.set(c, Uint8Array.of(3));
  t.deepEqual(map.get(b), undefined);
  t.deepEqual(map.get(a), Uint8Array.of(1));
  t.deepEqual(map.get(c), Uint8Array.of(3));
});

test('keys and values of the wrong size are refused', (t) => {
  const map = createMap(spec('hash', 4, 4));
  t.throws(() => map.get(new Uint8Array(3)), { instanceOf: RangeError, message: /key of 3 bytes, 4 needed/ });
  t.throws(() => map.set(new Uint8Array(4), new Uint8Array(5)), { message: /value of 5 bytes, 4 needed/ });
});

test('a map type that is not modelled is refused', (t) => {
  t.throws(() => createMap(spec('bloom_filter', 0, 4)), { instanceOf: RangeError, message: /not modelled/ });
});
