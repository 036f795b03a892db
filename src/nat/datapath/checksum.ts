// Checksums after an address has changed: updated from the old and the new address alone (RFC 1624, equation 3),
// HC' = ~(~HC + ~m + m'). One's complement sums do not depend on the byte order (RFC 1071, section 2B).

import { HELPERS, type Input, type TcBuilder, type Value } from '../../asm/index.ts';

/** `bpf_l4_csum_replace` flags (include/uapi/linux/bpf.h). */
const BPF_F_PSEUDO_HDR = 1 << 4;
const BPF_F_MARK_MANGLED_0 = 1 << 5;
/** The low bits of the flags: the size of what changed. */
const SIZE_ADDRESS = 4;
const SIZE_CHECKSUM = 2;

/** How a transport checksum takes a changed address. UDP has none where it is zero, and never becomes zero. */
export const TCP_CHECKSUM: number = BPF_F_PSEUDO_HDR | SIZE_ADDRESS;
export const UDP_CHECKSUM: number = BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0 | SIZE_ADDRESS;
/** A checksum over data in which another checksum changed. */
export const OUTER_CHECKSUM: number = SIZE_CHECKSUM;

/** A checksum over an address (or its pseudo-header) after that went from `before` to `after`. */
export function updatedChecksum(
  check: Value<'be16'>,
  before: Value<'be32'>,
  after: Value<'be32'>,
): Value<'be16'> {
  const sum = check.bits().not().as('u64').add(before.bits().not()).add(after.bits());
  // Two folds bring 34 bits to 17; the last carry goes into the low 16, which are all that is stored.
  const folded = foldOnce(foldOnce(sum));
  return folded.add(folded.shr(16)).not().as('u16').bits();
}

const foldOnce = (sum: Value<'u64'>): Value<'u64'> => sum.and(0xffff).add(sum.shr(16));

/**
 * Lets the kernel update a transport checksum at `at`: it alone knows whether the checksum is complete or, with
 * checksum offload, only begun. The result is negative when it could not.
 */
export function replaceChecksum(
  p: TcBuilder,
  at: Input<'u32'>,
  before: Value,
  after: Value,
  flags: Input<'u32'>,
): Value<'u64'> {
  return p.call(HELPERS.l4_csum_replace, [p.context, at, before, after, flags]);
}
