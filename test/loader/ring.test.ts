// The ring buffer's reader against the kernel's ring: order, loss, back-pressure, and nothing left behind.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { type StructType, struct, u64 } from '../../src/asm/index.ts';
import { BpfRingBuffer, loadProgram, RawMap } from '../../src/loader/index.ts';
import { discarding, RingRig, ringOf } from './support/ring.ts';

const numbers = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ serial: BigInt(first + i), echo: BigInt(first + i) }));
/** What an event takes in the ring: a header and two numbers. */
const RECORD = 24;

const descriptors = () => readdirSync('/proc/self/fd').length;
const threads = () => readdirSync('/proc/self/task').length;

/** Waits for what is about to become so. */
async function until(what: () => boolean): Promise<boolean> {
  for (let i = 0; i < 1_000; i++) {
    if (what()) return true;
    await sleep(5);
  }
  return false;
}

/** What is open, once it has stayed the same for a fifth of a second: a thread before it may be on its way out. */
async function settled(): Promise<{ readonly fds: number; readonly threads: number }> {
  for (let was = '', same = 0; same < 40; await sleep(5)) {
    const is = `${descriptors()} ${threads()}`;
    same = is === was ? same + 1 : 0;
    was = is;
  }
  return { fds: descriptors(), threads: threads() };
}

test.serial('what is there is taken, in order, around the end of the buffer too', (t) => {
  using rig = new RingRig();
  t.deepEqual(rig.ring.take(), []);
  // 150 times 24 bytes do not divide 4096: the end comes at every place.
  for (let round = 0; round < 50; round++) {
    rig.emit(150);
    t.is(rig.ring.used, 150 * RECORD);
    t.deepEqual(rig.ring.take(), numbers(round * 150, 150));
    t.is(rig.ring.used, 0);
  }
  t.is(rig.lost, 0n);
});

test.serial('a full ring keeps what it has, and the program knows what was lost', (t) => {
  using rig = new RingRig();
  rig.emit(1_000);
  const taken = rig.ring.take();
  t.deepEqual(taken, numbers(0, taken.length));
  t.is(BigInt(taken.length) + rig.lost, 1_000n);
  t.true(taken.length >= Math.floor(4096 / RECORD) - 1);
});

test.serial('records that were given up are passed over and counted', async (t) => {
  using rig = new RingRig();
  using give = loadProgram(discarding(rig.ring.definition), { ldrt_ring: rig.ring });
  await using reader = rig.ring.reader();
  rig.emit(1);
  give.testRun({ data: new Uint8Array(64), repeat: 3 });
  rig.emit(1);
  t.deepEqual((await reader.next()).value, numbers(0, 1)[0]);
  t.deepEqual((await reader.next()).value, numbers(1, 1)[0]);
  t.is(reader.stats().discarded, 3);
});

test.serial('a reader waits for events, in order, many at a time', async (t) => {
  using rig = new RingRig(1 << 20);
  await using reader = rig.ring.reader({ lost: () => rig.lost });
  const waiting = reader.next();
  rig.emit(1);
  t.deepEqual(await waiting, { done: false, value: numbers(0, 1)[0] });
  let expected = 1n;
  const producer = (async () => {
    for (let i = 0; i < 100; i++) {
      // However slow the thread is on a busy machine, nothing is to be lost here.
      while (rig.ring.used > rig.ring.size / 2) await sleep(1);
      rig.emit(1_000);
      await sleep(0);
    }
  })();
  let wrong = 0;
  for await (const batch of reader.batches()) {
    for (const { serial } of batch) {
      if (serial !== expected) wrong += 1;
      expected += 1n;
    }
    if (expected === 100_001n) break;
  }
  await producer;
  t.is(wrong, 0);
  const stats = reader.stats();
  t.is(stats.events, 100_001);
  t.is(stats.lost, 0n);
});

test.serial('a slow consumer makes the thread stop, the ring fill up, and the loss be counted', async (t) => {
  using rig = new RingRig(16_384);
  await using reader = rig.ring.reader({ highWater: 8_192, lost: () => rig.lost });
  // Nobody consumes: what fits in the ring and below the mark (and a message above it) is kept, nothing more.
  let emitted = 0;
  const paused = await until(() => {
    rig.emit(100);
    emitted += 100;
    return reader.stats().pauses >= 1;
  });
  t.true(paused);
  rig.emit(1_000);
  emitted += 1_000;
  t.true(reader.stats().fullest <= 16_384);
  const lostSoFar = rig.lost;
  const kept = emitted - Number(lostSoFar);
  t.true(kept <= (16_384 + 8_192 + 2 * 2_048) / RECORD, `${kept} events kept`);
  const serials: bigint[] = [];
  while (serials.length < kept) serials.push((await reader.next()).value!.serial);
  t.deepEqual(
    [...serials].sort((a, b) => Number(a - b)),
    serials,
  );
  // With a consumer at work nothing more is lost.
  rig.emit(200);
  for (let i = 0; i < 200; i++) {
    t.is((await reader.next()).value!.serial, BigInt(emitted + i));
  }
  t.is(reader.stats().lost, lostSoFar);
  t.true(reader.stats().fullest > 16_384 / 2);
});

