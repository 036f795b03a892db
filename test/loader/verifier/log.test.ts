// The verifier's log as text: of Linux 5.10, of today, and with the report of Linux 7.3.

import test from 'ava';
import { explain, formatPlace } from '../../../src/loader/verifier/explain.ts';
import { hasStates } from '../../../src/loader/verifier/log.ts';
import { describeRegister, parseRegisters } from '../../../src/loader/verifier/registers.ts';

const FIGURES =
  'processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n';

test('registers as logs of all ages print them', (t) => {
  const text =
    'R0=scalar(smin=0,smax=umax=255,var_off=(0x0; 0xff)) R1_w=ctx(id=0,off=0,imm=0) R2=pkt(off=14,r=34) R10=fp0 fp-8=mmmm???? refs=2';
  t.deepEqual(
    [...parseRegisters(text)],
    [
      ['r0', 'scalar(smin=0,smax=umax=255,var_off=(0x0; 0xff))'],
      ['r1', 'ctx(id=0,off=0,imm=0)'],
      ['r2', 'pkt(off=14,r=34)'],
      ['r10', 'fp0'],
    ],
  );
});

const words: readonly (readonly [state: string, words: string])[] = [
  ['pkt(off=14,r=34)', 'r3 is a packet pointer plus 14, 34 bytes checked'],
  ['pkt(id=0,off=0,r=0,imm=0)', 'r3 is a packet pointer, no byte checked'],
  [
    'pkt(id=2,off=0,r=1,umax_value=255,var_off=(0x0; 0xff))',
    'r3 is a packet pointer plus 0 to 255, 1 byte checked',
  ],
  [
    'pkt(id=3,r=0,smin=-9,var_off=(0x0; 0xff))',
    'r3 is a packet pointer plus an unknown amount, no byte checked',
  ],
  ['map_value(id=0,off=0,ks=4,vs=8,imm=0)', 'r3 is a value of a map (8 bytes)'],
  ['pkt_end()', 'r3 is the end of the packet'],
  ['map_value_or_null(id=1,map=nat,ks=4,vs=8)', "r3 may be null: the look-up in map 'nat' was not tested"],
  ['map_value_or_null(id=1,off=0,ks=4,vs=8,imm=0)', 'r3 may be null: the look-up in the map was not tested'],
  ['sock_or_null(id=2,ref_obj_id=2)', 'r3 may be null: the result (a socket) was not tested'],
  ['map_value(map=nat,ks=4,vs=8,off=4)', "r3 is a value of map 'nat' (8 bytes) plus 4"],
  ['map_ptr(map=nat,ks=4,vs=8)', "r3 is map 'nat'"],
  ['inv0', 'r3 is 0'],
  ['invP-1', 'r3 is -1'],
  ['0x3818b', 'r3 is 229771'],
  ['P8', 'r3 is 8'],
  ['inv(id=0,umax_value=65535,var_off=(0x0; 0xffff))', 'r3 is a number from 0 to 65535'],
  ['scalar(smin=-5,smax=7)', 'r3 is a number from -5 to 7'],
  ['scalar(smax=7)', 'r3 is a number up to 7, maybe negative'],
  ['Pscalar()', 'r3 is any number'],
  ['fp-16', 'r3 is the frame pointer minus 16'],
  ['ctx(off=8)', 'r3 is the context plus 8'],
  ['trusted_ptr_task_struct()', "r3 is of the verifier's type 'trusted_ptr_task_struct'"],
];

test('what a register is, in words', (t) => {
  for (const [state, expected] of words) t.is(describeRegister('r3', state), expected);
});

