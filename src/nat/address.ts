// Addresses of both families, told apart by their type: a number is IPv4, a bigint is IPv6.

import { formatIpv4, parseIpv4 } from './ipv4.ts';
import { formatIpv6, parseIpv6 } from './ipv6.ts';

/** IPv4 as an unsigned 32-bit number (10.0.0.5 is 0x0a000005), IPv6 as a bigint of 128 bits (::1 is 1n). */
export type Address = number | bigint;
export type Family = 4 | 6;

/** The two sides of a mapping. */
export type Side = 'inside' | 'outside';
export const SIDES: readonly Side[] = ['inside', 'outside'];

export const familyOf = (address: Address): Family => (typeof address === 'bigint' ? 6 : 4);

/** The unspecified address, which no host has. */
export const unspecifiedOf = (family: Family): Address => (family === 6 ? 0n : 0);

/** How many bits an address of this family has. */
export const bitsOf = (family: Family): number => (family === 6 ? 128 : 32);

/**
 * Reads an address; one colon or more makes it IPv6.
 *
 * @throws AddressError saying what is wrong and why.
 */
export function parseAddress(text: string): Address {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/** Writes an address as `parseAddress` reads it. @throws RangeError when it is none. */
export function formatAddress(address: Address): string {
  return typeof address === 'bigint' ? formatIpv6(address) : formatIpv4(address);
}

/** In the order of the numbers, IPv4 before IPv6. */
export function compareAddresses(a: Address, b: Address): number {
  if (typeof a !== typeof b) return typeof a === 'number' ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

const LOW_BITS = 64n;
/** Odd, so that multiplying by it loses nothing; 2^64 divided by the golden ratio. */
const SPREAD = 0x9e37_79b9_7f4a_7c15n;

/**
 * The address as a key of a `Map` or `Set`; different addresses have different keys. V8 hashes a bigint by its lower
 * 64 bits alone, so the many addresses that end in `::1` would all collide; in the key these bits depend on all of it.
 */
export function addressKey(address: Address): Address {
  if (typeof address === 'number') return address;
  return address ^ BigInt.asUintN(64, (address >> LOW_BITS) * SPREAD);
}
