// The maximum segment size that a TCP SYN offers (RFC 9293, section 3.7.1), lowered where it is greater.

import { be16, read16, TCP } from '../wire.ts';
import type { Header } from './header.ts';
import type { Work } from './rewrite.ts';

const SYN = 0x02;
const [END, NOP, MSS] = [0, 1, 2];

/** No checksum yet. */
export function clamp({ out }: Work, { protocol, transportAt, end, later }: Header, most: number): void {
  if (protocol !== TCP || later || (out[transportAt + 13]! & SYN) === 0) return;
  const limit = Math.min(end, transportAt + (out[transportAt + 12]! >> 4) * 4);
  let at = transportAt + 20;
  while (at < limit && out[at] !== END) {
    const length = out[at] === NOP ? 1 : out[at + 1]!;
    if (out[at] !== NOP && (at + 1 >= limit || length < 2 || at + length > limit)) return;
    if (out[at] === MSS && length === 4 && read16(out, at + 2) > most) out.set(be16(most), at + 2);
    at += length;
  }
}
