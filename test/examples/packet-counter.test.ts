// The example that is not NAT: the same packets through the interpreter and the kernel, the same counts and events.

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import process from 'node:process';
import test from 'ava';
import { be16, decode, encode, type ValueOf } from 'tsnat/asm';
import { BpfMap, loadCollection, loadProgram, RawMap } from 'tsnat/loader';
import { RingBuffer, Vm } from 'tsnat/vm';
import { counts, firstSeen, packetCounter, watch } from '../../examples/packet-counter.ts';
import { Namespace } from '../support/namespace.ts';
import { ROOT } from '../support/root.ts';

const ETHERTYPES = [0x0800, 0x86dd, 0x0800, 0x0806, 0x0800];
/** A frame of `64 + i` bytes with each of them in turn. */
const frames = ETHERTYPES.map((proto, i) => {
  const frame = new Uint8Array(64 + i);
  new DataView(frame.buffer).setUint16(12, proto);
  return frame;
});
const SHORT = new Uint8Array(14);

const expectedCounts = [
  [0x0800, { packets: 3n, bytes: 64n + 66n + 68n }],
  [0x86dd, { packets: 1n, bytes: 65n }],
  [0x0806, { packets: 1n, bytes: 67n }],
] as const;
const expectedEvents: ValueOf<typeof firstSeen.event>[] = [
  { proto: 0x0800, pad: 0, length: 64 },
  { proto: 0x86dd, pad: 0, length: 65 },
  { proto: 0x0806, pad: 0, length: 67 },
];

test('in the interpreter', (t) => {
  const vm = new Vm(packetCounter);
  for (const packet of frames) t.is(vm.run({ packet }).returnValue, 0xffff_ffff);
  for (const [proto, expected] of expectedCounts) {
    t.deepEqual(decode(counts.value, vm.maps.counts!.get(encode(be16, proto))!), expected);
  }
  const ring = vm.maps.first_seen;
  t.true(ring instanceof RingBuffer);
  const events = (ring as RingBuffer).take().map((event) => decode(firstSeen.event, event));
  t.deepEqual(events, expectedEvents);
});

test('in the kernel', async (t) => {
  using loaded = loadCollection({ maps: { counts, firstSeen }, programs: { packetCounter } });
  const { maps, programs } = loaded;
  await using reader = maps.firstSeen.reader();
  for (const data of frames) t.is(programs.packetCounter.testRun({ data }).returnValue, 0xffff_ffff);
  for (const expected of expectedEvents) t.deepEqual((await reader.next()).value, expected);
  for (const [proto, expected] of expectedCounts) t.deepEqual(maps.counts.get(proto), expected);
  t.is(maps.counts.size, expectedCounts.length);
});

test('on an interface, as packets come', async (t) => {
  const namespace = await Namespace.make('count');
  t.teardown(() => namespace.remove());
  await namespace.ip('link set lo up');
  const protos: number[] = [];
  const watching = watch({ interface: 'lo', netns: namespace.name }, ({ proto }) => {
    protos.push(proto);
    return false;
  });
  execFileSync('nsenter', [`--net=${namespace.path}`, 'ping', '-c', '1', '-W', '1', '127.0.0.1']);
  const seen = await watching;
  t.deepEqual(protos, [0x0800]);
  t.is(seen.get(0x0800)?.packets, 2n);
  t.is(seen.size, 1);
});

test('in the kernel, the ring read by a reader that is not ours', (t) => {
  using table = BpfMap.create(counts);
  using ring = RawMap.create(firstSeen);
  using loaded = loadProgram(packetCounter, { counts: table, first_seen: ring });
  for (const data of frames) t.is(loaded.testRun({ data }).returnValue, 0xffff_ffff);
  for (const [proto, expected] of expectedCounts) t.deepEqual(table.get(proto), expected);

  const folder = `/sys/fs/bpf/tsnat-example-${process.pid}`;
  mkdirSync(folder);
  try {
    ring.pin(`${folder}/first_seen`);
    const reader = [`${ROOT}/test/examples/read-ring.py`, `${folder}/first_seen`, `${firstSeen.maxEntries}`];
    const lines = execFileSync('/usr/bin/python3', reader, { encoding: 'utf8' }).trim().split('\n');
    const events = lines.map((line) => decode(firstSeen.event, Uint8Array.from(Buffer.from(line, 'hex'))));
    t.deepEqual(events, expectedEvents);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a frame with nothing behind its header is counted too', (t) => {
  const vm = new Vm(packetCounter);
  vm.run({ packet: SHORT });
  t.deepEqual(decode(counts.value, vm.maps.counts!.get(encode(be16, 0))!), { packets: 1n, bytes: 14n });
});
