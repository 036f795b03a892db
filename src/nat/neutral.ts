// Checksum-neutral prefixes (NPTv6, RFC 6296): one word of the address takes up what the prefix has changed of the
// one's complement sum, so that no transport checksum changes.

import type { Side } from './address.ts';
import type { PrefixMapping } from './mapping.ts';

const WORDS = 8;
const WORD_MAX = 0xffff;
/** The word of subnets, bits 48 to 63, and where the interface identifier begins. */
const SUBNET_WORD = 3;
const IDENTIFIER_WORD = 4;
/** Of a prefix this long or shorter the subnet's word is adjusted (section 3.4), of a longer one the identifier's. */
export const SUBNET_PREFIX = 48;

const wordAt = (address: bigint, word: number): number =>
  Number((address >> BigInt(16 * (WORDS - 1 - word))) & 0xffffn);

/** One's complement sum: a carry comes in again at the end. */
function add(a: number, b: number): number {
  const sum = a + b;
  return sum > WORD_MAX ? sum - WORD_MAX : sum;
}

function sumOf(address: bigint): number {
  let sum = 0;
  for (let word = 0; word < WORDS; word++) sum = add(sum, wordAt(address, word));
  return sum;
}

/** What is added to the word when the prefix `from` becomes `to`: sum(from) - sum(to). */
export function neutralAdjustment(from: bigint, to: bigint): number {
  return add(sumOf(from), WORD_MAX - sumOf(to));
}

/**
 * What an address of one side of a neutral prefix is on the other; undefined where RFC 6296 has none (sections 3.4
 * and 3.5: the subnet's word, or all of the identifier's, are 0xffff).
 */
export function translateNeutral(mapping: PrefixMapping, from: Side, address: bigint): bigint | undefined {
  const [network, onto] =
    from === 'inside' ? [mapping.inside, mapping.outside] : [mapping.outside, mapping.inside];
  const hostMask = (1n << BigInt(128 - mapping.length)) - 1n;
  const moved = BigInt(onto) | (address & hostMask);
  const usable = (word: number): boolean => wordAt(address, word) !== WORD_MAX;
  const words =
    mapping.length <= SUBNET_PREFIX
      ? [SUBNET_WORD]
      : Array.from({ length: WORDS - IDENTIFIER_WORD }, (_, i) => IDENTIFIER_WORD + i);
  const word = words.find(usable);
  if (word === undefined) return undefined;
  const adjusted = add(wordAt(address, word), neutralAdjustment(BigInt(network), BigInt(onto)));
  const shift = BigInt(16 * (WORDS - 1 - word));
  // Both 0xffff and 0 are zero in one's complement; the former would not be found again.
  return (moved & ~(0xffffn << shift)) | (BigInt(adjusted === WORD_MAX ? 0 : adjusted) << shift);
}
