// Operations on one register: negation, byte order, sign extension (RFC 9669, sections 4.1 and 4.2).
// `le` and `be` are decided when a program is decoded: on this machine each is a swap or keeps the low bits.

/** `d = op s`. */
export function unary(lo: Int32Array, hi: Int32Array, operation: number, d: number, s: number): void {
  const low = lo[s]!;
  switch (operation) {
    // UNARY.NEG64
    case 0:
      hi[d] = ~hi[s]! + (low === 0 ? 1 : 0);
      lo[d] = -low;
      return;
    // UNARY.SWAP64
    case 4:
      lo[d] = swap32(hi[s]!);
      hi[d] = swap32(low);
      return;
    // UNARY.KEEP64
    case 7:
      return;
    // UNARY.SX8
    case 8:
    // UNARY.SX16
    case 9:
    // UNARY.SX32
    case 10: {
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
    // UNARY.NEG32
    case 1:
      return -low | 0;
    // UNARY.SWAP16
    case 2:
      return ((low & 0xff) << 8) | ((low >>> 8) & 0xff);
    // UNARY.SWAP32
    case 3:
      return swap32(low);
    // UNARY.KEEP16
    case 5:
      return low & 0xffff;
    // UNARY.SX8
    case 8:
    // UNARY.SX8W
    case 11:
      return (low << 24) >> 24;
    // UNARY.SX16
    case 9:
    // UNARY.SX16W
    case 12:
      return (low << 16) >> 16;
    default:
      return low;
  }
}

const swap32 = (n: number): number => (n << 24) | ((n & 0xff00) << 8) | ((n >>> 8) & 0xff00) | (n >>> 24);
