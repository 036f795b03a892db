// Masks of prefixes, in both families.

import type { Address, Family } from './address.ts';

export const BITS: { readonly [F in Family]: number } = { 4: 32, 6: 128 };

/** The mask of a prefix of so many bits. */
export function maskOf(length: number, family: Family): Address {
  if (family === 6) return BigInt.asUintN(BITS[6], -1n << BigInt(BITS[6] - length));
  return length === 0 ? 0 : (0xffff_ffff << (BITS[4] - length)) >>> 0;
}

/** How many bits a mask begins with. */
export function lengthOf(mask: Address): number {
  if (typeof mask === 'number') return Math.clz32(~mask);
  const zeros = BigInt.asUintN(BITS[6], ~mask);
  return zeros === 0n ? BITS[6] : BITS[6] - zeros.toString(2).length;
}

/** The address with the bits that are not in the mask cleared. */
export function masked<A extends Address>(address: A, mask: A): A;
export function masked(address: Address, mask: Address): Address {
  if (typeof address === 'bigint') return address & (mask as bigint);
  return (address & (mask as number)) >>> 0;
}