const OLD = `0: (61) r2 = *(u32 *)(r1 +76)
1: (61) r3 = *(u32 *)(r1 +80)
2: (bf) r4 = r2
3: (07) r4 += 14
4: (2d) if r4 > r3 goto pc+2
 R1=ctx(id=0,off=0,imm=0) R2_w=pkt(id=0,off=0,r=14,imm=0) R3_w=pkt_end(id=0,off=0,imm=0) R4_w=pkt(id=0,off=14,r=14,imm=0) R10=fp0
5: (61) r0 = *(u32 *)(r2 +26)
invalid access to packet, off=26 size=4, R2(id=0,off=26,r=14)
R2 offset is outside of the packet
processed 6 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

test('Linux 5.10', (t) => {
  t.like(explain(OLD), {
    kind: 'packet_bounds',
    instruction: 5,
    reason:
      'invalid access to packet, off=26 size=4, R2(id=0,off=26,r=14); R2 offset is outside of the packet',
    state: ['r2 is a packet pointer, 14 bytes checked'],
  });
  t.true(hasStates(OLD));
  t.false(hasStates(OLD.replace(/^ R1=ctx.*\n/m, '')));
  t.true(hasStates('0: R1=ctx() R10=fp0\n0: (bf) r0 = r5\nR5 !read_ok\n'));
  t.true(hasStates('unreachable insn 2\n'));
  t.false(
    hasStates(
      '0: (bf) r6 = r1\n1: (85) call bpf_ktime_get_ns#5\n2: (61) r0 = *(u32 *)(r1 +0)\nR1 !read_ok\n',
    ),
  );
});

test('the state at a branch is of that branch', (t) => {
  const log = `0: R1=ctx() R10=fp0
0: (61) r6 = *(u32 *)(r1 +0)          ; R1=ctx() R6=scalar(umax=0xffffffff)
1: (15) if r6 == 0x0 goto pc+2        ; R6=scalar(umin=1,umax=0xffffffff)
2: (85) call bpf_ktime_get_ns#5       ; R0=scalar()
3: (95) exit

from 1 to 4: R1=ctx() R6=0 R10=fp0
4: (79) r0 = *(u64 *)(r6 +0)
R6 invalid mem access 'scalar'
${FIGURES}`;
  t.like(explain(log), { kind: 'not_a_pointer', instruction: 4, state: ['r6 is 0'] });
});

test('a null check of one copy holds for the other', (t) => {
  const log = `0: R1=ctx() R10=fp0
4: (85) call bpf_map_lookup_elem#1    ; R0=map_value_or_null(id=1,map=nat,ks=4,vs=8)
5: (bf) r7 = r0                       ; R0=map_value_or_null(id=1,map=nat,ks=4,vs=8) R7=map_value_or_null(id=1,map=nat,ks=4,vs=8)
6: (15) if r0 == 0x0 goto pc+2        ; R0=map_value(map=nat,ks=4,vs=8)
7: (79) r0 = *(u64 *)(r7 +8)
invalid access to map value, value_size=8 off=8 size=8
R7 min value is outside of the allowed memory range
${FIGURES}`;
  t.like(explain(log), { kind: 'value_bounds', state: ["r7 is a value of map 'nat' (8 bytes)"] });
});

test('loops that old kernels and unprivileged programs must not have', (t) => {
  t.like(explain('back-edge from insn 13 to 3\nprocessed 0 insns (limit 1000000)\n'), {
    kind: 'back_edge',
    instruction: 13,
    reason: 'back-edge from insn 13 to 3',
  });
});

test('what the verifier says about its own doings is no reason', (t) => {
  const log = `func#0 @0
Live regs before insn:
      0: .1........ (b7) r0 = 7
0: R1=ctx() R10=fp0
0: (b7) r0 = 7                        ; R0=7
1: (95) exit
mark_precise: frame0: last_idx 1 first_idx 0 subseq_idx -1
mark_precise: frame0: regs=r0 stack= before 0: (b7) r0 = 7
At program exit the register R0 has smin=7 smax=7 should have been in [0, 1]
verification time 41 usec
stack depth 0
${FIGURES}`;
  t.like(explain(log), {
    kind: 'return_value',
    instruction: 1,
    reason: 'At program exit the register R0 has smin=7 smax=7 should have been in [0, 1]',
    state: ['r0 is 7'],
  });
});

test('a message without an end of line, before the figures', (t) => {
  const log = `5: (85) call bpf_tail_call#12\nexpected prog array map for tail call${FIGURES}`;
  t.like(explain(log), {
    kind: 'wrong_map',
    reason: 'expected prog array map for tail call',
    instruction: 5,
  });
});

