// Checksums after something has changed: updated from what was and is there alone (RFC 1624, equation 3),
// HC' = ~(~HC + ~m + m'). One's complement sums do not depend on the byte order (RFC 1071, section 2B).

import {
  type Condition,
  type Expression,
  HELPERS,
  type Input,
  type PacketBuilder,
  type TcBuilder,
  type Value,
} from '../../asm/index.ts';
import type { Words } from './words.ts';

/** `bpf_l4_csum_replace` flags (include/uapi/linux/bpf.h). */
const BPF_F_PSEUDO_HDR = 1 << 4;
const BPF_F_MARK_MANGLED_0 = 1 << 5;
/** The low bits of the flags: the size of what changed; none for a difference that is given itself. */
const SIZE_ADDRESS = 4;
const SIZE_PORT = 2;

/**
 * How a transport checksum takes a change: with the pseudo-header or without one (ICMP), and whether zero means that there
 * is none, so that it never becomes zero (UDP).
 */
export const PSEUDO: number = BPF_F_PSEUDO_HDR;
export const PSEUDO_OR_NONE: number = BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0;
export const PLAIN = 0;

/** The same with the size of a changed address of `words` words, as `replaceAddress` takes it. */
export const sized = (checksum: number, words: number): number =>
  words === 1 && (checksum & PSEUDO) !== 0 ? checksum | SIZE_ADDRESS : checksum;

/** The one's complement difference that a change makes, 33 bits and more: not folded. */
export function difference(before: Words, after: Words): Value<'u64'> {
  return before
    .map((word, i) => word.bits().not().as('u64').add(after[i]!.bits()))
    .reduce((sum, one) => sum.add(one));
}

/** A checksum over an IPv4 address (or its pseudo-header) after that went from `before` to `after`. */
export function updatedChecksum(check: Value<'be16'>, change: Value<'u64'>): Value<'be16'> {
  const sum = check.bits().not().as('u64').add(change);
  // Two folds bring 34 (with four words 36) bits to 17; the last carry goes into the low 16, which are all that is stored.
  const folded = foldOnce(foldOnce(sum));
  return folded.add(folded.shr(16)).not().as('u16').bits();
}

/** Ever fewer bits of a sum, without changing what it is in one's complement. */
export const foldOnce = (sum: Value<'u64'>): Value<'u64'> => sum.and(0xffff).add(sum.shr(16));

/** A difference as the kernel takes it, 32 bits (`__wsum`). */
const fold32 = (sum: Value<'u64'>): Value<'u64'> => {
  const once = sum.and(0xffff_ffff).add(sum.shr(32));
  return once.and(0xffff_ffff).add(once.shr(32));
};

/** The result of a helper is negative when it could not do what it was asked. */
type Result = Value<'u64'>;

/**
 * Lets the kernel update the transport checksum at `at` for changed addresses: it alone knows whether the checksum is
 * complete or, with checksum offload, only begun.
 */
export function replaceAddress(
  p: TcBuilder,
  at: Input<'u32'>,
  before: Words,
  after: Words,
  flags: Value<'u32'>,
): Result {
  if (before.length > 1) {
    return p.call(HELPERS.l4_csum_replace, [p.context, at, 0, fold32(difference(before, after)), flags]);
  }
  return p.call(HELPERS.l4_csum_replace, [p.context, at, before[0]!, after[0]!, flags]);
}

/** The same for a port or a query's identifier, which no pseudo-header contains. */
export function replacePort(
  p: TcBuilder,
  at: Input<'u32'>,
  before: Value<'be16'>,
  after: Value<'be16'>,
  flags: Value<'u32'>,
): Result {
  const own = flags.and(BPF_F_MARK_MANGLED_0).or(SIZE_PORT);
  return p.call(HELPERS.l4_csum_replace, [p.context, at, before, after, own]);
}

/** The same for a difference in what the checksum covers. */
export function replaceCovered(p: TcBuilder, at: Input<'u32'>, change: Value<'u64'>): Result {
  return p.call(HELPERS.l4_csum_replace, [p.context, at, 0, fold32(change), PLAIN]);
}

/**
 * Tells a receive checksum of the whole packet (CHECKSUM_COMPLETE) that an IPv6 address has changed. An IPv4 header has a
 * checksum of its own, which changes by the opposite; and the kernel takes a pseudo-header to be IPv4's
 * (inet_proto_csum_replace_by_diff), so that this is right whether a transport checksum was updated or not.
 */
export function accountAddress(p: PacketBuilder, before: Words, after: Words, also?: Value<'u64'>): void {
  account(p, withAlso(difference(before, after), also));
}

/** A change, and what has changed beside it where that is anything. */
export const withAlso = (change: Value<'u64'>, also: Value<'u64'> | undefined): Value<'u64'> =>
  also === undefined ? change : change.add(also);

/** Tells it of a change that no checksum in the packet makes up for. */
export function account(p: PacketBuilder, change: Value<'u64'>): void {
  p.call(HELPERS.csum_update, [p.context, fold32(change)]);
}

/** The one's complement difference of 16 bits. */
export const halfDifference = (before: Value<'be16'>, after: Value<'be16'>): Value<'u64'> =>
  before.bits().not().as('u64').add(after.bits());

/** Whether zero says that there is no checksum. */
export const mayBeNone = (checksum: Expression<'u32'>): Condition => checksum.and(BPF_F_MARK_MANGLED_0).ne(0);
