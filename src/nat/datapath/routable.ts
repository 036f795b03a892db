// What the stack would look at before it asks the routing table (ip_rcv_core, ip_route_input_slow and ip6_rcv_core of the
// kernel), and a look-up from a program does not.

import {
  type ArrayType,
  array,
  be32,
  type Condition,
  type ScalarType,
  type StructType,
  struct,
  type Value,
} from '../../asm/index.ts';
import { foldOnce } from './checksum.ts';
import { iphdr } from './headers.ts';
import type { Words } from './words.ts';

/** A frame has at least so many bytes (without its checksum): what is behind a shorter packet is padding. */
export const ETH_ZLEN = 60;

const HEADER_WORDS = iphdr.size / be32.size;
/** IPv4's header as what its checksum is over. */
export const headerWords: StructType<{ words: ArrayType<ScalarType<'be32'>> }> = struct('header_words', {
  words: array(be32, HEADER_WORDS),
});

/** The sum over a header with its checksum is all ones (RFC 791, section 3.1). */
export function isWrongSum(words: Words): Condition {
  const sum = words.map((word) => word.bits().as('u64')).reduce((all, word) => all.add(word));
  return foldOnce(foldOnce(foldOnce(sum.and(0xffff_ffff).add(sum.shr(32))))).ne(0xffff);
}

/**
 * "This" network, loopback, multicast and what was reserved: routing has rules of its own for these, which a look-up in
 * the routing table does not apply.
 */
export const isUnroutable4 = (address: Value<'u32'>): Condition => {
  const first = address.shr(24);
  return first.eq(0).or(first.eq(127)).or(first.ge(224));
};

/** Unspecified, loopback and mapped addresses; multicast; link-local. Of the first word. */
export const isUnroutable6 = (word: Value<'u32'>): Condition => {
  const first = word.shr(16);
  return first.eq(0).or(first.ge(0xff00)).or(first.and(0xffc0).eq(0xfe80));
};

/** Kernel's name for class and flow label (include/net/ipv6.h). */
export const IPV6_FLOWINFO_MASK = 0x0fff_ffff;
