// ICMP errors (RFC 5508, section 4): the packet they quote went the other way, so its other address is the one that
// was translated, and has to be translated back for whoever sent it; with it the quoted checksums, and the ICMP checksum
// where they changed. The error's own address is translated by its own mapping: a router's source is left alone.

import { type Expression, HELPERS, type TcBuilder, type Value } from '../../asm/index.ts';
import { OUTER_CHECKSUM, replaceChecksum, updatedChecksum } from './checksum.ts';
import {
  checksum,
  ethhdr,
  ICMP_ERRORS,
  IP_OFFSET,
  IP_VERSION,
  IPPROTO_TCP,
  IPPROTO_UDP,
  icmphdr,
  iphdr,
  MIN_IHL,
  TCP_CHECK,
  UDP_CHECK,
} from './headers.ts';
import { countPacket, headerWords, type IpHeader, rewriteAddress, type Side } from './ipv4.ts';
import type { Leave } from './verdict.ts';

/**
 * Translates an ICMP error, quote and all, and ends the path.
 * Other ICMP messages quote nothing and have no pseudo-header: for these it does nothing and goes on.
 */
export function translateError(
  p: TcBuilder,
  ip: IpHeader,
  at: { icmpAt: Value<'u32'>; end: Value<'u32'> },
  side: Side,
  leave: Leave,
): void {
  const { icmpAt, end } = at;
  const malformed = (): void => leave('malformed');
  p.when(icmpAt.add(icmphdr.size).gt(end), malformed);
  const icmp = p.packet.copy(icmphdr, icmpAt, { orElse: malformed });
  const type = icmp.type.get();
  const isError = ICMP_ERRORS.map((error) => type.eq(error)).reduce((any, one) => any.or(one));
  p.when(isError, () => {
    const quoteAt = icmpAt.add(icmphdr.size);
    p.when(quoteAt.add(iphdr.size).gt(end), malformed);
    const quote = p.packet.copy(iphdr, quoteAt, { orElse: malformed });
    const words = headerWords(quote.versionIhl);
    p.when(quote.versionIhl.shr(4).ne(IP_VERSION).or(words.lt(MIN_IHL)), malformed);

    const mapping = p.lookup(side.table, ip[side.address]);
    // Inbound an error goes to whom it quotes: for anybody else the quote opens no door.
    if (side.direction === 'inbound') p.when(mapping.missing(), () => leave('unmapped'));
    const quoted = p.lookup(side.table, quote[side.quoted]);
    p.when(quoted.exists(), () => {
      const before = quote[side.quoted].get();
      const after = quoted.value.address.get();
      const transportAt = quoteAt.add(words.shl(2));
      rewriteQuotedHeader(p, quoteAt, side, before, after, leave);
      rewriteQuotedTransport(p, { icmpAt, transportAt, end }, quote, before, after, leave);
    });

    p.when(mapping.missing(), () => {
      // A router on the way, or this host itself: its own address stays, the quote was what mattered.
      p.when(quoted.missing(), () => leave('unmapped'));
      countPacket(p, quoted.value);
      p.next();
    });
    countPacket(p, mapping.value);
    // The quote was rewritten by helpers that may have moved the packet: read it anew.
    const [, header] = p.packet.read([ethhdr, iphdr], { orElse: malformed });
    rewriteAddress(header, side, mapping.value);
    p.next();
  });
}

/** Address and header checksum change by opposite amounts: the ICMP checksum around them stays right. */
function rewriteQuotedHeader(
  p: TcBuilder,
  quoteAt: Value<'u32'>,
  side: Side,
  before: Value<'be32'>,
  after: Value<'be32'>,
  leave: Leave,
): void {
  const failed = (): void => leave('helper_failed');
  const stored = p.packet.store('be32', quoteAt.add(iphdr.offsets[side.quoted]), after);
  p.rarely(stored.isNegative(), failed);
  const checkAt = quoteAt.add(iphdr.offsets.check);
  const replaced = p.call(HELPERS.l3_csum_replace, [
    p.context,
    checkAt,
    before,
    after,
    iphdr.fields.saddr.size,
  ]);
  p.rarely(replaced.isNegative(), failed);
}

/** The quoted TCP or UDP checksum, where the quote reaches that far, and by as much the ICMP checksum. */
function rewriteQuotedTransport(
  p: TcBuilder,
  at: { icmpAt: Value<'u32'>; transportAt: Value<'u32'>; end: Value<'u32'> },
  quote: IpHeader,
  before: Value<'be32'>,
  after: Value<'be32'>,
  leave: Leave,
): void {
  const failed = (): void => leave('helper_failed');
  const change = (offset: number, isUdp: boolean): void => {
    const checkAt = at.transportAt.add(offset);
    p.when(checkAt.add(checksum.size).le(at.end), () => {
      const old = p.packet.copy(checksum, checkAt, { orElse: failed }).check.get();
      const now = p.variable('u16', updatedChecksum(old, before, after).bits());
      if (isUdp) {
        // Zero says that there is none (RFC 768), so none becomes zero.
        p.when(now.eq(0), () => now.set(0xffff));
        p.when(old.eq(0), () => now.set(0));
      }
      const stored = p.packet.store('be16', checkAt, now.get().bits());
      p.rarely(stored.isNegative(), failed);
      const outer = replaceChecksum(p, at.icmpAt.add(icmphdr.offsets.check), old, now.get(), OUTER_CHECKSUM);
      p.rarely(outer.isNegative(), failed);
    });
  };
  p.when(isFirstFragment(quote.fragOff), () => {
    p.match(quote.protocol, [
      [IPPROTO_TCP, () => change(TCP_CHECK, false)],
      [IPPROTO_UDP, () => change(UDP_CHECK, true)],
    ]);
  });
}

const isFirstFragment = (fragOff: Expression<'be16'>) => fragOff.and(IP_OFFSET).eq(0);
