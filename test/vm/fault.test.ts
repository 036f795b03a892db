// What a program may not do: each fault has a code, the instruction, and the line of this file that emitted it.

import test from 'ava';
import {
  bytes,
  defineMap,
  type Instruction,
  type Item,
  instruction as i,
  type Program,
  u32,
} from '../../src/asm/index.ts';
import { type FaultCode, Vm, VmFault } from '../../src/vm/index.ts';
import { faults, tc, xdp } from './support/run.ts';

const packet = new Uint8Array(64);
const table = defineMap({ name: 'table', type: 'array', key: u32, value: bytes(8), maxEntries: 1 });
const constants = defineMap({
  name: 'constants',
  type: 'array',
  key: u32,
  value: bytes(8),
  maxEntries: 1,
  // BPF_F_RDONLY_PROG
  flags: 1 << 7,
});
const ring = defineMap({ name: 'ring', type: 'ringbuf', key: bytes(1), value: bytes(1), maxEntries: 4096 });
const events = { ...ring, keySize: 0, valueSize: 0 };
const lookup = (map: typeof table): readonly Item[] => [
  i.storeImm(4, 10, -4, 0),
  i.loadMap(1, map),
  i.mov.reg(2, 10),
  i.add.imm(2, -4),
  i.call(1),
];
const again = i.label('again');
const deep = i.label('deep');
const raw = (opcode: number, more: Partial<Instruction> = {}): Instruction => ({
  opcode,
  dst: 0,
  src: 0,
  offset: 0,
  imm: 0,
  ...more,
});

interface Case {
  readonly code: FaultCode;
  readonly message: RegExp;
  readonly items: readonly Item[];
}

const cases: { readonly [name: string]: Case } = {
  'a load beyond the end of the packet': {
    code: 'ACCESS',
    message: /load of 4 bytes at 62 of the packet, which is 64 bytes long/,
    items: [i.load(4, 1, 1, 76), i.load(4, 0, 1, 62), i.exit()],
  },
  'a load in front of the packet': {
    code: 'ACCESS',
    message: /load of 1 byte at -1 of the packet/,
    items: [i.load(4, 1, 1, 76), i.load(1, 0, 1, -1), i.exit()],
  },
  'a store below the stack': {
    code: 'ACCESS',
    message: /store of 8 bytes at -8 of stack of frame 0, which is 512 bytes long/,
    items: [i.storeImm(8, 10, -520, 0), i.exit()],
  },
  'a load above the stack': {
    code: 'ACCESS',
    message: /at 512 of stack/,
    items: [i.load(8, 0, 10, 0), i.exit()],
  },
  'a number as a pointer': {
    code: 'ACCESS',
    message: /r3 is the number 0x7b, not a pointer/,
    items: [i.mov.imm(3, 123), i.load(1, 0, 3, 0), i.exit()],
  },
  'a null pointer': {
    code: 'ACCESS',
    message: /r3 is null, not a pointer/,
    items: [i.mov.imm(3, 0), i.load(1, 0, 3, 0), i.exit()],
  },
  'a pointer 4 GiB away': {
    code: 'ACCESS',
    message: /of the packet/,
    items: [i.load(4, 1, 1, 76), i.loadImm64(2, 1n << 32n), i.add.reg(1, 2), i.load(1, 0, 1, 0), i.exit()],
  },
  'a map as memory': {
    code: 'ACCESS',
    message: /map 'table' has no bytes to load/,
    items: [i.loadMap(1, table), i.load(8, 0, 1, 0), i.exit()],
  },
  'a load beyond a map value': {
    code: 'ACCESS',
    message: /at 4 of a value of map 'table', which is 8 bytes long/,
    items: [...lookup(table), i.load(8, 0, 0, 4), i.exit()],
  },
  'a store to a value that is read-only': {
    code: 'ACCESS',
    message: /read-only/,
    items: [...lookup(constants), i.storeImm(4, 0, 0, 1), i.exit()],
  },
  'a field of the context that is not for programs': {
    code: 'ACCESS',
    message: /load of 4 bytes at 88 of __sk_buff/,
    items: [i.load(4, 0, 1, 88), i.exit()],
  },
  'a store to a field that is read-only': {
    code: 'ACCESS',
    message: /store of 4 bytes at 0 of __sk_buff/,
    items: [i.mov.imm(0, 0), i.store(4, 1, 0, 0), i.exit()],
  },
  'an atomic operation on the packet': {
    code: 'ACCESS',
    message: /atomic operation on the packet/,
    items: [i.load(4, 1, 1, 76), i.mov.imm(0, 1), i.atomicAdd(4, 1, 0, 0), i.exit()],
  },
  'a pointer multiplied': {
    code: 'POINTER',
    message: /r10 points to stack of frame 0|r3 points to stack/,
    items: [i.mov.reg(3, 10), i.mul.imm(3, 2), i.exit()],
  },
  'two pointers added': {
    code: 'POINTER',
    message: /no such operation on a pointer/,
    items: [i.mov.reg(3, 10), i.add.reg(3, 10), i.exit()],
  },
  'a pointer in 32 bits': {
    code: 'POINTER',
    message: /no such operation/,
    items: [i.mov.reg(3, 10), i.add.imm32(3, 4), i.exit()],
  },
  'a call of what is no function': {
    code: 'POINTER',
    message: /cannot be called/,
    items: [i.mov.reg(3, 10), i.callIndirect(3), i.exit()],
  },
  'a packet pointer from before the packet moved': {
    code: 'STALE',
    message: /r7 points to where the packet was before/,
    items: [i.mov.reg(6, 1), i.load(4, 7, 6, 76), i.mov.imm(2, 0), i.call(39), i.load(1, 0, 7, 0), i.exit()],
  },
  'a register that holds nothing': {
    code: 'UNINITIALISED',
    message: /r5 holds nothing yet/,
    items: [i.mov.reg(0, 5), i.exit()],
  },
  'a result that was never set': {
    code: 'UNINITIALISED',
    message: /r0 holds nothing yet/,
    items: [i.exit()],
  },
  'an argument register after a call': {
    code: 'UNINITIALISED',
    message: /r1 holds nothing yet/,
    items: [i.call(5), i.mov.reg(0, 1), i.exit()],
  },
  'a loop without end': {
    code: 'BUDGET',
    message: /more than 1000 instructions/,
    items: [{ place: again }, i.ja(again)],
  },
  'calls without end': {
    code: 'STACK',
    message: /deeper than 8 frames/,
    items: [{ place: deep }, i.callLocal(deep), i.exit()],
  },
  'an unknown helper': {
    code: 'HELPER',
    message: /helper 9999: there is no such helper/,
    items: [i.call(9999), i.exit()],
  },
  'a helper that is not modelled': {
    code: 'HELPER',
    message: /helper 84: bpf_sk_lookup_tcp is not modelled/,
    items: [i.call(84), i.exit()],
  },
  'a helper of another program type': {
    code: 'HELPER',
    message: /only XDP programs have this helper/,
    items: [i.mov.imm(2, 0), i.call(44), i.exit()],
  },
  'a kernel function nobody modelled': {
    code: 'HELPER',
    message: /kernel function 42 is not modelled/,
    items: [i.callKernel(42), i.exit()],
  },
  'a number where a helper takes a map': {
    code: 'ACCESS',
    message: /r1 is the number 0x1, not a pointer/,
    items: [i.mov.imm(1, 1), i.call(1), i.exit()],
  },
  'something else than a map where a helper takes one': {
    code: 'ARGUMENT',
    message: /not to a map/,
    items: [i.mov.reg(1, 10), i.call(1), i.exit()],
  },
  'a key that is not all on the stack': {
    code: 'ACCESS',
    message: /load of 4 bytes at 510 of stack/,
    items: [i.loadMap(1, table), i.mov.reg(2, 10), i.add.imm(2, -2), i.call(1), i.exit()],
  },
  'an unknown opcode': {
    code: 'OPCODE',
    message: /not in the instruction set/,
    items: [raw(0xff), i.exit()],
  },
  'a division with a reserved offset': {
    code: 'OPCODE',
    message: /reserved/,
    items: [raw(0x3f, { offset: 2 }), i.exit()],
  },
  'a write to r10': {
    code: 'OPCODE',
    message: /r10 is read-only/,
    items: [raw(0xb7, { dst: 10 }), i.exit()],
  },
  'no exit': { code: 'JUMP', message: /execution left the program/, items: [i.mov.imm(0, 0)] },
  'a jump out of the program': {
    code: 'JUMP',
    message: /execution left the program/,
    items: [raw(0x05, { offset: 100 }), i.exit()],
  },
  'a jump into the middle of an instruction': {
    code: 'JUMP',
    message: /second half of a ld_imm64/,
    items: [raw(0x05, { offset: 1 }), i.loadImm64(0, 1n), i.exit()],
  },
  'a record that is kept': {
    code: 'REFERENCE',
    message: /not given back/,
    items: [i.loadMap(1, events), i.mov.imm(2, 8), i.mov.imm(3, 0), i.call(131), i.mov.imm(0, 0), i.exit()],
  },
};

