// Checksum-neutral prefix translation (RFC 6296): the words of the address are summed before and after, and one word
// takes up the difference.

import { addressBytes, onesSum } from '../wire.ts';

const ALL_ONES = 0xffffn;

const wordOf = (address: bigint, index: number): bigint => (address >> BigInt(16 * (7 - index))) & ALL_ONES;

/** The address moved from one prefix to the other; undefined where no word can take the difference. */
export function npt(address: bigint, from: bigint, to: bigint, length: number): bigint | undefined {
  // Section 3.4: the subnet, bits 48 to 63. Section 3.5: the first word of the identifier that is not all ones.
  const candidates = length <= 48 ? [3] : [4, 5, 6, 7];
  const index = candidates.find((candidate) => wordOf(address, candidate) !== ALL_ONES);
  if (index === undefined) return undefined;
  const host = (1n << BigInt(128 - length)) - 1n;
  const moved = to | (address & host);
  const difference = (onesSum(addressBytes(from)) + 0xffff - onesSum(addressBytes(to))) % 0xffff;
  // Zero and all ones are the same number, written as zero (section 3.2).
  const adjusted = BigInt((Number(wordOf(address, index)) + difference) % 0xffff);
  const at = BigInt(16 * (7 - index));
  return (moved & ~(ALL_ONES << at)) | (adjusted << at);
}
