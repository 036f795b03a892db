// Programs and maps together: types from the definitions, maps of maps swapped at once, and nothing left behind.

import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import {
  be16,
  be32,
  defineMap,
  defineMapOfMaps,
  defineRingBuffer,
  program,
  struct,
  u32,
  u64,
} from '../../src/asm/index.ts';
import {
  BatchError,
  BpfMap,
  type BpfMapOfMaps,
  type BpfRingBuffer,
  loadCollection,
  possibleCpus,
  VerifierError,
} from '../../src/loader/index.ts';
import { json } from './support/commands.ts';
import { EXIT, program as inBytes, insn, LD_IMM64, LDX_DW } from './support/programs.ts';

const BPF_F_RDONLY_PROG = 1 << 7;
const ethhdr = struct('ethhdr', { dest: be32, rest: u64, proto: be16 });
const counts = defineMap({
  name: 'ldrcol_counts',
  type: 'hash',
  key: be16,
  value: struct('ldrcol_count', { packets: u64 }),
  maxEntries: 16,
});
const events = defineRingBuffer({
  name: 'ldrcol_events',
  event: struct('ldrcol_event', { proto: be16, pad: be16 }),
  size: 4096,
});
const inner = defineMap({ name: 'ldrcol_inner', type: 'hash', key: u32, value: u64, maxEntries: 8 });
const tables = defineMapOfMaps({
  name: 'ldrcol_tables',
  type: 'array_of_maps',
  key: u32,
  inner,
  maxEntries: 2,
});
const counter = program('sched_cls', 'ldrcol_counter', (p) => {
  const [eth] = p.packet.read([ethhdr], { orElse: () => p.next() });
  const proto = eth.proto.get();
  const known = p.lookup(counts, proto);
  p.when(known.exists(), () => {
    known.value.packets.increase(1);
    p.next();
  });
  p.update(counts, proto, { packets: 1 });
  p.output(events, { proto, pad: 0 });
  p.next();
});
/** Returns what the table at 0 has at 5; 77 where there is none. */
const chooser = program('sched_cls', 'ldrcol_chooser', (p) => {
  const table = p.lookupMap(tables, 0);
  p.when(table.missing(), () => p.exit(77));
  const found = p.lookup(table.value, 5);
  p.when(found.missing(), () => p.exit(77));
  p.exit(found.value.get());
});
const frame = (proto: number) => {
  const data = new Uint8Array(60);
  // Behind the 12 bytes of two addresses.
  new DataView(data.buffer).setUint16(12, proto);
  return data;
};

test.serial('keys, values and events have the types of their definitions', (t) => {
  using loaded = loadCollection({ maps: { counts, events, tables }, programs: { counter } });
  const all: BpfMap<typeof counts.key, typeof counts.value> = loaded.maps.counts;
  const ring: BpfRingBuffer<typeof events.event> = loaded.maps.events;
  const nested: BpfMapOfMaps<typeof tables.key, typeof inner.key, typeof inner.value> = loaded.maps.tables;
  for (const proto of [0x0800, 0x86dd, 0x0800]) loaded.programs.counter.testRun({ data: frame(proto) });
  const count: { packets: bigint } | undefined = all.get(0x0800);
  t.deepEqual(count, { packets: 2n });
  t.deepEqual(
    ring.take().map(({ proto }) => proto),
    [0x0800, 0x86dd],
  );
  t.false(nested.has(0));
  // @ts-expect-error: the key is a number
  t.throws(() => all.get('0x0800'), { instanceOf: RangeError });
  // @ts-expect-error: the value has no such field
  t.throws(() => all.set(1, { bytes: 1n }), { instanceOf: RangeError });
  // @ts-expect-error: there is no such map
  t.is(loaded.maps.others, undefined);
});

