// IPv6 addresses as text and as bigints of 128 bits: ::1 is 1n.
// Reads every form of RFC 4291, section 2.2, an IPv4 address at the end among them, and writes that of RFC 5952.
// Zones (RFC 4007, fe80::1%eth0) are no part of an address and are refused.

import { AddressError } from './address-error.ts';
import { formatIpv4, parseIpv4 } from './ipv4.ts';

const WORDS = 8;
const WORD_BITS = 16n;
const WORD_MASK = 0xffffn;
/** ::ffff:0:0/96, which RFC 5952, section 5 has written with an IPv4 address at the end. */
const IPV4_MAPPED = 0xffffn;
const IPV6_MAX: bigint = (1n << 128n) - 1n;

/**
 * Reads an IPv6 address: `::1` is 1n.
 *
 * @throws AddressError saying what is wrong and why.
 */
export function parseIpv6(text: string): bigint {
  const words = wordsOf(text);
  if (typeof words === 'string') throw new AddressError(`'${text}' is not an IPv6 address: ${words}`);
  return words.reduce((address, word) => (address << WORD_BITS) | BigInt(word), 0n);
}

/** The eight words of an address, or why it is none. */
function wordsOf(text: string): readonly number[] | string {
  if (text === '') return 'it is empty';
  if (/\s/.test(text)) return 'it has a space in it';
  if (text.includes('%')) return 'a zone (%) is not part of an address';
  if (/^\[.*\]$/.test(text)) return 'brackets ([]) are for an address with a port';
  const halves = text.split('::');
  if (halves.length > 2) return "it has more than one '::'";
  const read: number[][] = [];
  for (const [i, half] of halves.entries()) {
    const words = half === '' && halves.length === 2 ? [] : readWords(half, i === halves.length - 1);
    if (typeof words === 'string') return words;
    read.push(words);
  }
  const [head = [], tail] = read;
  const count = head.length + (tail?.length ?? 0);
  const parts = `${count} ${count === 1 ? 'part' : 'parts'}`;
  if (tail === undefined) return count === WORDS ? head : `it has ${parts} instead of ${WORDS}`;
  if (count >= WORDS) return `it has ${parts} beside '::', which leaves none for it`;
  return [...head, ...Array<number>(WORDS - count).fill(0), ...tail];
}

/** Words with single colons between them. Only the last ones of an address may be written as IPv4. */
function readWords(text: string, last: boolean): number[] | string {
  const words: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (part === '') return 'a part is empty';
    if (part.includes('.')) {
      if (!last || i !== parts.length - 1) return `'${part}' is not at its end`;
      try {
        const address = parseIpv4(part);
        words.push(address >>> 16, address & 0xffff);
      } catch (error) {
        if (!(error instanceof AddressError)) throw error;
        return error.message;
      }
    } else if (!/^[0-9a-f]+$/i.test(part)) return `'${part}' is not a hexadecimal number`;
    else if (part.length > 4) return `'${part}' has more than 4 digits`;
    else words.push(Number.parseInt(part, 16));
  }
  return words;
}

/**
 * Writes an IPv6 address as RFC 5952 says: lower case, no leading zeros, `::` for the longest run of zero words, the
 * first of several, and for no single one.
 *
 * @throws RangeError when it is not an unsigned 128-bit integer.
 */
export function formatIpv6(address: bigint): string {
  if (address < 0n || address > IPV6_MAX) {
    throw new RangeError(`address ${address} is not an unsigned 128-bit integer`);
  }
  if (address >> 32n === IPV4_MAPPED) return `::ffff:${formatIpv4(Number(address & 0xffff_ffffn))}`;
  const words = Array.from({ length: WORDS }, (_, i) =>
    Number((address >> (WORD_BITS * BigInt(WORDS - 1 - i))) & WORD_MASK),
  );
  const text = (part: readonly number[]): string => part.map((word) => word.toString(16)).join(':');
  const { start, length } = longestZeros(words);
  if (length < 2) return text(words);
  return `${text(words.slice(0, start))}::${text(words.slice(start + length))}`;
}

function longestZeros(words: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < words.length; start++) {
    const end = words.findIndex((word, i) => i >= start && word !== 0);
    const length = (end === -1 ? words.length : end) - start;
    if (length > best.length) best = { start, length };
  }
  return best;
}
