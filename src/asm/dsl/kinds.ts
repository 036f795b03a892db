// How integer kinds may be combined. Host integers mix and grow to 32 or 64 bits; network integers only meet their
// own kind, and only in operations that do not depend on the byte order.

import { LITTLE_ENDIAN, type ScalarKind } from '../layout.ts';

export type HostKind = 'u8' | 'u16' | 'u32' | 'u64';
export type NetworkKind = 'be16' | 'be32' | 'be64';

/** The kind a calculation on `K` has: at least 32 bits, as in C. */
export type Promoted<K extends HostKind> = K extends 'u64' ? 'u64' : 'u32';
export type Wider<A extends HostKind, B extends HostKind> = 'u64' extends A | B ? 'u64' : 'u32';
/** What `K` may be compared with. */
export type Comparable<K extends ScalarKind> = K extends HostKind ? HostKind : K;
/** What may be put into a field of kind `K` without losing anything. */
export type Storable<K extends ScalarKind> = K extends 'u64'
  ? HostKind
  : K extends 'u32'
    ? 'u8' | 'u16' | 'u32'
    : K extends 'u16'
      ? 'u8' | 'u16'
      : K;
/** The host kind of the same size, and back. */
export type HostOf<K extends NetworkKind> = K extends 'be16' ? 'u16' : K extends 'be32' ? 'u32' : 'u64';
export type NetworkOf<K extends HostKind> = K extends 'u16'
  ? 'be16'
  : K extends 'u32'
    ? 'be32'
    : K extends 'u64'
      ? 'be64'
      : never;

const BITS: { readonly [K in ScalarKind]: 8 | 16 | 32 | 64 } = {
  u8: 8,
  u16: 16,
  u32: 32,
  u64: 64,
  be16: 16,
  be32: 32,
  be64: 64,
};

export const bitsOf = (kind: ScalarKind): 8 | 16 | 32 | 64 => BITS[kind];
export const sizeOf = (kind: ScalarKind): 1 | 2 | 4 | 8 => (BITS[kind] / 8) as 1 | 2 | 4 | 8;
export const isNetwork = (kind: ScalarKind): kind is NetworkKind => kind.startsWith('be');
export const promote = (kind: ScalarKind): ScalarKind => (kind === 'u8' || kind === 'u16' ? 'u32' : kind);

/**
 * A constant as it stands in a register of `kind`: network kinds are swapped here, once, at build time.
 *
 * @throws RangeError when `n` is not an unsigned integer of that size.
 */
export function constantOf(kind: ScalarKind, n: number | bigint): bigint {
  const bits = BITS[kind];
  if (typeof n === 'number' && !Number.isSafeInteger(n)) throw new RangeError(`${n} is not an integer`);
  const value = BigInt(n);
  if (value < 0n || value >= 1n << BigInt(bits)) {
    throw new RangeError(`${n} does not fit into ${kind}: 0 to 2^${bits}-1`);
  }
  return isNetwork(kind) && LITTLE_ENDIAN ? reverseBytes(value, bits / 8) : value;
}

function reverseBytes(value: bigint, size: number): bigint {
  let reversed = 0n;
  for (let i = 0; i < size; i++) reversed = (reversed << 8n) | ((value >> BigInt(8 * i)) & 0xffn);
  return reversed;
}
