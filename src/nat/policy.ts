// What an instance does besides translating by its mappings.

import type { Prefix } from './prefix.ts';
import type { Direction, Policy } from './reason.ts';

export interface InstancePolicy {
  /** What becomes of packets that no mapping names. */
  readonly unmapped: { readonly [D in Direction]: Policy };
  /** What becomes of packets that leave with somebody else's outside address as their own. */
  readonly spoofed: Policy;
  /** TCP connections are held to this maximum segment size; not touched where it is left out. */
  readonly mss?: number;
  /** Only traffic with these other ends is translated; with all of them where the list is empty. */
  readonly include: readonly Prefix[];
  /** Traffic with these is not; of both lists the longest prefix decides. */
  readonly exclude: readonly Prefix[];
}

export const DEFAULT_POLICY: InstancePolicy = {
  unmapped: { outbound: 'pass', inbound: 'pass' },
  spoofed: 'drop',
  include: [],
  exclude: [],
};

/**
 * The least is what every IPv4 host takes: a datagram of 576 bytes less 40 of headers (RFC 9293, section 3.7.1). The
 * most is what the longest IPv4 packet can carry, so that more would never clamp anything.
 */
export const LEAST_MSS = 536;
export const MOST_MSS = 65_495;

/** @throws RangeError when `mss` cannot be clamped to. */
export function requireMss(mss: number): void {
  if (Number.isInteger(mss) && mss >= LEAST_MSS && mss <= MOST_MSS) return;
  throw new RangeError(`mss ${mss} is not a whole number from ${LEAST_MSS} to ${MOST_MSS}`);
}
