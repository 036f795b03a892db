// The interpreter's own instruction set: the kernel's, sorted into families that share their operands. A family is
// a case of the main loop; the operation inside it is a case of the family's function. Those cases are written as
// numbers with their names beside them: V8 makes a jump table of nothing else, and without one the main loop runs at
// two thirds of its speed (measured on Node 20). A test holds the numbers against these tables.

/** Cases of the main loop. */
export const FAMILY = {
  /** `rD = rD op rS`, 64 bits. */
  ALU64: 0,
  /** `wD = wD op wS` */
  ALU32: 1,
  /** `rD = rS`; also every immediate, which is a register of its own. */
  MOV64: 2,
  /** `wD = wS` */
  MOV32: 3,
  /** `rD = op rS`: negation, byte order, sign extension. */
  UNARY: 4,
  LOAD1: 5,
  LOAD2: 6,
  LOAD4: 7,
  LOAD8: 8,
  /** Sign-extending loads; the operation is the size. */
  LOAD_SIGNED: 9,
  STORE1: 10,
  STORE2: 11,
  STORE4: 12,
  STORE8: 13,
  ATOMIC: 14,
  /** `if rD op rS goto x` */
  JUMP64: 15,
  /** `if wD op wS goto x` */
  JUMP32: 16,
  JUMP: 17,
  /** Whatever ends a stretch of plain instructions: calls, exit, legacy loads; the operation says which. */
  CONTROL: 18,
  INVALID: 19,
} as const;

/** Operations on two operands, for ALU64 and ALU32. */
export const BINARY = {
  ADD: 0,
  SUB: 1,
  AND: 2,
  OR: 3,
  XOR: 4,
  LSH: 5,
  RSH: 6,
  ARSH: 7,
  MUL: 8,
  DIV: 9,
  MOD: 10,
  SDIV: 11,
  SMOD: 12,
} as const;

/** Operations on one operand. SX: sign-extended from so many bits, to 64 or (W) to 32 bits. KEEP: the low bits alone. */
export const UNARY = {
  NEG64: 0,
  NEG32: 1,
  SWAP16: 2,
  SWAP32: 3,
  SWAP64: 4,
  KEEP16: 5,
  KEEP32: 6,
  KEEP64: 7,
  SX8: 8,
  SX16: 9,
  SX32: 10,
  SX8W: 11,
  SX16W: 12,
} as const;

export const COMPARE = {
  EQ: 0,
  NE: 1,
  GT: 2,
  GE: 3,
  LT: 4,
  LE: 5,
  SGT: 6,
  SGE: 7,
  SLT: 8,
  SLE: 9,
  SET: 10,
} as const;

export const CONTROL = {
  HELPER: 0,
  LOCAL: 1,
  KFUNC: 2,
  REGISTER: 3,
  EXIT: 4,
  MAY_GOTO: 5,
  LEGACY: 6,
} as const;

/** Words of one decoded instruction: family and operation, dst, src, and an offset, target or number. */
export const STRIDE = 4;
/** The operation stands above the family. */
export const OPERATION_SHIFT = 8;
export const FAMILY_MASK = 0xff;
/** r0 to r10; the constants of a program follow. */
export const REGISTERS = 11;