for (const [name, { code, message, items }] of Object.entries(cases)) {
  test(name, (t) => {
    faults(t, () => new Vm(tc(items), { instructionLimit: 1000 }).run({ packet }), code, message);
  });
}

test('a pointer into a frame that has returned', (t) => {
  const inner = i.label('inner');
  const items = [
    i.mov.reg(1, 10),
    i.add.imm(1, -8),
    i.callLocal(inner),
    i.load(8, 1, 10, -8),
    i.load(8, 0, 1, 0),
    i.exit(),
    { place: inner },
    i.mov.reg(2, 10),
    i.add.imm(2, -8),
    i.store(8, 1, 0, 2),
    i.mov.imm(0, 0),
    i.exit(),
  ];
  faults(
    t,
    () => new Vm(xdp(items)).runMemory(),
    'STALE',
    /stack of frame 1 was before: its function has returned/,
  );
});

test('a fault names the line that emitted the instruction, and the instruction', (t) => {
  const where = { file: '/src/program.ts', line: 12, column: 3 };
  const plain = tc([i.mov.imm(3, 1), i.load(1, 0, 3, 0), i.exit()]);
  const program: Program = { ...plain, locations: [undefined, where, undefined] };
  const fault = faults(t, () => new Vm(program).run({ packet }), 'ACCESS', /program\.ts:12:3/);
  t.true(fault instanceof VmFault);
  t.is(fault?.index, 1);
  t.is(fault?.program, 'test');
  t.deepEqual(fault?.location, where);
  t.is(fault?.instruction, 'r0 = *(u8 *)(r3 + 0)');
});

test('an interpreter can be used again after a fault', (t) => {
  const vm = new Vm(tc([i.load(4, 2, 1, 76), i.load(1, 0, 2, 20), i.exit()]));
  faults(t, () => vm.run({ packet: new Uint8Array(20) }), 'ACCESS', /at 20/);
  const longer = new Uint8Array(21).fill(9);
  t.is(vm.run({ packet: longer }).returnValue, 9);
});
