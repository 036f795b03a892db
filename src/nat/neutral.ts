// Checksum-neutral prefix translation (NPTv6, RFC 6296): what is added to one 16-bit word of an address so that the
// one's complement sum of the whole address, and with it every checksum over it, stays what it was.

const WORDS = 8n;
const WORD_BITS = 16n;
const WORD = 0xffffn;

/** The longest prefix that leaves its subnet word, bits 48 to 63, to be adjusted (section 3.4). */
export const LONGEST_WITH_SUBNET = 48;

/**
 * What translation from one prefix to another adds, in one's complement (section 3.1): FD01:203:405::/48 to
 * 2001:DB8:1::/48 is 0xd54f. Zero where the prefixes have the same sum.
 */
export function adjustmentOf(from: bigint, to: bigint): number {
  const difference = sumOf(from) + (WORD - sumOf(to));
  const folded = fold(difference);
  // 0xffff is the other zero; the RFC never writes it (section 3.2).
  return Number(folded === WORD ? 0n : folded);
}

function sumOf(address: bigint): bigint {
  let sum = 0n;
  for (let word = 0n; word < WORDS; word++) sum += (address >> (word * WORD_BITS)) & WORD;
  return fold(sum);
}

function fold(sum: bigint): bigint {
  let folded = sum;
  while (folded > WORD) folded = (folded & WORD) + (folded >> WORD_BITS);
  return folded;
}
