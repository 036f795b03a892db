// What an ICMP error quotes, and the error around it: read, and written with an address that has been translated.

import type { Place, Value, Variable } from '../../asm/index.ts';
import {
  accountAddress,
  difference,
  halfDifference,
  mayBeNone,
  PLAIN,
  PSEUDO,
  replaceAddress,
  replaceCovered,
  updatedChecksum,
} from './checksum.ts';
import { half, ICMP_CHECK, icmphdr } from './headers.ts';
import type { IpPacket } from './ip-packet.ts';
import { readQuotedIpv4 } from './ipv4.ts';
import { readQuotedIpv6 } from './ipv6.ts';
import type { TcPath } from './path.ts';
import { passHop, rewriteAddress } from './rewrite.ts';
import type { Translation } from './tables.ts';
import { NOWHERE, shifted, type Transport } from './transport.ts';
import type { Words } from './words.ts';

export function readQuote(path: TcPath, { version, payload: { at, atMost, end } }: IpPacket): IpPacket {
  const place = { offset: at.add(icmphdr.size), atMost: atMost + icmphdr.size };
  return version === 4 ? readQuotedIpv4(path, place, end) : readQuotedIpv6(path, place, end);
}

/** Writes the quoted address, port and checksums, as far as the quote reaches, and adds up what that changes. */
export function rewriteQuote(
  path: TcPath,
  quote: IpPacket,
  which: 'source' | 'destination',
  before: { readonly address: Words; readonly port: Value<'be16'> | undefined },
  { address: after, shift, neutral }: Translation,
  { checkAt, checksum, ports }: Transport,
  change: Variable<'u64'>,
): void {
  const { p, leave } = path;
  const orElse = (): void => leave('helper_failed');
  const add = (difference: Value<'u64'>): void => change.set(change.add(difference));

  const addressChange = difference(before.address, after);
  rewriteAddress(quote.headerChecksum, quote[which], before.address, after);
  // Of IPv4, address and header checksum change by opposite amounts: the ICMP checksum around them stays right.
  if (quote.headerChecksum === undefined) add(addressChange);

  const inChecksum = p.variable('u64', 0);
  p.when(checksum.and(PSEUDO).ne(0), () => inChecksum.set(addressChange));
  if (quote.segmentsLeft !== undefined && which === 'destination') {
    p.when(quote.segmentsLeft.ne(0), () => inChecksum.set(0));
  }
  if (neutral !== undefined) p.when(neutral.ne(0), () => checkAt.set(NOWHERE));
  if (ports !== undefined && shift !== undefined && before.port !== undefined) {
    const { port } = before;
    p.when(shift.ne(0).and(ports.at.ne(NOWHERE)), () => {
      const written = shifted(port, shift.get());
      const [word] = p.packet.read([half], { at: ports.at, atMost: ports.atMost, orElse });
      word.value.set(written);
      const portChange = halfDifference(port, written);
      add(portChange);
      inChecksum.set(inChecksum.add(portChange));
    });
  }
  p.when(checkAt.ne(NOWHERE), () => {
    const [word] = p.packet.read([half], { at: checkAt, atMost: quote.payload.atMost + MOST_CHECK, orElse });
    const old = word.value.get();
    const now = p.variable('u16', updatedChecksum(old, inChecksum.get()).bits());
    p.when(mayBeNone(checksum), () => {
      // Zero says that there is none (RFC 768), so none becomes zero.
      p.when(now.eq(0), () => now.set(0xffff));
      p.when(old.eq(0), () => now.set(0));
    });
    word.value.set(now.get().bits());
    add(halfDifference(old, now.get().bits()));
  });
}

/** The furthest that a checksum stands from the start of its header: TCP's. */
const MOST_CHECK = 16;

/** Writes the error's own address, and its checksum, in which the quote has changed by `change`; `hop` loses one. */
export function rewriteOwn(
  path: TcPath,
  packet: IpPacket,
  own: 'source' | 'destination',
  before: Words,
  after: Words,
  change: Variable<'u64'>,
  hop?: Place<'u8'>,
): void {
  const { p, leave } = path;
  const failed = (): void => leave('helper_failed');
  const checkAt = packet.payload.at.add(ICMP_CHECK);
  const also = hop && passHop(p, packet.version, hop);
  rewriteAddress(packet.headerChecksum, packet[own], before, after, also);
  p.when(change.ne(0), () => p.rarely(replaceCovered(p, checkAt, change.get()).isNegative(), failed));
  if (packet.version === 4) return;
  const checksum = p.variable('u32', PSEUDO);
  const { segmentsLeft } = packet;
  if (segmentsLeft !== undefined && own === 'destination') {
    p.when(segmentsLeft.ne(0), () => checksum.set(PLAIN));
  }
  p.when(checksum.ne(PLAIN), () => {
    const result = replaceAddress(p, checkAt, before, after, checksum.get());
    p.rarely(result.isNegative(), failed);
  });
  accountAddress(p, before, after, also);
}
