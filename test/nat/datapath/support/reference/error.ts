// ICMP errors (RFC 5508, section 4; RFC 4443, section 3): the packet they quote went the other way, so its other end is
// the one to translate. Their own address goes along with the quoted one where it is the same, else by itself.

import { type Bytes, ICMP } from '../wire.ts';
import { type Header, ICMPV6, quotedHeader } from './header.ts';
import { type Found, find, keyOf, type Miss } from './lookup.ts';
import { move, sealHeader, sealTransport, type Work } from './rewrite.ts';
import { type Direction, leave, type Outcome, type World } from './world.ts';

const ERRORS: { readonly [family: number]: readonly number[] } = {
  4: [3, 4, 5, 11, 12],
  6: [1, 2, 3, 4],
};
const MESSAGE = 8;

export const isError = (frame: Bytes, { family, protocol, transportAt, later }: Header): boolean =>
  !later && protocol === (family === 4 ? ICMP : ICMPV6) && ERRORS[family]!.includes(frame[transportAt]!);

export interface Quote {
  readonly header: Header;
  /** The end of the quoted packet that is ours, and the other one. */
  readonly own: 'source' | 'destination';
  readonly other: 'source' | 'destination';
}

export function quoteOf(frame: Bytes, header: Header, direction: Direction): Quote | 'malformed' {
  const quoted = quotedHeader(frame, header.transportAt + MESSAGE, header.end, header.family);
  if (quoted === 'malformed') return quoted;
  return direction === 'outbound'
    ? { header: quoted, own: 'destination', other: 'source' }
    : { header: quoted, own: 'source', other: 'destination' };
}

const isFound = (result: Found | Miss): result is Found => typeof result === 'object';

/** The error translated, or undefined where nothing of it is ours. */
export function translateError(
  frame: Bytes,
  header: Header,
  world: World,
  direction: Direction,
  excluded: (address: Header['source']) => boolean,
): Outcome | undefined {
  const { mappings } = world;
  const quote = quoteOf(frame, header, direction);
  if (quote === 'malformed') return leave(frame, world, direction, 'malformed');
  // What the conversation is, the quote says; the error may come from anywhere on the way.
  if (excluded(quote.header[quote.other])) return leave(frame, world, direction, 'excluded');
  const end = direction === 'outbound' ? 'source' : 'destination';
  const quotedAddress = quote.header[quote.own];
  const quoted = find(mappings, direction, quotedAddress, keyOf(frame, quote.header, quote.own));
  const same = header[end] === quotedAddress;
  const alone = find(mappings, direction, header[end], 'none');
  const outer = same && quoted !== undefined ? quoted : alone;

  if (typeof quoted === 'string') return leave(frame, world, direction, quoted);
  // Inbound an error goes to whom it quotes: for anybody else the quote opens no door.
  if (outer === undefined && (direction === 'inbound' || quoted === undefined)) return undefined;
  if (typeof outer === 'string') return leave(frame, world, direction, outer);

  const work: Work = { before: frame, out: Uint8Array.from(frame) };
  if (isFound(quoted)) {
    move(work, quote.header, quote.own, quoted);
    sealHeader(work, quote.header);
    sealTransport(work, quote.header, quoted);
  }
  if (isFound(outer)) {
    move(work, header, end, { mapping: outer.mapping, address: outer.address });
    sealHeader(work, header);
  }
  if (isFound(quoted) || header.family === 6) sealTransport(work, header);
  const counted = isFound(outer) ? outer.mapping : (quoted as Found).mapping;
  return { verdict: 'next', frame: work.out, counted };
}
