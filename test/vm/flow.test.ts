// Helpers that go on elsewhere: tail calls, other maps, loops over functions, packets sent away.

import test from 'ava';
import {
  defineMap,
  type Item,
  instruction as i,
  type MapDefinition,
  type Register,
  u32,
} from '../../src/asm/index.ts';
import { createMap, MapOfMaps, ProgramArray, TargetMap, Vm } from '../../src/vm/index.ts';
import { run, tc, xdp } from './support/run.ts';

const packet = new Uint8Array(64).fill(7);
const jumps = defineMap({ name: 'jumps', type: 'prog_array', key: u32, value: u32, maxEntries: 4 });
const tail = (index: number, context: Register): readonly Item[] => [
  i.mov.reg(1, context),
  i.loadMap(2, jumps),
  i.mov.imm(3, index),
  i.call(12),
];

function jumpsTo(programs: { readonly [index: number]: ReturnType<typeof tc> }): ProgramArray {
  const map = new ProgramArray(jumps);
  for (const [index, program] of Object.entries(programs)) map.setProgram(Number(index), program);
  return map;
}

test('a tail call goes to another program, which has a stack and constants of its own', (t) => {
  const target = tc([
    i.storeImm(8, 10, -8, 40),
    i.load(8, 0, 10, -8),
    i.load(4, 1, 1, 0),
    i.add.reg(0, 1),
    i.exit(),
  ]);
  const start = tc([i.mov.reg(6, 1), i.mov.imm(7, 1234567), ...tail(2, 6), i.mov.imm(0, 1), i.exit()]);
  t.is(run(start, { packet }, { maps: { jumps: jumpsTo({ 2: target }) } }).returnValue, 40 + packet.length);
});

test('without a program there execution just goes on', (t) => {
  const start = tc([i.mov.reg(6, 1), ...tail(3, 6), i.mov.imm(0, 1), i.exit()]);
  t.is(run(start, { packet }, { maps: { jumps: jumpsTo({}) } }).returnValue, 1);
});

test('the thirty-fourth tail call in a row is none', (t) => {
  const self = tc([
    i.mov.reg(6, 1),
    i.load(4, 0, 6, 48),
    i.add.imm(0, 1),
    i.store(4, 6, 48, 0),
    ...tail(0, 6),
    i.load(4, 0, 6, 48),
    i.exit(),
  ]);
  // The first run of the program and 33 more, kernel's MAX_TAIL_CALL_CNT.
  t.is(run(self, { packet }, { maps: { jumps: jumpsTo({ 0: self }) } }).returnValue, 34);
});

test('a tail call out of a function ends that function', (t) => {
  const inner = i.label('inner');
  const target = tc([i.mov.imm(0, 5), i.exit()]);
  const start = tc([
    i.mov.reg(6, 1),
    i.mov.imm(7, 2),
    i.callLocal(inner),
    i.mul.reg(0, 7),
    i.add.imm(0, 1000),
    i.exit(),
    { place: inner },
    i.mov.reg(6, 1),
    ...tail(0, 6),
    i.mov.imm(0, 1),
    i.exit(),
  ]);
  t.is(run(start, { packet }, { maps: { jumps: jumpsTo({ 0: target }) } }).returnValue, 1010);
});

test('a map in a map is looked up in two steps', (t) => {
  const innerSpec = {
    name: 'inner',
    type: 'array',
    keySize: 4,
    valueSize: 8,
    maxEntries: 2,
    flags: 0,
  } as const;
  const outer = defineMap({ name: 'outer', type: 'hash_of_maps', key: u32, value: u32, maxEntries: 2 });
  const inner = createMap(innerSpec);
  inner.set(Uint8Array.of(1, 0, 0, 0), Uint8Array.of(42, 0, 0, 0, 0, 0, 0, 0));
  const map = new MapOfMaps(outer);
  map.setMap(Uint8Array.of(9, 0, 0, 0), inner);
  const lookup = (key: number, ...first: readonly Item[]): readonly Item[] => [
    i.storeImm(4, 10, -4, key),
    ...first,
    i.mov.reg(2, 10),
    i.add.imm(2, -4),
    i.call(1),
    i.jeq.imm(0, 0, missing),
  ];
  const missing = i.label('missing');
  const program = (key: number) =>
    tc([
      ...lookup(key, i.loadMap(1, outer)),
      ...lookup(1, i.mov.reg(1, 0)),
      i.load(8, 0, 0, 0),
      i.exit(),
      { place: missing },
      i.mov.imm(0, 0),
      i.exit(),
    ]);
  t.is(run(program(9), { packet }, { maps: { outer: map } }).returnValue, 42);
  t.is(run(program(8), { packet }, { maps: { outer: map } }).returnValue, 0);
});

