// Masks of prefixes, in both families.

import { type Address, bitsOf, type Family } from './address.ts';

/** The mask of a prefix of so many bits. */
export function maskOf(length: number, family: Family): Address {
  const hostBits = bitsOf(family) - length;
  if (family === 6) return BigInt.asUintN(bitsOf(6), -1n << BigInt(hostBits));
  // A shift by 32 is none in JavaScript.
  return hostBits === 32 ? 0 : (0xffff_ffff << hostBits) >>> 0;
}

/** How many bits a mask begins with. */
export function lengthOf(mask: Address): number {
  if (typeof mask === 'number') return Math.clz32(~mask);
  const behind = BigInt.asUintN(bitsOf(6), ~mask);
  return behind === 0n ? bitsOf(6) : bitsOf(6) - behind.toString(2).length;
}
