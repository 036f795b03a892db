// The operators of the kernel's syntax (kernel/bpf/disasm.c), for writing and for reading.

import { ALU, ATOMIC, JMP } from '../isa.ts';

/** A table that is read in both directions. */
export interface Signs {
  readonly of: ReadonlyMap<number, string>;
  readonly meaning: ReadonlyMap<string, number>;
}

const signs = (pairs: readonly (readonly [number, string])[]): Signs => ({
  of: new Map(pairs),
  meaning: new Map(pairs.map(([operation, sign]) => [sign, operation])),
});

/** `rD op rS`; a signed division or remainder has an `s` in front. */
export const ALU_SIGNS: Signs = signs([
  [ALU.ADD, '+='],
  [ALU.SUB, '-='],
  [ALU.MUL, '*='],
  [ALU.DIV, '/='],
  [ALU.OR, '|='],
  [ALU.AND, '&='],
  [ALU.LSH, '<<='],
  [ALU.RSH, '>>='],
  [ALU.MOD, '%='],
  [ALU.XOR, '^='],
  [ALU.MOV, '='],
  [ALU.ARSH, 's>>='],
]);

/** `if rD op rS goto` */
export const JMP_SIGNS: Signs = signs([
  [JMP.JEQ, '=='],
  [JMP.JGT, '>'],
  [JMP.JGE, '>='],
  [JMP.JSET, '&'],
  [JMP.JNE, '!='],
  [JMP.JSGT, 's>'],
  [JMP.JSGE, 's>='],
  [JMP.JLT, '<'],
  [JMP.JLE, '<='],
  [JMP.JSLT, 's<'],
  [JMP.JSLE, 's<='],
]);

/** `lock *(u64 *)(rD + 0) op rS` */
export const ATOMIC_SIGNS: Signs = signs([
  [ATOMIC.ADD, '+='],
  [ATOMIC.OR, '|='],
  [ATOMIC.AND, '&='],
  [ATOMIC.XOR, '^='],
]);

/** `atomic_fetch_NAME(...)` and `lock NAME [...]` */
export const ATOMIC_NAMES: Signs = signs([
  [ATOMIC.ADD, 'add'],
  [ATOMIC.OR, 'or'],
  [ATOMIC.AND, 'and'],
  [ATOMIC.XOR, 'xor'],
]);