/** As Linux 7.3.4 writes it (kernel/bpf/diagnostics.c) about a program with lines. */
const REPORT = `0: R1=ctx() R10=fp0
; const rule = p.lookup(snat, source); @ nat.ts:7
0: (62) *(u32 *)(r10 -4) = 7          ; R10=fp0 fp-8=mmmm????
1: (bf) r2 = r10                      ; R2=fp0 R10=fp0
2: (07) r2 += -4                      ; R2=fp-4
3: (18) r1 = 0xffff8b1a41230000       ; R1=map_ptr(map=colours,ks=4,vs=8)
5: (85) call bpf_map_lookup_elem#1    ; R0=map_value_or_null(id=1,map=colours,ks=4,vs=8)
; rule.value.packets.increase(1); @ nat.ts:8
6: (79) r0 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'

Verification failed: Register Type Safety: Invalid dereference

Reason:
  R0 may be NULL here (a nullable map value pointer). The program could dereference NULL on this
  path, so the verifier cannot prove this access is safe.

At:
  egress @ nat.ts:8:3
  Source context:
       6 | ...
       7 |   const rule = p.lookup(snat, source);
  >>>  8 |   rule.value.packets.increase(1);
         |   ^-- error: invalid dereference of R0 (a nullable map value pointer)
       9 | ...
      10 | ...
  Instruction context:
      5 | (85) call bpf_map_lookup_elem#1
  >>> 6 | (79) r0 = *(u64 *)(r0 +0)
      7 | (95) exit

Causal path:
  egress @ nat.ts:7:16
  Source context:
      5 | ...
      6 | ...
  >>> 7 |   const rule = p.lookup(snat, source);
        |   ^-- update: R0 changed from uninitialized value to nullable map value from colours at
        |       offset 0
      8 |   rule.value.packets.increase(1);
      9 | ...
  Instruction context:
      3 | (18) r1 = 0xffff8b1a41230000
  >>> 5 | (85) call bpf_map_lookup_elem#1
      6 | (79) r0 = *(u64 *)(r0 +0)
      7 | (95) exit

Suggestion:
  Add a NULL check before the access and dereference the pointer only on the non-NULL path.

${FIGURES}`;

test('Linux 7.3: reason, place and state; our hint where we have one', (t) => {
  const told = explain(REPORT);
  t.like(told, {
    kind: 'unchecked_null',
    instruction: 6,
    reason:
      'R0 may be NULL here (a nullable map value pointer). The program could dereference NULL on this path, so the verifier cannot prove this access is safe',
    state: ["r0 may be null: the look-up in map 'colours' was not tested"],
  });
  t.regex(told.hint ?? '', /compare it with 0/);
  t.is(formatPlace(told), '`rule.value.packets.increase(1);` (instruction 6: r0 = *(u64 *)(r0 +0))');
  const misleading = REPORT.replace('rule.value.packets.increase(1);\n         |', '(ab) => 7\n         |');
  t.not(misleading, REPORT);
  t.is(explain(misleading).instruction, 6, 'marked lines of source are no instructions');
});

/** The same kernel's, with what level 2 adds before the walk, of a program that is long enough to be told apart. */
const TALKATIVE = `func#0 @0
topo_order[0] = refused
subprog#0: analyzing (depth 0)...
  3: (07) r2 += -16\tr2: fp0+0 -> fp0-16
107: (85) call bpf_sk_lookup_tcp#84\tr2: fp0-16 -> _
subprog#0 refused:
  0: (7a) *(u64 *)(r10 -8) = 0
107: (85) call bpf_sk_lookup_tcp#84 // r2=fp0-16
108: (95) exit
stack use/def subprog#0 refused (d0,cs0):
  0: (7a) *(u64 *)(r10 -8) = 0         ; def: fp0-8
107: (85) call bpf_sk_lookup_tcp#84    ; use: fp0-8h fp0-16
108: (95) exit
Live regs before insn:
      0: .1........ (7a) *(u64 *)(r10 -8) = 0
    107: .12345.... (85) call bpf_sk_lookup_tcp#84
    108: 0......... (95) exit
`;