test('bpf_loop calls a function until it has had enough', (t) => {
  const body = i.label('body');
  const program = (turns: number, stop: number) =>
    tc([
      i.storeImm(8, 10, -8, 0),
      i.mov.imm(1, turns),
      i.loadFunction(2, body),
      i.mov.reg(3, 10),
      i.add.imm(3, -8),
      i.mov.imm(4, 0),
      i.call(181),
      i.load(8, 1, 10, -8),
      i.lsh.imm(0, 16),
      i.or.reg(0, 1),
      i.exit(),
      { place: body },
      // Sums up the numbers of the turns.
      i.load(8, 3, 2, 0),
      i.add.reg(3, 1),
      i.store(8, 2, 0, 3),
      i.mov.imm(0, 0),
      i.jne.imm(1, stop, end),
      i.mov.imm(0, 1),
      { place: end },
      i.exit(),
    ]);
  const end = i.label('end');
  t.is(run(program(10, 99), { packet }).returnValue, (10 << 16) | 45);
  t.is(run(program(10, 4), { packet }).returnValue, (5 << 16) | 10);
  t.is(run(program(0, 4), { packet }).returnValue, 0);
});

test('redirect helpers say where the packet would go', (t) => {
  const redirect = (id: number) => [i.mov.imm(1, 7), i.mov.imm(2, 0), i.call(id), i.exit()];
  const tcResult = run(tc(redirect(23)), { packet });
  t.is(tcResult.returnValue, 7);
  t.deepEqual(tcResult.redirect, { helper: 'redirect', ifindex: 7, flags: 0 });
  t.is(run(xdp(redirect(23)), { packet }).returnValue, 4);
  t.deepEqual(run(tc(redirect(155)), { packet }).redirect, { helper: 'redirect_peer', ifindex: 7, flags: 0 });
  const wrong = [i.mov.imm(1, 7), i.mov.imm(2, 2), i.call(23), i.exit()];
  t.is(run(tc(wrong), { packet }).returnValue, 2, 'TC_ACT_SHOT');
  t.is(run(tc(wrong), { packet }).redirect, undefined);
});

test('redirect_map takes what the map has, or the verdict of its flags', (t) => {
  const devices: MapDefinition = defineMap({
    name: 'devices',
    type: 'devmap',
    key: u32,
    value: u32,
    maxEntries: 8,
  });
  const map = new TargetMap(devices);
  map.set(Uint8Array.of(3, 0, 0, 0), Uint8Array.of(5, 0, 0, 0));
  const program = (key: number) =>
    xdp([i.loadMap(1, devices), i.mov.imm(2, key), i.mov.imm(3, 2), i.call(51), i.exit()]);
  const result = run(program(3), { packet }, { maps: { devices: map } });
  t.is(result.returnValue, 4);
  t.like(result.redirect, { helper: 'redirect_map', key: 3 });
  t.is(run(program(4), { packet }, { maps: { devices: map } }).returnValue, 2);
});

test('clone_redirect sends a copy as the packet is then', (t) => {
  const program = tc([
    i.mov.reg(6, 1),
    i.mov.imm(2, 9),
    i.mov.imm(3, 0),
    i.call(13),
    i.load(4, 1, 6, 76),
    i.storeImm(1, 1, 0, 1),
    i.mov.imm(0, 0),
    i.exit(),
  ]);
  const { clones, packet: left } = run(program, { packet });
  t.deepEqual(clones, [{ ifindex: 9, flags: 0, packet }]);
  t.is(left[0], 1);
});

test('a run on memory has no packet helpers, and says so', (t) => {
  const program = tc([i.mov.imm(2, 0), i.call(39), i.exit()]);
  t.throws(() => new Vm(program).runMemory(), { message: /r1 is null/ });
});
