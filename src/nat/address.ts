// IPv4 addresses as text and as numbers (host order), and what an address may not be used for.
// Reads the strict dotted form of RFC 6943, section 3.1.1: no octal, no hexadecimal, no short forms.
// IPv6 is only recognised, so that it can be refused by its name.

/** IPv4 as an unsigned 32-bit number (10.0.0.5 is 0x0a000005), IPv6 as a bigint of 128 bits (::1 is 1n). */
export type Address = number | bigint;
export type Family = 4 | 6;

export const familyOf = (address: Address): Family => (typeof address === 'bigint' ? 6 : 4);

const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;
const PARTS = 4;
const PART_MAX = 255;

/** Text that is not an address. */
export class AddressError extends RangeError {
  readonly code = 'bad_address';
  override readonly name = 'AddressError';
}

/**
 * Reads an IPv4 address: `10.0.0.5` is 0x0a000005.
 *
 * @throws AddressError saying which part is wrong and why.
 */
export function parseIpv4(text: string): number {
  const match = IPV4.exec(text);
  if (match === null) throw new AddressError(`'${text}' is not an IPv4 address: ${problemOf(text)}`);
  let address = 0;
  for (let part = 1; part <= PARTS; part++) {
    const digits = match[part]!;
    const value = Number(digits);
    if (value > PART_MAX || (digits.length > 1 && digits.startsWith('0'))) {
      throw new AddressError(`'${text}' is not an IPv4 address: ${problemOf(text)}`);
    }
    address = address * (PART_MAX + 1) + value;
  }
  return address;
}

/** Why `text`, which is not an IPv4 address, is none. */
function problemOf(text: string): string {
  if (text === '') return 'it is empty';
  if (/\s/.test(text)) return 'it has a space in it';
  const parts = text.split('.');
  if (parts.length !== PARTS && /^[\d.]+$/.test(text)) {
    return `it has ${parts.length} ${parts.length === 1 ? 'part' : 'parts'} instead of ${PARTS}`;
  }
  for (const part of parts) {
    if (part === '') return 'a part is empty';
    if (!/^\d+$/.test(part)) return `'${part}' is not a decimal number`;
    if (part.length > 1 && part.startsWith('0')) {
      return `'${part}' has a leading zero, which some programs read as octal`;
    }
    if (Number(part) > PART_MAX) return `${part} is more than ${PART_MAX}`;
  }
  return `it has ${parts.length} ${parts.length === 1 ? 'part' : 'parts'} instead of ${PARTS}`;
}

/**
 * Writes an IPv4 address given as an unsigned 32-bit integer in host order.
 *
 * @throws RangeError when it is not one.
 */
export function formatIpv4(address: number): string {
  if (!Number.isInteger(address) || address < 0 || address > 0xffff_ffff) {
    throw new RangeError(`address ${address} is not an unsigned 32-bit integer`);
  }
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

/** Whether `text` is meant as an IPv6 address; it need not be a valid one. */
export function looksLikeIpv6(text: string): boolean {
  return /^[0-9a-f:.]*$/i.test(text) && text.split(':').length > 2;
}

interface SpecialBlock {
  readonly network: number;
  readonly prefixLength: number;
  readonly sides: readonly Side[];
  readonly why: string;
}

/** The two sides of a mapping. */
export type Side = 'inside' | 'outside';
const BOTH: readonly Side[] = ['inside', 'outside'];

/**
 * Blocks no packet of a mapping can carry (RFC 6890). 240.0.0.0/4 is not among them: Linux routes it and some
 * networks use it. Loopback may be an inside: Linux allows that with `route_localnet`.
 */
const UNUSABLE: readonly SpecialBlock[] = [
  { network: 0xffff_ffff, prefixLength: 32, sides: BOTH, why: 'is the broadcast address' },
  { network: 0x0000_0000, prefixLength: 8, sides: BOTH, why: "is in 0.0.0.0/8, which means 'this network'" },
  { network: 0xe000_0000, prefixLength: 4, sides: BOTH, why: 'is a multicast address' },
  { network: 0x7f00_0000, prefixLength: 8, sides: ['outside'], why: 'is a loopback address' },
];

/** Why `address` cannot stand on this side of a mapping; undefined where it can. */
export function unusableIpv4(address: number, side: Side): string | undefined {
  for (const { network, prefixLength, sides, why } of UNUSABLE) {
    const hostBits = 32 - prefixLength;
    if (sides.includes(side) && address >>> hostBits === network >>> hostBits) return why;
  }
  return undefined;
}
