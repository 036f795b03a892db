// 32-bit arithmetic (RFC 9669, section 4.1): operands and result are the low halves, as signed 32-bit integers.

/** Most negative 32-bit integer; divided by -1 it is itself. */
const INT_MIN = -0x8000_0000;

/** `a op b`. Shifts take the low five bits; division by zero gives 0, its remainder `a`. */
export function alu32(operation: number, a: number, b: number): number {
  switch (operation) {
    // BINARY.ADD
    case 0:
      return (a + b) | 0;
    // BINARY.SUB
    case 1:
      return (a - b) | 0;
    // BINARY.AND
    case 2:
      return a & b;
    // BINARY.OR
    case 3:
      return a | b;
    // BINARY.XOR
    case 4:
      return a ^ b;
    // BINARY.LSH
    case 5:
      return a << b;
    // BINARY.RSH
    case 6:
      return (a >>> b) | 0;
    // BINARY.ARSH
    case 7:
      return a >> b;
    // BINARY.MUL
    case 8:
      return Math.imul(a, b);
    // BINARY.DIV
    case 9:
      return b === 0 ? 0 : ((a >>> 0) / (b >>> 0)) | 0;
    // BINARY.MOD
    case 10:
      return b === 0 ? a : ((a >>> 0) % (b >>> 0)) | 0;
    // BINARY.SDIV
    case 11:
      if (b === 0) return 0;
      return b === -1 && a === INT_MIN ? INT_MIN : (a / b) | 0;
    default:
      if (b === 0) return a;
      return b === -1 ? 0 : (a % b) | 0;
  }
}
