// ICMP errors inside a tunnel: what they quote went the other way, and had the slot's address on the other side. Written by
// hand, since nobody leaves the checksum of an error to a device.

import { difference, updatedChecksum } from '../checksum.ts';
import { icmphdr } from '../headers.ts';
import { type IpPacket, sideOf } from '../ip-packet.ts';
import type { TcPath } from '../path.ts';
import { readQuote, rewriteQuote } from '../quote.ts';
import { rewriteAddress } from '../rewrite.ts';
import { noTransport, readQuotedTransport } from '../transport.ts';
import { read, same } from '../words.ts';
import type { InnerChange, InnerSide } from './inner.ts';

/** Translates an error whose own address is the slot's. What it changes makes up for itself. */
export function translateInnerError(
  path: TcPath,
  packet: IpPacket,
  { from, to }: InnerSide,
  outer: InnerChange,
): void {
  const { p, direction, leave } = path;
  const { own, other } = sideOf(direction);
  const quote = readQuote(path, packet);
  const transport = noTransport(path, quote.payload, false);
  readQuotedTransport(path, quote, transport, other);
  // An error about somebody else's packet is none of the slot's.
  p.when(same(read(quote[other]), from).not(), () => leave('inner_foreign'));
  const address = read(to);
  const change = p.variable('u64', 0);
  const before = { address: read(from), port: undefined };
  rewriteQuote(
    path,
    quote,
    other,
    before,
    { address, shift: undefined, neutral: undefined },
    transport,
    change,
  );
  rewriteAddress(packet.headerChecksum, packet[own], before.address, address);
  if (packet.version === 6) {
    // The pseudo-header has the last destination, which this one is where no segments are left.
    const changed = difference(before.address, address);
    const inPseudo = (): void => change.set(change.add(changed));
    const beside = (): void => {
      for (const sum of [outer.covered, outer.untold]) sum.set(sum.add(changed));
    };
    if (packet.segmentsLeft === undefined || direction === 'outbound') inPseudo();
    else p.when(packet.segmentsLeft.eq(0), inPseudo, beside);
  }
  const orElse = (): void => leave('helper_failed');
  const { at, atMost } = packet.payload;
  const [message] = p.packet.read([icmphdr], { at, atMost, orElse });
  message.check.set(updatedChecksum(message.check.get(), change.get()));
}
