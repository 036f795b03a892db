// What programs hand to user space, and what they ask their surroundings.

import test from 'ava';
import { bytes, defineMap, type Item, instruction as i, type MapSpec, u32 } from '../../src/asm/index.ts';
import { PerfEventArray, RingBuffer, Vm } from '../../src/vm/index.ts';
import { faults, run, tc } from './support/run.ts';

const packet = Uint8Array.from({ length: 64 }, (_, n) => n);
const ring: MapSpec = { name: 'ring', type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: 64, flags: 0 };
const perf = defineMap({ name: 'perf', type: 'perf_event_array', key: u32, value: u32, maxEntries: 2 });

/** Reserves `size` bytes, writes 0x2a at `at` and ends with `id`; returns 1 where there was no room. */
const reserve = (size: number, at: number, id: number): readonly Item[] => {
  const full = i.label('full');
  return [
    i.loadMap(1, ring),
    i.mov.imm(2, size),
    i.mov.imm(3, 0),
    i.call(131),
    i.jeq.imm(0, 0, full),
    i.storeImm(1, 0, at, 0x2a),
    i.mov.reg(1, 0),
    i.mov.imm(2, 0),
    i.call(id),
    i.mov.imm(0, 0),
    i.exit(),
    { place: full },
    i.mov.imm(0, 1),
    i.exit(),
  ];
};

test('a ring buffer gives submitted records in their order', (t) => {
  const map = new RingBuffer(ring);
  const submit = new Vm(tc(reserve(4, 1, 132)), { maps: { ring: map } });
  const discard = new Vm(tc(reserve(4, 2, 133)), { maps: { ring: map } });
  t.is(submit.run({ packet }).returnValue, 0);
  t.is(discard.run({ packet }).returnValue, 0);
  t.is(submit.run({ packet }).returnValue, 0);
  t.deepEqual(map.take(), [Uint8Array.of(0, 0x2a, 0, 0), Uint8Array.of(0, 0x2a, 0, 0)]);
  t.is(map.used, 0);
});

test('a full ring buffer says so, until somebody reads', (t) => {
  const map = new RingBuffer(ring);
  const vm = new Vm(tc(reserve(24, 0, 132)), { maps: { ring: map } });
  t.deepEqual(
    [1, 2, 3].map(() => vm.run({ packet }).returnValue),
    [0, 0, 1],
  );
  t.is(map.take().length, 2);
  t.is(vm.run({ packet }).returnValue, 0);
});

test('a record cannot be used once it is submitted, nor submitted twice', (t) => {
  const after = reserve(4, 0, 132);
  const use = after.toSpliced(5, 0, i.mov.reg(6, 0)).toSpliced(10, 0, i.storeImm(1, 6, 0, 1));
  faults(t, () => run(tc(use), { packet }), 'STALE', /a record of map 'ring'/);
  const twice = after
    .toSpliced(5, 0, i.mov.reg(6, 0))
    .toSpliced(10, 0, i.mov.reg(1, 6), i.mov.imm(2, 0), i.call(132));
  faults(t, () => run(tc(twice), { packet }), 'ARGUMENT', /not a record/);
});

test('ringbuf_output copies', (t) => {
  const map = new RingBuffer(ring);
  const items = [
    i.storeImm(8, 10, -8, 7),
    i.loadMap(1, ring),
    i.mov.reg(2, 10),
    i.add.imm(2, -8),
    i.mov.imm(3, 8),
    i.mov.imm(4, 0),
    i.call(130),
    i.exit(),
  ];
  run(tc(items), { packet }, { maps: { ring: map } });
  t.deepEqual(map.take(), [Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0)]);
});

test('a perf event carries as much of the packet as its flags ask for', (t) => {
  const map = new PerfEventArray(perf);
  const items = (length: bigint): readonly Item[] => [
    i.storeImm(4, 10, -4, 5),
    i.loadMap(2, perf),
    i.loadImm64(3, (length << 32n) | 0xffff_ffffn),
    i.mov.reg(4, 10),
    i.add.imm(4, -4),
    i.mov.imm(5, 4),
    i.call(25),
    i.exit(),
  ];
  t.is(run(tc(items(3n)), { packet }, { maps: { perf: map }, cpu: 1 }).returnValue, 0);
  t.deepEqual(map.take(), [{ cpu: 1, data: Uint8Array.of(5, 0, 0, 0, 0, 1, 2) }]);
  t.is(run(tc(items(65n)), { packet }, { maps: { perf: map } }).returnValue | 0, -14, 'EFAULT');
  t.is(run(tc(items(3n)), { packet }, { maps: { perf: map }, cpu: 2 }).returnValue | 0, -7, 'E2BIG');
});

test('trace_printk', (t) => {
  const format = Buffer.from('%d is 0x%llx, %s%%\0\0\0\0\0\0');
  const words = Array.from({ length: 3 }, (_, n) => format.readBigUInt64LE(8 * n));
  const items = [
    ...words.flatMap((word, n) => [i.loadImm64(0, word), i.store(8, 10, 8 * n - 32, 0)]),
    i.storeImm(4, 10, -8, 0x6948),
    i.mov.reg(1, 10),
    i.add.imm(1, -32),
    i.mov.imm(2, 24),
    i.mov.imm(3, -5),
    i.loadImm64(4, 0xab_cdef_0123n),
    i.mov.reg(5, 10),
    i.add.imm(5, -8),
    i.call(6),
    i.exit(),
  ];
  t.deepEqual(run(tc(items), { packet }).trace, ['-5 is 0xabcdef0123, Hi%']);
});

test('time, chance, CPU and routes are what the run was given', (t) => {
  const ask = (id: number, ...first: readonly Item[]) => tc([...first, i.call(id), i.exit()]);
  t.is(run(ask(5), { packet }, { now: () => 1n << 40n }).r0, 1n << 40n);
  t.is(run(ask(7), { packet }, { random: () => 0xffff_ffff }).r0, 0xffff_ffffn);
  t.is(run(ask(8), { packet }, { cpu: 3 }).r0, 3n);
  const first = run(ask(7), { packet }).r0;
  t.is(run(ask(7), { packet }).r0, first, 'the same in every interpreter');

  const route = [
    ...Array.from({ length: 8 }, (_, n) => i.storeImm(8, 10, -8 * (n + 1), 0)),
    i.mov.reg(2, 10),
    i.add.imm(2, -64),
    i.mov.imm(3, 64),
    i.mov.imm(4, 0),
    i.call(69),
    i.load(1, 1, 10, -64),
    i.add.reg(0, 1),
    i.exit(),
  ];
  const fibLookup = (params: Uint8Array): number => {
    params[0] = 40;
    return 2;
  };
  t.is(run(tc(route), { packet }, { fibLookup }).returnValue, 42);
  t.is(run(tc(route), { packet }).returnValue, 4, 'no route');
});

test('helpers of your own', (t) => {
  const helpers = new Map([
    [9000, (machine: { setNumber(r: number, n: number): void }) => machine.setNumber(0, 11)],
  ]);
  t.is(run(tc([i.call(9000), i.exit()]), { packet }, { helpers }).returnValue, 11);
});

test('global data is there before the first run', (t) => {
  const data: MapSpec = {
    ...defineMap({ name: 'data', type: 'array', key: u32, value: bytes(8), maxEntries: 1 }),
    initial: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
  };
  t.is(run(tc([i.loadMapValue(1, data, 4), i.load(1, 0, 1, 1), i.exit()]), { packet }).returnValue, 6);
});
