// How far the transport checksum of an skb is (Documentation/networking/checksum-offloads.rst).

/**
 * `none`: nothing known. `unnecessary`: checked. `complete`: `sum` is the sum over the packet behind its link-layer
 * header. `partial`: the field holds the pseudo-header's sum; the device adds the rest, from `start` on, and stores it
 * at `start + offset`.
 */
export interface ChecksumState {
  state: 'none' | 'unnecessary' | 'complete' | 'partial';
  /** 32 bits, not folded, words in the machine's byte order: the kernel's `skb->csum`. */
  sum: number;
  start: number;
  offset: number;
  /** How many checksums behind each other are checked, less one. */
  level: number;
}

export const newChecksum = (given: Partial<ChecksumState> = {}): ChecksumState => ({
  state: 'none',
  sum: 0,
  start: 0,
  offset: 0,
  level: 0,
  ...given,
});
