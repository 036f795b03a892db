// Loads and stores (RFC 9669, sections 5.1 and 5.2), and the legacy packet access (5.5), which Linux still takes
// from programs that have an skb.

import { type AccessSize, CLASS, MODE, type Register, sizeBits } from '../isa.ts';
import { build, type Instruction } from './base.ts';

/** `rD = *(uN *)(rS + offset)`, zero-extended. */
export const load = (size: AccessSize, dst: Register, src: Register, offset: number): Instruction =>
  build(CLASS.LDX | MODE.MEM | sizeBits(size), dst, src, offset, 0);
/** `rD = *(sN *)(rS + offset)`, sign-extended. Since Linux 6.6. */
export const loadSigned = (size: 1 | 2 | 4, dst: Register, src: Register, offset: number): Instruction =>
  build(CLASS.LDX | MODE.MEMSX | sizeBits(below8(size)), dst, src, offset, 0);
/** `*(uN *)(rD + offset) = rS` */
export const store = (size: AccessSize, dst: Register, offset: number, src: Register): Instruction =>
  build(CLASS.STX | MODE.MEM | sizeBits(size), dst, src, offset, 0);

/** `*(uN *)(rD + offset) = imm`, sign-extended for 8 bytes; below 4 bytes signed or unsigned. */
export function storeImm(size: AccessSize, dst: Register, offset: number, imm: number): Instruction {
  const instruction = build(CLASS.ST | MODE.MEM | sizeBits(size), dst, 0, offset, imm);
  const bits = 8 * size;
  if (size < 4 && (imm < -(2 ** (bits - 1)) || imm >= 2 ** bits)) {
    throw new RangeError(`immediate ${imm} does not fit into a store of ${bits} bits`);
  }
  return instruction;
}

/** `r0 = *(uN *)skb[imm]`: legacy; big-endian, from the packet of the skb in r6; clobbers r1 to r5. */
export const loadAbsolute = (size: 1 | 2 | 4, offset: number): Instruction =>
  build(CLASS.LD | MODE.ABS | sizeBits(below8(size)), 0, 0, 0, offset);
/** `r0 = *(uN *)skb[rS + imm]`: legacy, as above. */
export const loadIndirect = (size: 1 | 2 | 4, src: Register, offset: number): Instruction =>
  build(CLASS.LD | MODE.IND | sizeBits(below8(size)), 0, src, 0, offset);

function below8(size: 1 | 2 | 4): AccessSize {
  if (size !== 1 && size !== 2 && size !== 4) throw new RangeError(`access of ${size} bytes: one of 1, 2, 4`);
  return size;
}
