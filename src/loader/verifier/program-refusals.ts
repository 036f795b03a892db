// Refusals of what a program does: its flow, calls, arithmetic, what it returns (kernel/bpf/verifier.c). The first entry
// that matches counts.

import type { Refusal } from './refusal.ts';

export const PROGRAM_REFUSALS: readonly Refusal[] = [
  {
    kind: 'back_edge',
    pattern: /back-edge from insn (\d+) to (\d+)/,
    instruction: 1,
    hint: 'loops need Linux 5.3 and CAP_BPF: unroll this one, or grant the capability',
  },
  {
    kind: 'infinite_loop',
    pattern: /infinite loop detected at insn (\d+)/,
    instruction: 1,
    hint: 'nothing that its end depends on changes from one turn to the next: count towards a constant',
  },
  {
    kind: 'too_complex',
    pattern:
      /BPF program is too large\. Processed|The sequence of \d+ jumps is too complex|program is too complex/,
    hint: 'the verifier walks every path and gives up after 1,000,000 instructions or 8,192 open branches: fewer turns in loops, fewer branches, or bpf_loop',
  },
  {
    kind: 'unreachable',
    pattern: /unreachable insn (\d+)/,
    instruction: 1,
    hint: 'no path leads here: remove it, or let something jump to it',
  },
  {
    kind: 'jump_out_of_range',
    pattern: /jump out of range from insn (\d+) to (-?\d+)/,
    instruction: 1,
    hint: ([, , to]) => `instruction ${to} is not in the same function: jumps stay within theirs`,
  },
  {
    kind: 'jump_out_of_range',
    pattern: /jump into the middle of ldimm64 insn (\d+)/,
    instruction: 1,
    hint: 'a 64-bit immediate takes two places: jump to the first',
  },
  {
    kind: 'misaligned',
    pattern: /misaligned (\w+) access off .* size (\d+)/,
    hint: ([, what, size]) =>
      `${size} bytes at once must lie at a multiple of ${size} here (${what}): read or write them in smaller pieces`,
  },
  {
    kind: 'helper_not_allowed',
    pattern: /program of this type cannot use helper (\S+?)#\d+|unknown func (bpf_\S+?)#\d+/,
    hint: ([, helper, older]) =>
      `${helper ?? older} is for other types of programs (or for more privilege): do it another way`,
  },
  {
    kind: 'unknown_helper',
    pattern: /(?:invalid|unknown) func (\S+)/,
    hint: 'this kernel has no such helper: a newer one may; do without it here',
  },
  {
    kind: 'licence',
    pattern: /cannot call GPL-restricted function|GPL.?compatible/i,
    hint: "declare a GPL-compatible licence, such as 'GPL' or 'Dual MIT/GPL'",
  },
  {
    kind: 'wrong_map',
    pattern: /cannot pass map_type (\d+) into func (\S+?)#\d+|expected prog array map for tail call/,
    hint: ([, type, helper]) =>
      helper === undefined
        ? 'give the tail call a map of type prog_array'
        : `${helper} does not take a map of type ${type}: use a map it is made for`,
  },
  {
    kind: 'wrong_argument',
    pattern: /R(\d+) type=(\S+) expected=(.+)/,
    hint: ([, register, , expected]) =>
      `r${register} is argument ${register} of the call: give it ${plain(expected)}`,
  },
  {
    kind: 'leaks_address',
    pattern: /(R\d+) leaks addr|leak pointer|pointer comparison prohibited/,
    hint: 'without CAP_PERFMON no address may leave the program: store or return a number, or grant CAP_PERFMON',
  },
  {
    kind: 'needs_perfmon',
    pattern: /prohibited for !root|could be subject to speculative|Spectre/i,
    hint: 'grant CAP_PERFMON: without it only constants may be added to a packet pointer, for fear of Spectre',
  },
  {
    kind: 'pointer_arithmetic',
    pattern:
      /pointer arithmetic|pointer \S+ pointer prohibited|math between \w+ pointer|subtract pointer from scalar|arithmetic prohibited/,
    hint: 'to a pointer a limited number can be added or subtracted, in 64 bits; nothing else can be calculated with it',
  },
  {
    kind: 'stack_size',
    pattern: /combined stack size of (\d+) calls is (\d+)/,
    instruction: 'none',
    hint: 'a function and all it calls have 512 bytes of stack together: keep less in them, or use a per-CPU array',
  },
  {
    kind: 'call_depth',
    pattern: /call stack of (\d+) frames is too deep/,
    hint: 'functions may be nested 8 deep: call fewer within each other',
  },
  {
    kind: 'context_access',
    pattern: /invalid bpf_context access off=(-?\d+) size=(-?\d+)/,
    hint: ([, offset, size]) =>
      `this type of program has no field of ${size} bytes at ${offset} of its context, or may not write it`,
  },
  {
    kind: 'context_moved',
    pattern: /dereference of modified ctx ptr|variable ctx access|variable-offset ctx/,
    hint: 'fields of the context are reached by a fixed offset from the very pointer that came in r1: keep that one as it is',
  },
  {
    kind: 'return_value',
    pattern: /At program exit the register R0 .*should have been in (.+)$|R0 is not a known value/,
    hint: ([, range]) =>
      `return ${range === undefined ? 'a constant' : `a number in ${range}`}, which is what the hook understands`,
  },
  {
    kind: 'reference_leak',
    pattern: /Unreleased reference id=\d+ alloc_insn=(\d+)|reference leak/,
    hint: ([, at]) =>
      `what ${at === undefined ? 'was acquired' : `instruction ${at} acquired`} must be given back on every path (bpf_sk_release, bpf_ringbuf_submit or _discard)`,
  },
  {
    kind: 'no_exit',
    pattern: /last insn is not an exit or jmp/,
    instruction: 'last',
    hint: 'every function must end with exit or a jump',
  },
  {
    kind: 'frame_pointer',
    pattern: /frame pointer is read only/,
    hint: 'copy r10 into another register and change that',
  },
  { kind: 'division', pattern: /div by zero/, hint: 'divide by another number' },
  {
    kind: 'shift',
    pattern: /invalid shift -?\d+/,
    hint: 'shift by less than the width of the register, 64 or 32',
  },
  {
    kind: 'unknown_instruction',
    pattern:
      /unknown opcode ([0-9a-f]{2})|uses reserved fields|invalid BPF_\w+ (?:mode|opcode|insn)|unknown insn/,
    hint: 'this kernel does not know the instruction: a newer one may; emit it in an older form',
  },
  {
    kind: 'atomic_target',
    pattern: /BPF_(?:ATOMIC|XADD) \w+ into (R\d+) (\S+) is not allowed/,
    hint: 'atomic operations work on map values and the stack: load, change and store instead',
  },
  {
    kind: 'read_only',
    pattern: /write into map forbidden|only read from|cannot write into|rdonly/,
    hint: 'this memory can only be read: write to another map',
  },
  {
    kind: 'map_descriptor',
    pattern: /fd (-?\d+) is not pointing to (?:a )?valid bpf_map/,
    instruction: 'none',
    hint: 'give the loader every map the program names, open',
  },
];

/** Alternatives in the kernel's words, the first few of them. */
function plain(expected: string | undefined): string {
  const kinds = (expected ?? '').split(/,\s*/).map((kind) => PLAIN[kind] ?? kind);
  return [...new Set(kinds)].slice(0, 3).join(', or ');
}

const PLAIN: Readonly<Record<string, string>> = {
  map_ptr: 'a map',
  fp: 'a pointer to the stack',
  pkt: 'a checked packet pointer',
  map_value: 'a value of a map',
  scalar: 'a number',
  ctx: 'the context',
};
