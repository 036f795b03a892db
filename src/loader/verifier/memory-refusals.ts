// Refusals of reading and writing: packets, values, stack, registers (kernel/bpf/verifier.c, check_mem_access and what
// it calls). The first entry that matches counts, so what is more particular stands first.

import type { Refusal } from './refusal.ts';
import { isPacket } from './registers.ts';

const DATA_MOVED =
  'a helper that may move the packet was called since: read data and data_end again after it, and check again';
const TEST_RESULT = 'compare it with 0 and leave where it is null before using it (in the DSL: `orElse`)';
const LIMIT = 'limit it first, with `& constant` or by comparing with a constant and leaving';

/** MAX_BPF_STACK */
const STACK_SIZE = 512;
const NO_POINTER = /(R\d+) invalid mem access '(?:scalar|inv)'/;

const registerOf = (match: RegExpExecArray): string => (match[1] ?? '').toLowerCase().replace('w', 'r');

export const MEMORY_REFUSALS: readonly Refusal[] = [
  {
    kind: 'packet_bounds',
    pattern: /invalid access to packet, off=(-?\d+) size=(-?\d+), R(\d+)\(id=(\d+)/,
    hint: ([, offset, size, register, id]) => {
      const end = Number(offset) + Number(size);
      const own = `compare r${register} plus ${end} with data_end before this and leave where it is beyond`;
      return id === '0'
        ? own
        : `${own}; its unknown part must be limited (at most 0xffff) before it is added`;
    },
  },
  {
    kind: 'packet_bounds',
    pattern: /invalid access to packet|R\d+ offset is outside of the packet/,
    hint: 'compare the end of what is read with data_end before this and leave where it is beyond',
  },
  { kind: 'unchecked_null', pattern: /(R\d+) invalid mem access '\w+_or_null'/, hint: TEST_RESULT },
  { kind: 'unchecked_null', pattern: /(R\d+) type=\w+_or_null expected=/, hint: TEST_RESULT },
  {
    kind: 'packet_end',
    pattern: /invalid mem access 'pkt_end'/,
    hint: 'at data_end there is nothing: it can only be compared with',
  },
  {
    kind: 'stale_packet',
    pattern: NO_POINTER,
    applies: (match, { registers, packets }) =>
      isPacket(registers.get(registerOf(match))) || packets.has(registerOf(match)),
    hint: DATA_MOVED,
  },
  {
    kind: 'not_a_pointer',
    pattern: NO_POINTER,
    hint: 'only pointers can be read or written through, and this is a number',
  },
  {
    kind: 'uninitialised',
    pattern: /([Rw]\d+) !read_ok/,
    hint: (match, { listed, call }) => {
      const register = registerOf(match);
      if (listed?.text === 'exit') return 'set r0 to what the program returns on every path to this exit';
      return call !== undefined && /^r[1-5]$/.test(register)
        ? `a call leaves nothing in r1 to r5: keep the value in r6 to r9 or on the stack over instruction ${call.index}`
        : `set ${register} on every path that leads here`;
    },
  },
  {
    kind: 'value_bounds',
    pattern:
      /invalid access to (?:map value|memory|map key|mem|\w+), (?:value_size|mem_size|key_size)=(\d+) off=(-?\d+) size=(\d+)/,
    hint: ([, size, offset, length]) =>
      `offset and size (${offset} + ${length}) must stay within its ${size} bytes: use a smaller offset, or ${LIMIT}`,
  },
  {
    kind: 'negative',
    pattern: /min value is negative|unbounded min value/,
    hint: `it may be negative: ${LIMIT}, unsigned`,
  },
  {
    kind: 'unbounded',
    pattern: /unbounded memory access|(?:max|min) value is outside of the/,
    hint: `its greatest value is not known: ${LIMIT}`,
  },
  {
    kind: 'zero_size',
    pattern: /invalid zero-sized read/,
    hint: 'the helper wants at least 1 byte: compare the size with 0 and leave where it is',
  },
  {
    kind: 'stack_uninitialised',
    pattern:
      /invalid (?:indirect )?(?:access to|read from) stack (?:R\d+ )?off[ =](-?\d+)(?:\+\d+)? size[ =](\d+)/,
    applies: ([, offset, size]) => Number(offset) >= -STACK_SIZE && Number(offset) + Number(size) <= 0,
    hint: 'write every byte there first, also the padding of a key or value; or grant CAP_PERFMON',
  },
  {
    kind: 'stack_bounds',
    pattern: /invalid (?:write to|read from|unbounded|variable-offset|stack)\b.*stack|invalid stack/,
    hint: 'a function has the 512 bytes below its frame pointer, r10-512 to r10-1, and nothing else',
  },
];
