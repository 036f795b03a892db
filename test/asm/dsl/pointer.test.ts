// A pointer to what one of several look-ups has found, and the length of an XDP frame: in the interpreter and the kernel.

import test from 'ava';
import { defineMap, program, struct, u32, u64 } from '../../../src/asm/index.ts';
import { BpfMap, loadProgram } from '../../../src/loader/index.ts';
import { TypedMap, Vm } from '../../../src/vm/index.ts';
import { needsRootAndBpf } from '../../support/requirements.ts';

needsRootAndBpf(test);

const counters = struct('counters', { packets: u64, bytes: u64 });
const near = defineMap({ name: 'near', type: 'hash', key: u32, value: counters, maxEntries: 4 });
const wide = struct('wide', { address: u64, packets: u64, bytes: u64 });
const far = defineMap({ name: 'far', type: 'array', key: u32, value: wide, maxEntries: 4 });

/** Counts in `near` where the key, the first byte of the packet, is there, else in `far`. */
const count = program('xdp', 'count', (p) => {
  const [head] = p.packet.read([struct('head', { key: u32 })], { orElse: () => p.drop() });
  const key = p.variable('u32', head.key);
  const chosen = p.pointer(counters);
  const one = p.lookup(near, key);
  p.when(
    one.exists(),
    () => chosen.point(one.value.packets),
    () => {
      const other = p.lookup(far, key, { orElse: () => p.pass() });
      chosen.point(other.packets);
    },
  );
  chosen.view.packets.increase(1);
  chosen.view.bytes.increase(p.length());
  p.transmit();
});

const packetOf = (key: number, length: number): Uint8Array => {
  const packet = new Uint8Array(length);
  packet[0] = key;
  return packet;
};
const [TX, PASS] = [3, 2];

test('the interpreter and the kernel count where the pointer points, by the length of the frame', (t) => {
  const vm = new Vm(count);
  using nearMap = BpfMap.create(near);
  using farMap = BpfMap.create(far);
  using loaded = loadProgram(count, { near: nearMap, far: farMap });
  const zero = { packets: 0n, bytes: 0n };
  const [vmNear, vmFar] = [new TypedMap(vm.maps.near, near), new TypedMap(vm.maps.far, far)];
  for (const map of [vmNear, nearMap]) map.set(1, zero);
  const runs = [
    [1, 64, TX],
    [2, 100, TX],
    [1, 1500, TX],
    [9, 64, PASS],
  ] as const;
  for (const [key, length, verdict] of runs) {
    const packet = packetOf(key, length);
    t.is(vm.run({ packet }).returnValue, verdict);
    t.is(loaded.testRun({ data: packet }).returnValue, verdict);
  }
  for (const map of [vmNear, nearMap]) t.deepEqual(map.get(1), { packets: 2n, bytes: 1564n });
  for (const map of [vmFar, farMap]) t.deepEqual(map.get(2), { address: 0n, packets: 1n, bytes: 100n });
});