test('Linux 7.3: listings before the walk are no part of it, and what is not indented ends a section', (t) => {
  const walk = `0: R1=ctx() R10=fp0
0: (85) call bpf_ktime_get_ns#5       ;
SCC enter (1)
1: (61) r0 = *(u32 *)(r1 +0)
R1 !read_ok

Verification failed: Something: New

Reason:
  R1 is not readable here. A previous operation invalidated this register, so the verifier cannot
  use it as an input.

At:
  insn 1
       | ^-- error: unreadable register R1
  Instruction context:
      0 | (85) call bpf_ktime_get_ns#5
  >>> 1 | (61) r0 = *(u32 *)(r1 +0)
      2 | (95) exit

Suggestion:
  Avoid using the register after it is invalidated.

BPF_EXIT instruction in main prog would lead to reference leak
${FIGURES}`;
  const told = {
    kind: 'uninitialised',
    instruction: 1,
    instructionText: 'r0 = *(u32 *)(r1 +0)',
    state: ['r1 was lost in the call of bpf_ktime_get_ns at instruction 0'],
  };
  t.like(explain(walk), told);
  t.like(explain(TALKATIVE + walk), told);
  t.true(hasStates(walk), 'a semicolon alone says that there is nothing to say');
  t.like(explain(TALKATIVE), { instruction: undefined, reason: 'no reason given' });
  const unknown = walk.replace('R1 !read_ok', 'R1 is odd');
  t.is(explain(unknown).hint, 'Avoid using the register after it is invalidated');
});

test('Linux 7.3: a mistake that is not known here keeps the suggestion of the kernel', (t) => {
  const log = `Verification failed: Locks: Held at exit

Reason:
  The lock taken at instruction 3 is still held.

At:
  insn 9
        | ^-- error: lock held
  Instruction context:
  >>> 9 | (95) exit

Causal path:
  no retained diagnostic events on this path

Suggestion:
  Release it on every path.

${FIGURES}`;
  t.like(explain(log), {
    kind: undefined,
    reason: 'The lock taken at instruction 3 is still held',
    instruction: 9,
    hint: 'Release it on every path',
  });
});

test('logs that say nothing, or nonsense', (t) => {
  t.like(explain(''), { reason: 'no reason given', instruction: undefined, hint: undefined, state: [] });
  t.is(explain('something nobody has heard of\n').reason, 'something nobody has heard of');
  for (const cut of [1, 40, 100, 200, 300, 500, 800]) {
    t.notThrows(() => explain(REPORT.slice(0, cut)));
    t.notThrows(() => explain(REPORT.slice(cut)));
  }
});

test('a packet pointer that a helper made a number, in a log that shows it as one', (t) => {
  const log = `0: R1=ctx(id=0,off=0,imm=0) R10=fp0
6: R6_w=ctx(id=0,off=0,imm=0) R7_w=pkt(id=0,off=0,r=14,imm=0) R10=fp0
6: (85) call bpf_skb_pull_data#39
7: R0_w=inv(id=0) R6=ctx(id=0,off=0,imm=0) R7=inv(id=0) R10=fp0
7: (71) r0 = *(u8 *)(r7 +0)
R7 invalid mem access 'inv'
${FIGURES}`;
  t.like(explain(log), {
    kind: 'stale_packet',
    state: ['r7 was a packet pointer until the call of bpf_skb_pull_data at instruction 6'],
  });
  const written = log.replace('7: (71)', '7: (b7) r7 = 1\n8: R7_w=inv1 R10=fp0\n8: (71)');
  t.like(explain(written), { kind: 'not_a_pointer', state: ['r7 is 1'] });
});