test.serial('leaving a loop leaves the reader open; several may wait; closing ends them', async (t) => {
  using rig = new RingRig();
  const reader = rig.ring.reader();
  rig.emit(3);
  for await (const { serial } of reader) {
    t.is(serial, 0n);
    break;
  }
  for await (const { serial } of reader) {
    t.is(serial, 1n);
    break;
  }
  t.deepEqual(await reader.next(), { done: false, value: numbers(2, 1)[0] });
  const waiting = [reader.next(), reader.next(), reader.next()];
  rig.emit(1);
  t.is((await waiting[0]!).value?.serial, 3n);
  await reader.close();
  for (const one of [...waiting.slice(1), reader.next()])
    t.deepEqual(await one, { done: true, value: undefined });
  await reader.close();
  for await (const _ of reader) t.fail();
});

test.serial('one reader at a time; what is no ring buffer is none', async (t) => {
  using rig = new RingRig();
  const reader = rig.ring.reader();
  t.throws(() => rig.ring.reader(), { code: 'EBUSY' });
  t.throws(() => rig.ring.take(), { code: 'EBUSY' });
  await reader.close();
  rig.emit(1);
  t.is(rig.ring.take().length, 1);
  t.throws(() => rig.ring.reader({ highWater: 0 }), { instanceOf: RangeError });
  await rig.ring.reader().close();

  const array = {
    name: 'ldrt_array',
    type: 'array',
    keySize: 4,
    valueSize: 4,
    maxEntries: 1,
    flags: 0,
  } as const;
  using raw = RawMap.create(array);
  t.throws(() => new BpfRingBuffer(raw, ringOf()), { code: 'EMAPSHAPE' });
  t.throws(() => BpfRingBuffer.create({ ...ringOf(), maxEntries: 4097 }), { code: 'EINVAL' });
  rig.ring.close();
  t.throws(() => rig.ring.take(), { code: 'EBADF' });
  t.throws(() => rig.ring.used, { code: 'EBADF' });
  t.throws(() => rig.ring.reader(), { code: 'EBADF' });
});

test.serial('a record that is no event is an error of that record', async (t) => {
  const longer: StructType = struct('ldrt_longer', { serial: u64, echo: u64, more: u64 });
  using rig = new RingRig();
  using wrong = new BpfRingBuffer(RawMap.openById(rig.ring.raw.id)!, { ...ringOf(), event: longer });
  rig.emit(2);
  t.throws(() => wrong.take(), { code: 'EEVENT', message: /a record of 16 bytes is no event of 24 bytes/ });
  await using reader = wrong.reader();
  rig.emit(1);
  await t.throwsAsync(() => reader.next(), { code: 'EEVENT' });
});

test.serial('readers leave no thread, no descriptor and no mapping, however they are closed', async (t) => {
  using rig = new RingRig();
  await rig.ring.reader().close();
  const before = await settled();
  const asBefore = () => threads() === before.threads && descriptors() === before.fds;
  for (let i = 0; i < 5; i++) {
    {
      await using reader = rig.ring.reader();
      rig.emit(1);
      await reader.next();
    }
    {
      using reader = rig.ring.reader();
      rig.emit(1);
      t.is(reader.stats().events, 0);
    }
    rig.ring.take();
  }
  t.true(await until(asBefore));
  {
    using ring = BpfRingBuffer.create(ringOf());
    ring.reader();
  }
  t.true(await until(asBefore));
});

const CHILD = (end: string) => `
  import { BpfRingBuffer } from '${new URL('../../src/loader/index.js', import.meta.url).href}';
  import { ringOf } from '${new URL('./support/ring.js', import.meta.url).href}';
  const ring = BpfRingBuffer.create(ringOf());
  const reader = ring.reader();
  process.on('exit', () => console.log('exit'));
  ${end}
`;
for (const [what, end, status] of [
  ['that is not waited for', '', 0],
  ['that is asleep', 'setTimeout(() => process.exit(3), 300); await reader.next();', 3],
  [
    'at an uncaught error',
    'setTimeout(() => { throw new Error("so be it"); }, 300); await reader.next();',
    1,
  ],
  ['just started', 'process.exit(4);', 4],
] as const) {
  test.serial(`a process with a reader ${what} comes to its end`, (t) => {
    const begun = performance.now();
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', CHILD(end)], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    t.is(child.status, status, child.stderr);
    t.is(child.stdout, 'exit\n');
    t.true(performance.now() - begun < 10_000);
  });
}
