// IPv4 addresses as text and as numbers in host order: 10.0.0.5 is 0x0a000005.
// Reads the strict dotted form of RFC 6943, section 3.1.1: no octal, no hexadecimal, no short forms.

import { AddressError } from './address-error.ts';

const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;
const PARTS = 4;
const PART_MAX = 255;

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
