// Packets and contexts: what a program reaches directly, what helpers reach, and what a run gives back.

import test from 'ava';
import { be16, defineMap, type Item, instruction as i, struct, u32, u64 } from '../../src/asm/index.ts';
import { loadProgram } from '../../src/loader/index.ts';
import { createMap, TypedMap, Vm } from '../../src/vm/index.ts';
import { needsRootAndBpf } from '../support/requirements.ts';
import { faults, run, tc, xdp } from './support/run.ts';

needsRootAndBpf(test);

const packet = Uint8Array.from({ length: 64 }, (_, n) => n);
packet.set([8, 0, 0x45], 12);
const field = (at: number, size: 1 | 2 | 4 | 8 = 4) => tc([i.load(size, 0, 1, at), i.exit()]);

test('the fields of __sk_buff', (t) => {
  t.is(run(field(0), { packet }).returnValue, 64);
  t.is(run(field(16), { packet }).returnValue, 0x0008, 'network byte order');
  t.is(run(field(40), { packet }).returnValue, 1, 'the loopback device, as in a test run');
  t.is(run(field(8), { packet, skb: { fields: { mark: 0xdead } } }).returnValue, 0xdead);
  t.is(
    run(field(8, 2), { packet, skb: { fields: { mark: 0x1234_5678 } } }).returnValue,
    0x5678,
    'a part of a field',
  );
  t.is(run(field(152, 8), { packet, skb: { fields: { tstamp: 77n } } }).returnValue, 77);
  t.is(run(field(20), { packet, skb: { vlan: { protocol: 0x8100, tci: 5 } } }).returnValue, 1);
  t.is(run(field(24), { packet, skb: { vlan: { protocol: 0x8100, tci: 5 } } }).returnValue, 5);
  const l3 = packet.subarray(14);
  t.is(run(field(16), { packet: l3, skb: { macLength: 0 } }).returnValue, 0x0008, 'by the version');
  t.throws(() => run(field(0), { packet, skb: { fields: { marc: 1 } } }), { message: /no field 'marc'/ });
});

test('whom a frame is for', (t) => {
  const ours = Uint8Array.of(2, 0, 0, 0, 0, 1);
  const type = (target: readonly number[]): number => {
    const frame = packet.slice();
    frame.set(target);
    return run(field(4), { packet: frame, skb: { deviceAddress: ours } }).returnValue;
  };
  t.deepEqual(
    [[...ours], [255, 255, 255, 255, 255, 255], [1, 0, 0x5e, 0, 0, 1], [2, 0, 0, 0, 0, 2]].map(type),
    [0, 1, 2, 3],
  );
});

test('what a program stores in the context is given back', (t) => {
  const items = [i.mov.imm(0, 7), i.store(4, 1, 8, 0), i.store(4, 1, 52, 0), i.exit()];
  const { context } = run(tc(items), { packet });
  const view = new DataView(context.buffer);
  t.deepEqual(
    [8, 48, 52].map((at) => view.getUint32(at, true)),
    [7, 0, 7],
  );
});

/** `data` in r7 and `data_end` in r8. */
const pointers: readonly Item[] = [i.mov.reg(6, 1), i.load(4, 7, 6, 76), i.load(4, 8, 6, 80)];
const pull = (length: number): readonly Item[] => [i.mov.reg(1, 6), i.mov.imm(2, length), i.call(39)];

test('only the linear part is reached directly, until more is pulled', (t) => {
  const input = { packet, linear: 20 };
  const size = tc([...pointers, i.mov.reg(0, 8), i.sub.reg(0, 7), i.exit()]);
  t.is(run(size, input).returnValue, 20);
  const beyond = tc([...pointers, i.load(1, 0, 7, 20), i.exit()]);
  faults(t, () => run(beyond, input), 'ACCESS', /at 20 of the packet, which is 20 bytes long/);
  const pulled = tc([i.mov.reg(6, 1), ...pull(30), ...pointers.slice(1), i.load(1, 0, 7, 29), i.exit()]);
  t.is(run(pulled, input).returnValue, 29);
  const tooMuch = tc([i.mov.reg(6, 1), ...pull(65), i.exit()]);
  t.is(run(tooMuch, input).returnValue | 0, -12, 'ENOMEM');
  t.is(run(tooMuch, input).packet.length, 64);
});

