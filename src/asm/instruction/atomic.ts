// Atomic operations on memory (RFC 9669, section 5.3), and load-acquire and store-release, which the kernel added
// in Linux 6.15. Beyond `add` without fetch: since Linux 5.12.

import { type AccessSize, ATOMIC, CLASS, MODE, type Register, sizeBits } from '../isa.ts';
import { build, type Instruction } from './base.ts';

/** A read-modify-write: `size` bytes at rD + offset with the value of rS. The kernel takes 4 and 8 bytes. */
export type Atomic = (size: 4 | 8, dst: Register, offset: number, src: Register) => Instruction;

const atomic =
  (operation: number): Atomic =>
  (size, dst, offset, src) => {
    if (size !== 4 && size !== 8) throw new RangeError(`atomic operation on ${size} bytes: one of 4, 8`);
    return build(CLASS.STX | MODE.ATOMIC | sizeBits(size), dst, src, offset, operation);
  };

/** `lock *(uN *)(rD + offset) += rS` */
export const atomicAdd: Atomic = atomic(ATOMIC.ADD);
/** `lock *(uN *)(rD + offset) |= rS` */
export const atomicOr: Atomic = atomic(ATOMIC.OR);
/** `lock *(uN *)(rD + offset) &= rS` */
export const atomicAnd: Atomic = atomic(ATOMIC.AND);
/** `lock *(uN *)(rD + offset) ^= rS` */
export const atomicXor: Atomic = atomic(ATOMIC.XOR);
/** `rS = atomic_fetch_add((uN *)(rD + offset), rS)`: rS becomes what was there before; so below. */
export const atomicFetchAdd: Atomic = atomic(ATOMIC.ADD | ATOMIC.FETCH);
/** `rS = atomic_fetch_or((uN *)(rD + offset), rS)` */
export const atomicFetchOr: Atomic = atomic(ATOMIC.OR | ATOMIC.FETCH);
/** `rS = atomic_fetch_and((uN *)(rD + offset), rS)` */
export const atomicFetchAnd: Atomic = atomic(ATOMIC.AND | ATOMIC.FETCH);
/** `rS = atomic_fetch_xor((uN *)(rD + offset), rS)` */
export const atomicFetchXor: Atomic = atomic(ATOMIC.XOR | ATOMIC.FETCH);
/** `rS = atomic_xchg((uN *)(rD + offset), rS)` */
export const atomicExchange: Atomic = atomic(ATOMIC.XCHG);
/** `r0 = atomic_cmpxchg((uN *)(rD + offset), r0, rS)`: stores rS where r0 was found; r0 becomes what was there. */
export const atomicCompareExchange: Atomic = atomic(ATOMIC.CMPXCHG);

/** `rD = load_acquire((uN *)(rS + offset))`, zero-extended. */
export const loadAcquire = (size: AccessSize, dst: Register, src: Register, offset: number): Instruction =>
  build(CLASS.STX | MODE.ATOMIC | sizeBits(size), dst, src, offset, ATOMIC.LOAD_ACQ);
/** `store_release((uN *)(rD + offset), rS)` */
export const storeRelease = (size: AccessSize, dst: Register, offset: number, src: Register): Instruction =>
  build(CLASS.STX | MODE.ATOMIC | sizeBits(size), dst, src, offset, ATOMIC.STORE_REL);
