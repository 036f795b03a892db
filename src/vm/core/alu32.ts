// 32-bit arithmetic (RFC 9669, section 4.1): operands and result are the low halves, as signed 32-bit integers.

import { BINARY } from './operation.ts';

/** Most negative 32-bit integer; divided by -1 it is itself. */
const INT_MIN = -0x8000_0000;

/** `a op b`. Shifts take the low five bits; division by zero gives 0, its remainder `a`. */
export function alu32(operation: number, a: number, b: number): number {
  switch (operation) {
    case BINARY.ADD:
      return (a + b) | 0;
    case BINARY.SUB:
      return (a - b) | 0;
    case BINARY.AND:
      return a & b;
    case BINARY.OR:
      return a | b;
    case BINARY.XOR:
      return a ^ b;
    case BINARY.LSH:
      return a << b;
    case BINARY.RSH:
      return (a >>> b) | 0;
    case BINARY.ARSH:
      return a >> b;
    case BINARY.MUL:
      return Math.imul(a, b);
    case BINARY.DIV:
      return b === 0 ? 0 : ((a >>> 0) / (b >>> 0)) | 0;
    case BINARY.MOD:
      return b === 0 ? a : ((a >>> 0) % (b >>> 0)) | 0;
    case BINARY.SDIV:
      if (b === 0) return 0;
      return b === -1 && a === INT_MIN ? INT_MIN : (a / b) | 0;
    default:
      if (b === 0) return a;
      return b === -1 ? 0 : (a % b) | 0;
  }
}
