// Loads, stores, atomic operations and the legacy packet access as text.

import type { Instruction } from '../instruction.ts';
import { ATOMIC, accessSize, MODE, MODE_MASK } from '../isa.ts';
import { ATOMIC_NAMES, ATOMIC_SIGNS } from '../text/signs.ts';

/** `(u32 *)(r1 + 76)` */
function pointer({ opcode, offset }: Instruction, base: number, kind: 'u' | 's' = 'u'): string {
  const sign = offset < 0 ? '-' : '+';
  return `(${kind}${8 * accessSize(opcode)} *)(r${base} ${sign} ${Math.abs(offset)})`;
}

export function disassembleLoad(instruction: Instruction): string | undefined {
  const { opcode, dst, src, imm } = instruction;
  if (imm !== 0) return undefined;
  const mode = opcode & MODE_MASK;
  if (mode === MODE.MEM) return `r${dst} = *${pointer(instruction, src)}`;
  if (mode === MODE.MEMSX && accessSize(opcode) !== 8) return `r${dst} = *${pointer(instruction, src, 's')}`;
  return undefined;
}

export function disassembleStoreImm(instruction: Instruction): string | undefined {
  const { opcode, dst, src, imm } = instruction;
  if ((opcode & MODE_MASK) !== MODE.MEM || src !== 0) return undefined;
  return `*${pointer(instruction, dst)} = ${imm}`;
}

export function disassembleStore(instruction: Instruction): string | undefined {
  const { opcode, dst, src, imm } = instruction;
  const mode = opcode & MODE_MASK;
  if (mode === MODE.ATOMIC) return atomic(instruction);
  return mode === MODE.MEM && imm === 0 ? `*${pointer(instruction, dst)} = r${src}` : undefined;
}

function atomic(instruction: Instruction): string | undefined {
  const { opcode, dst, src, imm } = instruction;
  if (imm === ATOMIC.LOAD_ACQ) return `r${dst} = load_acquire(${pointer(instruction, src)})`;
  if (imm === ATOMIC.STORE_REL) return `store_release(${pointer(instruction, dst)}, r${src})`;
  const size = accessSize(opcode);
  if (size !== 4 && size !== 8) return undefined;
  const at = pointer(instruction, dst);
  const sign = ATOMIC_SIGNS.of.get(imm);
  if (sign !== undefined) return `lock *${at} ${sign} r${src}`;
  const function_ = `atomic${size === 8 ? '64' : ''}`;
  if (imm === ATOMIC.XCHG) return `r${src} = ${function_}_xchg(${at}, r${src})`;
  if (imm === ATOMIC.CMPXCHG) return `r0 = ${function_}_cmpxchg(${at}, r0, r${src})`;
  const name = (imm & ATOMIC.FETCH) === 0 ? undefined : ATOMIC_NAMES.of.get(imm & ~ATOMIC.FETCH);
  return name && `r${src} = ${function_}_fetch_${name}(${at}, r${src})`;
}

export function disassembleLegacy({ opcode, dst, src, offset, imm }: Instruction): string | undefined {
  const mode = opcode & MODE_MASK;
  const size = accessSize(opcode);
  if (size === 8 || dst !== 0 || offset !== 0) return undefined;
  if (mode === MODE.ABS && src === 0) return `r0 = *(u${8 * size} *)skb[${imm}]`;
  if (mode === MODE.IND) return `r0 = *(u${8 * size} *)skb[r${src} + ${imm}]`;
  return undefined;
}
