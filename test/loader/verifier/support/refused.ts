// Programs that the verifier refuses, one for each of the commonest mistakes, and what we have to say about them.
// In the words of Linux 5.10 to 6.18; before 6.4 the log does not name maps.

import {
  assemble,
  defineMap,
  type Instruction,
  type Item,
  instruction,
  type ProgramType,
  u32,
  u64,
} from '../../../../src/asm/index.ts';
import { BpfMap, loadProgram, VerifierError } from '../../../../src/loader/index.ts';

const { add, call, callLocal, exit, jeq, jgt, ja, jsgt, label, load, loadMap, mov, store, storeImm } =
  instruction;

const colours = defineMap({ name: 'colours', type: 'hash', key: u32, value: u64, maxEntries: 4 });
const jumps = defineMap({ name: 'jumps', type: 'prog_array', key: u32, value: u32, maxEntries: 4 });

/** Helpers, by their numbers in include/uapi/linux/bpf.h. */
const MAP_LOOKUP = 1;
const KTIME = 5;
const TRACE_PRINTK = 6;
const PRANDOM = 7;
const SKB_LOAD_BYTES = 26;
const SKB_PULL_DATA = 39;
const REDIRECT_MAP = 51;
const SK_LOOKUP_TCP = 84;
/** struct __sk_buff */
const DATA = 76;
const DATA_END = 80;

const out = label('out');
const back = label('back');
const inner = label('inner');
const end: Item[] = [mov.imm(0, 0), exit()];
const leave: Item[] = [{ place: out }, ...end];
const lookup: Item[] = [
  storeImm(4, 10, -4, 7),
  mov.reg(2, 10),
  add.imm(2, -4),
  loadMap(1, colours),
  call(MAP_LOOKUP),
];
/** r2 is the packet, r3 its end, and 14 bytes are there. */
const fourteen: Item[] = [
  load(4, 2, 1, DATA),
  load(4, 3, 1, DATA_END),
  mov.reg(4, 2),
  add.imm(4, 14),
  jgt.reg(4, 3, out),
];
const loadBytes = (size: Item[]): Item[] => [
  mov.reg(6, 1),
  ...size,
  mov.reg(1, 6),
  mov.imm(2, 0),
  mov.reg(3, 10),
  add.imm(3, -8),
  call(SKB_LOAD_BYTES),
];

/** Each way out of each of them is open until the end. */
const branches = (count: number): Item[] =>
  Array.from({ length: count }, (_, i) => [call(PRANDOM), jeq.imm(0, i + 5, 0)]).flat();

export interface RefusedProgram {
  /** What `VerifierError.kind` must be. */
  readonly kind: string;
  readonly items: readonly Item[];
  readonly type?: ProgramType;
  readonly license?: string;
  /** Index of the refused instruction; left out where the check is of the whole. */
  readonly at?: number;
  /** In the kernel's words, in what is said of the registers, and in the hint. */
  readonly reason: RegExp;
  readonly state?: RegExp;
  readonly hint: RegExp;
  /** `BPF_F_*` of BPF_PROG_LOAD. */
  readonly flags?: number;
  /** Only refused to whoever has CAP_BPF and CAP_NET_ADMIN, but not CAP_PERFMON. */
  readonly withoutPerfmon?: true;
}

/** BPF_F_STRICT_ALIGNMENT */
const STRICT_ALIGNMENT = 1;

