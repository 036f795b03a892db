// Prefixes of both families: the addresses that begin with the same bits.

import { type Address, bitsOf, familyOf, formatAddress, parseAddress } from './address.ts';
import { AddressError } from './address-error.ts';

export interface Prefix {
  /** The first address; all bits behind the prefix are zero. */
  readonly address: Address;
  /** In bits: 0 to 32, or to 128. */
  readonly length: number;
}

/** The first address of the prefix of `length` bits that `address` is in. */
export function networkOf(address: Address, length: number): Address {
  const hostBits = bitsOf(familyOf(address)) - length;
  if (typeof address === 'bigint') return (address >> BigInt(hostBits)) << BigInt(hostBits);
  // A shift by 32 is none in JavaScript.
  return hostBits === 32 ? 0 : ((address >>> hostBits) << hostBits) >>> 0;
}

/** Whether `address`, of whichever family, is in the prefix. */
export function prefixHas(prefix: Prefix, address: Address): boolean {
  return typeof address === typeof prefix.address && networkOf(address, prefix.length) === prefix.address;
}

/** Whether the two have an address in common; one of them is in the other then. */
export function prefixesOverlap(a: Prefix, b: Prefix): boolean {
  return a.length <= b.length ? prefixHas(a, b.address) : prefixHas(b, a.address);
}

/**
 * Reads a prefix: `10.1.0.0/16`, `fd00:1::/48`. A single address is the prefix that holds it alone.
 *
 * @throws AddressError; where bits behind the prefix are set it names the prefix that was probably meant.
 */
export function parsePrefix(text: string): Prefix {
  const [host = '', digits, ...more] = text.split('/');
  const address = parseAddress(host);
  const bits = bitsOf(familyOf(address));
  if (digits === undefined) return { address, length: bits };
  if (more.length > 0 || !/^(?:0|[1-9]\d{0,2})$/.test(digits) || Number(digits) > bits) {
    const given = [digits, ...more].join('/');
    throw new AddressError(
      `'${text}' is not a prefix: its length '${given}' is not a number from 0 to ${bits}`,
    );
  }
  const prefix: Prefix = { address, length: Number(digits) };
  const network = networkOf(address, prefix.length);
  if (network !== address) {
    const meant = formatPrefix({ address: network, length: prefix.length });
    throw new AddressError(
      `'${text}' is not a prefix: bits behind the first ${digits} are set; ${meant} is one`,
    );
  }
  return prefix;
}

/** Writes a prefix as `parsePrefix` reads it. */
export function formatPrefix({ address, length }: Prefix): string {
  return `${formatAddress(address)}/${length}`;
}
