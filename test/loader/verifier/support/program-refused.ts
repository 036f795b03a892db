// Refused for what they do: flow, calls, arithmetic, what they return. In the words of Linux 5.10 to 6.18; before 6.4 the
// log does not name maps.

import { type Instruction, type Item, instruction } from '../../../../src/asm/index.ts';
import {
  colours,
  DATA,
  DATA_END,
  end,
  fourteen,
  jumps,
  leave,
  lookup,
  out,
  type RefusedProgram,
} from './pieces.ts';

const { add, call, callLocal, exit, jeq, ja, label, load, loadMap, mov, storeImm } = instruction;

/** Helpers, by their numbers in include/uapi/linux/bpf.h. */
const TRACE_PRINTK = 6;
const PRANDOM = 7;
const REDIRECT_MAP = 51;
const SK_LOOKUP_TCP = 84;

/** BPF_F_STRICT_ALIGNMENT */
const STRICT_ALIGNMENT = 1;

const back = label('back');
const inner = label('inner');

/** Each way out of each of them is open until the end. */
const branches = (count: number): Item[] =>
  Array.from({ length: count }, (_, i) => [call(PRANDOM), jeq.imm(0, i + 5, 0)]).flat();

export const PROGRAM_REFUSED: { readonly [name: string]: RefusedProgram } = {
  'loop without end': {
    kind: 'infinite_loop',
    items: [mov.imm(0, 0), { place: back }, call(PRANDOM), ja(back)],
    at: 1,
    reason: /infinite loop detected at insn 1/,
    hint: /count towards a constant/,
  },
  'too many branches': {
    kind: 'too_complex',
    items: [...branches(8200), ...end],
    at: 16385,
    reason: /The sequence of 8193 jumps is too complex/,
    state: /^r0 is any number$/,
    hint: /gives up after 1,000,000/,
  },
  'code nobody reaches': {
    kind: 'unreachable',
    items: [...end, mov.imm(0, 1), exit()],
    at: 2,
    reason: /unreachable insn 2/,
    hint: /no path leads here/,
  },
  'jump too far': {
    kind: 'jump_out_of_range',
    items: [mov.imm(0, 0), jeq.imm(0, 0, 20), exit()],
    at: 1,
    reason: /jump out of range from insn 1 to 22/,
    hint: /instruction 22 is not in the same function/,
  },
  'misaligned on the stack': {
    kind: 'misaligned',
    items: [storeImm(8, 10, -12, 0), ...end],
    at: 0,
    reason: /misaligned stack access/,
    hint: /8 bytes at once must lie at a multiple of 8/,
  },
  'misaligned in the packet': {
    kind: 'misaligned',
    items: [...fourteen, load(8, 0, 2, 1), ...leave],
    flags: STRICT_ALIGNMENT,
    at: 5,
    reason: /misaligned packet access/,
    state: /^r2 is a packet pointer, 14 bytes checked$/,
    hint: /smaller pieces/,
  },
  'helper that there is not': {
    kind: 'unknown_helper',
    items: [call(9999), ...end],
    at: 0,
    reason: /invalid func unknown#9999/,
    hint: /no such helper/,
  },
  'helper of another type of program': {
    kind: 'helper_not_allowed',
    items: [loadMap(1, colours), mov.imm(2, 0), mov.imm(3, 0), call(REDIRECT_MAP), ...end],
    at: 4,
    reason: /(program of this type cannot use helper|unknown func) bpf_redirect_map#51/,
    hint: /bpf_redirect_map is for other types/,
  },
  'helper that wants the GPL': {
    kind: 'licence',
    items: [
      storeImm(8, 10, -8, 0),
      mov.reg(1, 10),
      add.imm(1, -8),
      mov.imm(2, 8),
      call(TRACE_PRINTK),
      ...end,
    ],
    license: 'Proprietary',
    at: 4,
    reason: /cannot call GPL-restricted function/,
    hint: /GPL-compatible licence/,
  },
  'map that the helper does not take': {
    kind: 'wrong_map',
    items: [...lookup.with(3, loadMap(1, jumps)), ...end],
    at: 5,
    reason: /cannot pass map_type 3 into func bpf_map_lookup_elem/,
    hint: /does not take a map of type 3/,
  },
  'argument of the wrong kind': {
    kind: 'wrong_argument',
    items: [...lookup.with(3, mov.imm(1, 0)), ...end],
    at: 4,
    reason: /R1 type=(scalar|inv) expected=map_ptr/,
    state: /^r1 is 0$/,
    hint: /r1 is argument 1 of the call: give it a map/,
  },
  'address returned': {
    kind: 'leaks_address',
    items: [mov.reg(0, 10), exit()],
    at: 1,
    reason: /R0 leaks addr as return value/,
    state: /^r0 is the frame pointer$/,
    hint: /without CAP_PERFMON/,
    withoutPerfmon: true,
  },
  'offset that only CAP_PERFMON may add': {
    kind: 'needs_perfmon',
    items: [
      load(4, 2, 1, DATA),
      load(4, 3, 1, DATA_END),
      load(4, 5, 1, 0),
      instruction.and.imm(5, 15),
      add.reg(2, 5),
      ...end,
    ],
    at: 4,
    reason: /R2 has pointer with unsupported alu operation/,
    state: /^r2 is a packet pointer, no byte checked, r5 is a number from 0 to 15$/,
    hint: /grant CAP_PERFMON/,
    withoutPerfmon: true,
  },
  'pointer multiplied': {
    kind: 'pointer_arithmetic',
    items: [mov.imm(0, 0), instruction.mul.imm(1, 2), exit()],
    at: 1,
    reason: /R1 pointer arithmetic with \*= operator prohibited/,
    state: /^r1 is the context$/,
    hint: /a limited number can be added/,
  },
  'number too large for a pointer': {
    kind: 'pointer_arithmetic',
    items: [load(4, 2, 1, DATA), instruction.loadImm64(3, 1n << 40n), add.reg(2, 3), ...end],
    at: 3,
    reason: /math between pkt pointer and 1099511627776 is not allowed/,
    state: /r3 is 1099511627776/,
    hint: /a limited number can be added/,
  },
  'stack of functions together': {
    kind: 'stack_size',
    items: [
      ...[callLocal(out), ...end],
      ...[{ place: out }, storeImm(8, 10, -304, 0), callLocal(inner), ...end],
      ...[{ place: inner }, storeImm(8, 10, -304, 0), ...end],
    ],
    reason: /combined stack size of \d calls is \d+\. Too large/,
    hint: /512 bytes of stack together/,
  },
  'field that there is not': {
    kind: 'context_access',
    items: [load(4, 0, 1, 1000), exit()],
    at: 0,
    reason: /invalid bpf_context access off=1000 size=4/,
    state: /^r1 is the context$/,
    hint: /no field of 4 bytes at 1000/,
  },
  'moved context': {
    kind: 'context_moved',
    items: [add.imm(1, 8), load(4, 0, 1, 0), exit()],
    at: 1,
    reason: /dereference of modified ctx ptr R1 off=8 disallowed/,
    state: /^r1 is the context plus 8$/,
    hint: /fixed offset/,
  },
  'value that the hook does not know': {
    kind: 'return_value',
    items: [load(4, 0, 1, 0), exit()],
    type: 'cgroup_skb',
    at: 1,
    reason: /At program exit the register R0/,
    state: /^r0 is a number from 0 to 4294967295$/,
    hint: /return a number in (\[0, 1\]|\(0x0; 0x1\))/,
  },
  'socket never released': {
    kind: 'reference_leak',
    items: [
      storeImm(8, 10, -8, 0),
      storeImm(8, 10, -16, 0),
      mov.reg(2, 10),
      add.imm(2, -16),
      mov.imm(3, 12),
      mov.imm(4, -1),
      mov.imm(5, 0),
      call(SK_LOOKUP_TCP),
      ...end,
    ],
    at: 9,
    reason: /Unreleased reference id=\d+ alloc_insn=7/,
    hint: /instruction 7 acquired must be given back/,
  },
  'no exit at the end': {
    kind: 'no_exit',
    items: [mov.imm(0, 0), mov.imm(0, 1)],
    at: 1,
    reason: /last insn is not an exit or jmp/,
    hint: /end with exit/,
  },
  'frame pointer written': {
    kind: 'frame_pointer',
    items: [mov.imm(10, 0), ...end],
    at: 0,
    reason: /frame pointer is read only/,
    hint: /copy r10/,
  },
  'unknown instruction': {
    kind: 'unknown_instruction',
    items: [mov.imm(0, 0), { opcode: 0xff, dst: 0, src: 0, offset: 0, imm: 0 } as Instruction, exit()],
    at: 1,
    reason: /unknown opcode ff/,
    hint: /does not know the instruction/,
  },
  'atomic operation on the packet': {
    kind: 'atomic_target',
    items: [mov.imm(5, 1), ...fourteen, instruction.atomicAdd(4, 2, 0, 5), ...leave],
    at: 6,
    reason: /BPF_(ATOMIC|XADD) \w+ into R2 pkt is not allowed/,
    state: /r2 is a packet pointer, 14 bytes checked/,
    hint: /load, change and store/,
  },
};