export const REFUSED: { readonly [name: string]: RefusedProgram } = {
  'packet not checked': {
    kind: 'packet_bounds',
    items: [load(4, 2, 1, DATA), load(1, 0, 2, 12), exit()],
    at: 1,
    reason: /invalid access to packet, off=12 size=1/,
    state: /^r2 is a packet pointer, no byte checked$/,
    hint: /compare r2 plus 13 with data_end/,
  },
  'packet checked, but not far enough': {
    kind: 'packet_bounds',
    items: [...fourteen, load(4, 0, 2, 26), exit(), ...leave],
    at: 5,
    reason: /invalid access to packet, off=26 size=4/,
    state: /^r2 is a packet pointer, 14 bytes checked$/,
    hint: /compare r2 plus 30 with data_end/,
  },
  'packet at an unlimited offset': {
    kind: 'packet_bounds',
    items: [
      load(4, 2, 1, DATA),
      load(4, 3, 1, DATA_END),
      load(4, 5, 1, 0),
      add.reg(2, 5),
      mov.reg(4, 2),
      add.imm(4, 14),
      jgt.reg(4, 3, out),
      load(4, 0, 2, 0),
      exit(),
      ...leave,
    ],
    at: 7,
    reason: /invalid access to packet, off=0 size=4/,
    state: /^r2 is a packet pointer plus 0 to 4294967295, no byte checked$/,
    hint: /unknown part must be limited/,
  },
  'look-up not tested': {
    kind: 'unchecked_null',
    items: [...lookup, load(8, 0, 0, 0), exit()],
    at: 6,
    reason: /R0 invalid mem access 'map_value_or_null'/,
    state: /^r0 may be null: the look-up in (the map|map 'colours') was not tested$/,
    hint: /compare it with 0/,
  },
  'look-up not tested, given to a helper': {
    kind: 'unchecked_null',
    items: [...lookup, mov.reg(2, 0), loadMap(1, colours), call(MAP_LOOKUP), ...end],
    at: 9,
    reason: /R2 type=map_value_or_null expected=/,
    state: /^r2 may be null: the look-up in (the map|map 'colours') was not tested$/,
    hint: /compare it with 0/,
  },
  'packet pointer kept over a helper': {
    kind: 'stale_packet',
    items: [
      mov.reg(6, 1),
      load(4, 7, 1, DATA),
      load(4, 8, 1, DATA_END),
      mov.reg(2, 7),
      add.imm(2, 14),
      jgt.reg(2, 8, out),
      mov.imm(2, 64),
      call(SKB_PULL_DATA),
      load(1, 0, 7, 0),
      exit(),
      ...leave,
    ],
    at: 8,
    reason: /R7 invalid mem access '(scalar|inv)'/,
    state: /^r7 was a packet pointer until the call of bpf_skb_pull_data at instruction 7$/,
    hint: /read data and data_end again/,
  },
  'number as a pointer': {
    kind: 'not_a_pointer',
    items: [mov.imm(1, 5), load(4, 0, 1, 0), exit()],
    at: 1,
    reason: /R1 invalid mem access '(scalar|inv)'/,
    state: /^r1 is 5$/,
    hint: /this is a number/,
  },
  'never set': {
    kind: 'uninitialised',
    items: [mov.reg(0, 5), exit()],
    at: 0,
    reason: /R5 !read_ok/,
    state: /^r5 was not set on this path$/,
    hint: /set r5 on every path/,
  },
  'lost in a call': {
    kind: 'uninitialised',
    items: [call(KTIME), load(4, 0, 1, 0), exit()],
    at: 1,
    reason: /R1 !read_ok/,
    state: /^r1 was lost in the call of bpf_ktime_get_ns at instruction 0$/,
    hint: /keep the value in r6 to r9/,
  },
  'nothing returned': {
    kind: 'uninitialised',
    items: [mov.imm(1, 0), exit()],
    at: 1,
    reason: /R0 !read_ok/,
    state: /^r0 was not set on this path$/,
    hint: /set r0 to what the program returns/,
  },
  'beyond a map value': {
    kind: 'value_bounds',
    items: [...lookup, jeq.imm(0, 0, out), load(8, 0, 0, 8), exit(), ...leave],
    at: 7,
    reason: /invalid access to map value, value_size=8 off=8 size=8/,
    state: /^r0 is a value of (a map|map 'colours') \(8 bytes\)$/,
    hint: /within its 8 bytes/,
  },
  'unlimited index': {
    kind: 'unbounded',
    items: [
      load(4, 6, 1, 0),
      ...lookup,
      jeq.imm(0, 0, out),
      add.reg(0, 6),
      load(1, 0, 0, 0),
      exit(),
      ...leave,
    ],
    at: 9,
    reason: /R0 unbounded memory access/,
    state: /^r0 is a value of (a map|map 'colours') \(8 bytes\) plus 0 to 4294967295$/,
    hint: /greatest value is not known/,
  },
  'negative index': {
    kind: 'negative',
    items: [
      ...lookup,
      jeq.imm(0, 0, out),
      load(8, 6, 0, 0),
      jsgt.imm(6, 7, out),
      add.reg(0, 6),
      load(1, 0, 0, 0),
      exit(),
      ...leave,
    ],
    at: 9,
    reason: /math between map_value pointer and register with unbounded min value/,
    state: /r6 is a number up to 7, maybe negative/,
    hint: /may be negative/,
  },
  'negative size': {
    kind: 'negative',
    items: [
      ...lookup.with(0, storeImm(4, 10, -4, 7)),
      jeq.imm(0, 0, out),
      load(8, 4, 0, 0),
      jsgt.imm(4, 8, out),
      mov.imm(2, 0),
      mov.reg(3, 10),
      add.imm(3, -8),
      load(8, 1, 10, -16),
      call(SKB_LOAD_BYTES),
      ...leave,
    ].toSpliced(0, 0, store(8, 10, -16, 1)),
    at: 14,
    reason: /R4 min value is negative/,
    state: /^r4 is a number up to 8, maybe negative$/,
    hint: /may be negative/,
  },
  'size that may be zero': {
    kind: 'zero_size',
    items: [...loadBytes([load(4, 4, 1, 0)]), ...end],
    at: 6,
    reason: /invalid zero-sized read/,
    hint: /at least 1 byte/,
  },
  'stack never written': {
    kind: 'stack_uninitialised',
    items: [mov.reg(2, 10), add.imm(2, -4), loadMap(1, colours), call(MAP_LOOKUP), ...end],
    at: 4,
    reason: /invalid (indirect )?read from stack/,
    state: /^r2 is the frame pointer minus 4$/,
    hint: /write every byte/,
    withoutPerfmon: true,
  },
  'below the stack': {
    kind: 'stack_bounds',
    items: [storeImm(8, 10, -520, 0), ...end],
    at: 0,
    reason: /invalid write to stack R10 off=-520 size=8/,
    state: /^r10 is the frame pointer$/,
    hint: /512 bytes/,
  },
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

/** What is said of a refusal. */
export interface Told {
  readonly kind: string | undefined;
  readonly reason: string;
  readonly instruction: number | undefined;
  readonly state: readonly string[];
  readonly hint: string | undefined;
  readonly message: string;
}

/** Has the kernel refuse a program. @throws Error when it takes it. */
export function refusalOf(name: string): Told {
  const { items, type = 'sched_cls', license, flags } = REFUSED[name]!;
  const program = assemble({ name: 'refused', type, ...(license !== undefined && { license }) }, items);
  const maps = { colours: BpfMap.create(colours), jumps: BpfMap.create(jumps) };
  try {
    loadProgram({ ...program, ...(flags !== undefined && { flags }) }, maps).close();
  } catch (error) {
    if (!(error instanceof VerifierError)) throw error;
    const { kind, reason, instruction, state, hint, message } = error;
    return { kind, reason, instruction, state, hint, message };
  } finally {
    for (const map of Object.values(maps)) map.close();
  }
  throw new Error(`the kernel takes '${name}'`);
}
