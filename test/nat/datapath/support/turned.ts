// A packet as the answer to itself: source and destination exchanged, addresses and ports, in the packet and in the one
// that it quotes. No sum changes, for each has both.

import { isError } from './reference/error.ts';
import { type Header, quotedHeader, wholeHeader } from './reference/header.ts';
import { packetAt } from './reference/reference.ts';
import { type Bytes, patch, TCP, UDP, UDP_LITE } from './wire.ts';

/** Undefined for what has no way back: the last stop of a source route is not where the header says. */
export function turned(frame: Bytes): Bytes | undefined {
  const at = packetAt(frame, 'ethernet');
  const family = frame[at]! >> 4 === 6 ? 6 : 4;
  const header = wholeHeader(frame, at, family, false);
  if (typeof header === 'string' || header.routed) return undefined;
  const out = swapped(frame, header);
  if (!isError(frame, header)) return out;
  const quote = quotedHeader(frame, header.transportAt + 8, header.end, family);
  return quote === 'malformed' || quote.routed ? undefined : swapped(out, quote);
}

function swapped(frame: Bytes, { family, at, protocol, transportAt, end, later, cut }: Header): Bytes {
  const [from, size] = family === 4 ? [at + 12, 4] : [at + 8, 16];
  const out = exchanged(frame, from, size);
  const ported = [TCP, UDP, UDP_LITE].includes(protocol) && !later && !cut && transportAt + 4 <= end;
  return ported ? exchanged(out, transportAt, 2) : out;
}

function exchanged(frame: Bytes, at: number, size: number): Bytes {
  const first = frame.slice(at, at + size);
  return patch(patch(frame, at, frame.slice(at + size, at + 2 * size)), at + size, first);
}