test('skb_load_bytes reaches all of it, and zeroes what it cannot fill', (t) => {
  const load = (at: number) =>
    tc([
      i.storeImm(8, 10, -8, -1),
      i.mov.imm(2, at),
      i.mov.reg(3, 10),
      i.add.imm(3, -8),
      i.mov.imm(4, 4),
      i.call(26),
      i.mov.reg(6, 0),
      i.load(4, 0, 10, -8),
      i.add.reg(0, 6),
      i.exit(),
    ]);
  const expected = new DataView(packet.buffer).getUint32(60, true);
  t.is(run(load(60), { packet, linear: 20 }).returnValue, expected);
  t.is(run(load(61), { packet, linear: 20 }).returnValue | 0, -14, 'EFAULT');
});

test('XDP: metadata and the room around the packet are those of the kernel', (t) => {
  const adjust = (id: number, by: number) =>
    xdp([i.mov.reg(6, 1), i.mov.imm(2, by), i.call(id), i.load(4, 1, 6, 0), i.load(4, 2, 6, 4), i.exit()]);
  const edges: readonly (readonly [id: number, by: number])[] = [
    ...[-217, -216, -215, 0, 49, 50, 51].map((by) => [44, by] as const),
    ...[-51, -50, -49, 1, 3455, 3456, 3457].map((by) => [65, by] as const),
    ...[-256, -252, -4, -3, 0, 4].map((by) => [54, by] as const),
  ];
  for (const [id, by] of edges) {
    const program = adjust(id, by);
    using loaded = loadProgram(program, {});
    const kernel = loaded.testRun({ data: packet, dataOutSize: 8192 });
    const { returnValue, meta, packet: left } = run(program, { packet });
    t.is(returnValue | 0, kernel.returnValue | 0, `helper ${id} by ${by}`);
    t.deepEqual(new Uint8Array([...meta, ...left]), kernel.data, `helper ${id} by ${by}`);
  }
});

test('XDP: what comes in front is read through data_meta', (t) => {
  const program = xdp([i.load(4, 2, 1, 8), i.load(4, 0, 2, 0), i.exit()]);
  t.is(run(program, { packet, xdp: { meta: Uint8Array.of(1, 2, 0, 0) } }).returnValue, 0x201);
  const index = xdp([i.load(4, 0, 1, 12), i.exit()]);
  t.is(run(index, { packet, xdp: { ingressIfindex: 9 } }).returnValue, 9);
  faults(t, () => run(xdp([i.load(2, 0, 1, 12), i.exit()]), { packet }), 'ACCESS', /xdp_md/);
});

test('packets go in and out as copies', (t) => {
  const given = packet.slice();
  const vm = new Vm(tc([...pointers, i.storeImm(1, 7, 0, 99), i.mov.imm(0, 0), i.exit()]));
  const first = vm.run({ packet: given }).packet;
  t.is(given[0], 0);
  t.is(first[0], 99);
  first[1] = 50;
  t.is(vm.run({ packet: given }).packet[1], 1);
});

test('a typed view of a map', (t) => {
  const counter = struct('counter', { packets: u64, port: be16, pad: be16 });
  const table = defineMap({ name: 'table', type: 'percpu_array', key: u32, value: counter, maxEntries: 2 });
  const view = new TypedMap(createMap(table, { cpus: 2 }), table);
  t.deepEqual(view.getPerCpu(1), [
    { packets: 0n, port: 0, pad: 0 },
    { packets: 0n, port: 0, pad: 0 },
  ]);
  const hash = defineMap({ name: 'hash', type: 'hash', key: be16, value: counter, maxEntries: 2 });
  const typed = new TypedMap(createMap(hash), hash);
  t.is(typed.set(80, { packets: 1n, port: 443, pad: 0 }), 'done');
  t.is(typed.set(80, { packets: 1n, port: 443, pad: 0 }, 'noexist'), 'exists');
  t.deepEqual(typed.entries(), [[80, { packets: 1n, port: 443, pad: 0 }]]);
  t.true(typed.delete(80));
  t.is(typed.get(80), undefined);
  t.throws(() => new TypedMap(createMap(hash), table), { instanceOf: RangeError, message: /type is hash/ });
  t.throws(() => new TypedMap(undefined, table), { instanceOf: TypeError });
});

test('a program that lacks something is refused', (t) => {
  const program = {
    ...field(0),
    unresolved: [{ kind: 'core', index: 0, what: 'offset of sk_buff.len' } as const],
  };
  t.throws(() => new Vm(program), {
    instanceOf: RangeError,
    message: /unresolved core: offset of sk_buff\.len/,
  });
});