test.serial('maps that only the program names are made too; maps that are there are used', (t) => {
  using given = BpfMap.create(counts);
  {
    using loaded = loadCollection({ maps: { counts }, programs: { counter } }, { reuse: { counts: given } });
    t.is(loaded.maps.counts, given);
    loaded.programs.counter.testRun({ data: frame(1) });
    t.is(loaded.map(events).take()[0]?.proto, 1);
    t.throws(() => loaded.map(inner), { code: 'ENOMAP' });
    t.throws(() => loaded.map({ ...counts, valueSize: 16 }), { code: 'EMAPSHAPE' });
  }
  t.deepEqual([...given], [[1, { packets: 1n }]]);
});

test.serial('a table is swapped for another at once, and not at all when the other is not whole', (t) => {
  using loaded = loadCollection({ maps: { tables }, programs: { chooser } });
  const { maps, programs } = loaded;
  const chosen = () => programs.chooser.testRun({ data: frame(0) }).returnValue;
  t.is(chosen(), 77);
  maps.tables.replace(0, [
    [5, 1n],
    [6, 2n],
  ]);
  t.is(chosen(), 1);
  const id = maps.tables.getId(0);
  maps.tables.replace(0, [[5, 3n]], 4);
  t.is(chosen(), 3);
  t.not(maps.tables.getId(0), id);
  const many = Array.from({ length: 9 }, (_, i): [number, bigint] => [i, 9n]);
  t.throws(() => maps.tables.replace(0, many), { instanceOf: BatchError, code: 'E2BIG' });
  t.is(chosen(), 3);
  {
    using table = maps.tables.get(0)!;
    t.deepEqual([...table], [[5, 3n]]);
    t.is(maps.tables.set(0, table, 'any'), 'done');
  }
  t.deepEqual([...maps.tables.ids()], [[0, maps.tables.getId(0)]]);
  using wrong = BpfMap.create(counts);
  t.throws(() => maps.tables.set(1, wrong), { code: 'EINVAL' });
  t.true(maps.tables.delete(0));
  t.is(chosen(), 77);
  t.is(maps.tables.get(1), undefined);
});

test.serial('like a Map: has, size, keys, values, take, drain, clear', (t) => {
  using map = BpfMap.create(counts);
  const value = (n: number) => ({ packets: BigInt(n) });
  map.setBatch(new Map([1, 2, 3, 4, 5].map((key) => [key, value(key)])));
  t.true(map.has(3));
  t.false(map.has(9));
  t.is(map.size, 5);
  t.deepEqual([...map.keys()].sort(), [1, 2, 3, 4, 5]);
  t.deepEqual([...map.values()].map(({ packets }) => Number(packets)).sort(), [1, 2, 3, 4, 5]);
  t.deepEqual(new Map(map).get(4), value(4));
  t.deepEqual(map.take(3), value(3));
  t.is(map.take(3), undefined);
  t.throws(() => map.deleteBatch([1, 3, 2]), { instanceOf: BatchError, code: 'ENOENT' });
  map.deleteBatch([1, 3, 2], { missing: 'skip' });
  t.deepEqual([...map.keys()].sort(), [4, 5]);
  t.is(map.drain().length, 2);
  map.set(1, value(1));
  map.clear();
  t.is(map.size, 0);
  t.throws(
    () =>
      map.setBatch([
        [1, value(1)],
        [2, { packets: -1n }],
      ]),
    { instanceOf: RangeError },
  );
  t.is(map.size, 0);
  for (const key of [1, 2, 3]) map.set(key, value(key));
  for (const key of map.keys()) map.delete(key);
  t.is(map.size, 0);
});

