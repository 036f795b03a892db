// Operations on one register: negation, byte order, sign extension (RFC 9669, sections 4.1 and 4.2).
// `le` and `be` are decided when a program is decoded: on this machine each is a swap or keeps the low bits.

import { UNARY } from './operation.ts';

/** `d = op s`. */
export function unary(lo: Int32Array, hi: Int32Array, operation: number, d: number, s: number): void {
  const low = lo[s]!;
  switch (operation) {
    case UNARY.NEG64:
      hi[d] = ~hi[s]! + (low === 0 ? 1 : 0);
      lo[d] = -low;
      return;
    case UNARY.SWAP64:
      lo[d] = swap32(hi[s]!);
      hi[d] = swap32(low);
      return;
    case UNARY.KEEP64:
      return;
    case UNARY.SX8:
    case UNARY.SX16:
    case UNARY.SX32: {
      const extended = narrow(operation, low);
      lo[d] = extended;
      hi[d] = extended >> 31;
      return;
    }
    default:
      lo[d] = narrow(operation, low);
      hi[d] = 0;
  }
}

function narrow(operation: number, low: number): number {
  switch (operation) {
    case UNARY.NEG32:
      return -low | 0;
    case UNARY.SWAP16:
      return ((low & 0xff) << 8) | ((low >>> 8) & 0xff);
    case UNARY.SWAP32:
      return swap32(low);
    case UNARY.KEEP16:
      return low & 0xffff;
    case UNARY.SX8:
    case UNARY.SX8W:
      return (low << 24) >> 24;
    case UNARY.SX16:
    case UNARY.SX16W:
      return (low << 16) >> 16;
    default:
      return low;
  }
}

const swap32 = (n: number): number => (n << 24) | ((n & 0xff00) << 8) | ((n >>> 8) & 0xff00) | (n >>> 24);
