// The numbers of the instruction set: RFC 9669 (sections 3 to 5) and include/uapi/linux/bpf.h.
// An opcode is class | source or size | operation or mode; the names below are the RFC's, or the kernel's where
// the RFC does not know an instruction.

/** Instruction classes: the low three bits of an opcode. */
export const CLASS = {
  LD: 0x00,
  LDX: 0x01,
  ST: 0x02,
  STX: 0x03,
  ALU: 0x04,
  JMP: 0x05,
  JMP32: 0x06,
  ALU64: 0x07,
} as const;

/** Second operand of an arithmetic or jump instruction: the immediate (K) or the source register (X). */
export const SOURCE = { K: 0x00, X: 0x08 } as const;

/** Arithmetic operations: the high four bits of an ALU or ALU64 opcode. */
export const ALU = {
  ADD: 0x00,
  SUB: 0x10,
  MUL: 0x20,
  DIV: 0x30,
  OR: 0x40,
  AND: 0x50,
  LSH: 0x60,
  RSH: 0x70,
  NEG: 0x80,
  MOD: 0x90,
  XOR: 0xa0,
  MOV: 0xb0,
  ARSH: 0xc0,
  END: 0xd0,
} as const;

/** Jump operations: the high four bits of a JMP or JMP32 opcode. */
export const JMP = {
  JA: 0x00,
  JEQ: 0x10,
  JGT: 0x20,
  JGE: 0x30,
  JSET: 0x40,
  JNE: 0x50,
  JSGT: 0x60,
  JSGE: 0x70,
  CALL: 0x80,
  EXIT: 0x90,
  JLT: 0xa0,
  JLE: 0xb0,
  JSLT: 0xc0,
  JSLE: 0xd0,
  /** Conditional jump decided by the kernel; `src` says which, see `JCOND`. Since Linux 6.9. */
  JCOND: 0xe0,
} as const;

/** Access sizes of load and store opcodes. */
export const SIZE = { W: 0x00, H: 0x08, B: 0x10, DW: 0x18 } as const;

/** Modes of load and store opcodes. */
export const MODE = { IMM: 0x00, ABS: 0x20, IND: 0x40, MEM: 0x60, MEMSX: 0x80, ATOMIC: 0xc0 } as const;

/** The parts of an opcode. */
export const CLASS_MASK = 0x07;
export const SOURCE_MASK = 0x08;
export const OPERATION_MASK = 0xf0;
export const SIZE_MASK = 0x18;
export const MODE_MASK = 0xe0;

/** Immediate of an atomic instruction. FETCH is or-ed to ADD, OR, AND, XOR (RFC 9669, section 5.3). */
export const ATOMIC = {
  ADD: 0x00,
  OR: 0x40,
  AND: 0x50,
  XOR: 0xa0,
  FETCH: 0x01,
  XCHG: 0xe1,
  CMPXCHG: 0xf1,
  /** Since Linux 6.15, as is STORE_REL. */
  LOAD_ACQ: 0x100,
  STORE_REL: 0x110,
} as const;

/** `offset` of DIV and MOD: unsigned or signed. */
export const DIVISION = { UNSIGNED: 0, SIGNED: 1 } as const;
/** `offset` of a register MOV of 64 bits that changes a pointer's address space. Since Linux 6.9. */
export const ADDR_SPACE_CAST = 1;
/** `src` of a JCOND: which condition. */
export const JCOND = { MAY_GOTO: 0 } as const;
/** `src` of a CALL: what its immediate (of 0x8d: its register) names (RFC 9669, section 4.3.1). */
export const CALL = {
  /** A helper's number. */
  HELPER: 0,
  /** Distance to a function of this program: `BPF_PSEUDO_CALL`. */
  LOCAL: 1,
  /** BTF id of a kernel function: `BPF_PSEUDO_KFUNC_CALL`. `offset` indexes the array of module BTF descriptors. */
  KFUNC: 2,
} as const;

/** `src` of a `ld_imm64`: what its immediate stands for (RFC 9669, section 5.4); `BPF_PSEUDO_*` of the kernel. */
export const PSEUDO = {
  IMM: 0,
  /** Descriptor of a map. */
  MAP_FD: 1,
  /** Descriptor of a map, and in the upper half an offset into its first value. */
  MAP_VALUE: 2,
  /** BTF id of a kernel variable, and in the upper half the descriptor of its module's BTF. */
  BTF_ID: 3,
  /** Distance to a function of this program. */
  FUNC: 4,
  /** As MAP_FD and MAP_VALUE, with an index into `fd_array` in place of the descriptor. */
  MAP_IDX: 5,
  MAP_IDX_VALUE: 6,
} as const;

/** Bytes of one instruction; `ld_imm64` takes two of them. */
export const INSTRUCTION_SIZE = 8;

/** Registers: r0 result, r1-r5 arguments and clobbered by calls, r6-r9 kept across calls, r10 frame pointer. */
export type Register = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;
export const FRAME_POINTER = 10;
/** What the kernel gives a program to put its values in, below r10. */
export const STACK_SIZE = 512;

/** Size of a memory access in bytes. */
export type AccessSize = 1 | 2 | 4 | 8;

const SIZE_BITS: { readonly [S in AccessSize]: number } = { 1: SIZE.B, 2: SIZE.H, 4: SIZE.W, 8: SIZE.DW };
/** Size bits of an opcode for an access of `size` bytes. */
export const sizeBits = (size: AccessSize): number => SIZE_BITS[size];
/** Bytes that an opcode's size bits stand for. */
export function accessSize(opcode: number): AccessSize {
  const bits = opcode & SIZE_MASK;
  if (bits === SIZE.B) return 1;
  if (bits === SIZE.H) return 2;
  return bits === SIZE.W ? 4 : 8;
}