test.serial('per-CPU values are written and drained', (t) => {
  const cpus = Array.from({ length: possibleCpus() }, (_, i) => i + 1);
  const definition = defineMap({
    name: 'ldrcol_cpu',
    type: 'percpu_hash',
    key: u32,
    value: u32,
    maxEntries: 4,
  });
  using map = BpfMap.create(definition);
  t.is(map.setPerCpu(1, cpus), 'done');
  t.is(map.setPerCpu(1, cpus, 'noexist'), 'exists');
  t.deepEqual(map.getPerCpu(1), cpus);
  t.throws(() => map.setPerCpu(1, [...cpus, 1]), { instanceOf: RangeError });
  t.throws(() => map.set(1, 1), { instanceOf: TypeError });
  t.deepEqual(map.drainPerCpu(), [[1, cpus]]);
  t.is(map.size, 0);
});

const BPF_MOV_R2_R10 = [...insn(0xbf, 2, 10, 0, 0), ...insn(0x07, 2, 0, 0, -4)];
/** Looks up 0 and writes to the value. */
const writing = (map: typeof readOnly) =>
  inBytes(
    'ldrcol_write',
    [
      ...insn(0x62, 10, 0, -4, 0),
      ...BPF_MOV_R2_R10,
      ...insn(LD_IMM64, 1, 0, 0, 0),
      ...insn(0, 0, 0, 0, 0),
      ...insn(0x85, 0, 0, 0, 1),
      ...insn(0x15, 0, 0, 1, 0),
      ...insn(0x7a, 0, 0, 0, 1),
      ...insn(0xb7, 0, 0, 0, 0),
      ...insn(EXIT, 0, 0, 0, 0),
    ],
    [{ index: 3, map }],
  );
const readOnly = defineMap({
  name: 'ldrcol_ro',
  type: 'array',
  key: u32,
  value: u64,
  maxEntries: 1,
  flags: BPF_F_RDONLY_PROG,
});

test.serial('a frozen map is not written to, and a read-only one not by programs', (t) => {
  using map = BpfMap.create(readOnly);
  map.set(0, 5n);
  map.freeze();
  t.true(map.raw.frozen);
  t.throws(() => map.set(0, 6n), { code: 'EPERM', message: /the map is frozen/ });
  t.is(map.get(0), 5n);
  const source = { maps: { readOnly }, programs: { write: writing(readOnly) } };
  t.throws(() => loadCollection(source, { reuse: { readOnly: map } }), { instanceOf: VerifierError });
  const writable = { ...readOnly, name: 'ldrcol_rw', flags: 0 };
  using loaded = loadCollection({ programs: { write: writing(writable) } });
  loaded.programs.write.testRun({ data: frame(0) });
  t.is(loaded.map(writable).get(0), 1n);
});

const descriptors = () => readdirSync('/proc/self/fd').length;
/** What the kernel has of this file's, as bpftool sees it. */
const there = (): string[] =>
  ['map', 'prog', 'link'].flatMap((kind) =>
    (json('bpftool', '-j', kind, 'list') as { name?: string }[])
      .map(({ name = '' }) => name)
      .filter((name) => name.startsWith('ldrcol_')),
  );

test.serial('when one thing fails, nothing of the others is left', async (t) => {
  const bad = inBytes('ldrcol_bad', [...insn(LDX_DW, 0, 5, 0, 0), ...insn(EXIT, 0, 0, 0, 0)]);
  const impossible = { ...counts, name: 'ldrcol_no', maxEntries: 0 };
  const before = descriptors();
  for (let i = 0; i < 5; i++) {
    const maps = { counts, events, tables };
    t.throws(() => loadCollection({ maps, programs: { counter, bad } }), { code: 'VERIFIER' });
    t.throws(() => loadCollection({ maps: { ...maps, impossible }, programs: { counter } }), {
      code: 'EINVAL',
    });
    t.throws(
      () => loadCollection({ maps: { counts: { ...counts, valueSize: 16 } }, programs: { counter } }),
      { code: 'EMAPSHAPE' },
    );
  }
  t.is(descriptors(), before);
  // The kernel frees in the background.
  for (let i = 0; i < 200 && there().length > 0; i++) await sleep(20);
  t.deepEqual(there(), []);
});
