// ICMP errors (RFC 5508, section 4): the packet they quote went the other way, so its other address is the one that
// was translated, and has to be translated back for whoever sent it; with it the quoted checksums, and the ICMP checksum
// where they changed. The error's own address is translated by its own mapping: a router's source is left alone.

import type { TcBuilder, Value, Variable } from '../../asm/index.ts';
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
import { countPacket, headerWords, type IpHeader, type Rewrite, rewriteAddress, type Side } from './ipv4.ts';
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
  const orElse = (): void => leave('malformed');
  const bounded = { at: icmpAt, atMost: ethhdr.size + MAX_HEADER, orElse };
  p.when(icmpAt.add(icmphdr.size).gt(end), orElse);
  const [icmp] = p.packet.read([icmphdr], bounded);
  const type = icmp.type.get();
  const isError = ICMP_ERRORS.map((error) => type.eq(error)).reduce((any, one) => any.or(one));
  p.when(isError, () => {
    p.when(icmpAt.add(icmphdr.size + iphdr.size).gt(end), orElse);
    const [, quote] = p.packet.read([icmphdr, iphdr], bounded);
    const words = headerWords(quote.versionIhl);
    p.when(quote.versionIhl.shr(4).ne(IP_VERSION).or(words.lt(MIN_IHL)), orElse);

    const mapping = p.lookup(side.table, ip[side.address]);
    // Inbound an error goes to whom it quotes: for anybody else the quote opens no door.
    if (side.direction === 'inbound') p.when(mapping.missing(), () => leave('unmapped'));
    const quoted = p.lookup(side.table, quote[side.quoted]);
    const change = { from: p.variable('u16', 0), to: p.variable('u16', 0) };
    p.when(quoted.exists(), () => {
      // Address and header checksum change by opposite amounts: the ICMP checksum around them stays right.
      const { before, after } = rewriteAddress(quote, side.quoted, quoted.value);
      const transportAt = icmpAt.add(icmphdr.size).add(words.shl(2));
      rewriteQuotedTransport(p, quote, { transportAt, end }, { before, after }, change, leave);
    });

    p.when(
      mapping.exists(),
      () => {
        countPacket(p, mapping.value);
        rewriteAddress(ip, side.address, mapping.value);
      },
      () => {
        // A router on the way, or this host itself: its own address stays, the quote was what mattered.
        p.when(quoted.missing(), () => leave('unmapped'));
        countPacket(p, quoted.value);
      },
    );
    p.when(change.from.ne(change.to), () => {
      const checkAt = icmpAt.add(icmphdr.offsets.check);
      const result = replaceChecksum(p, checkAt, change.from.get(), change.to.get(), OUTER_CHECKSUM);
      p.rarely(result.isNegative(), () => leave('helper_failed'));
    });
    p.next();
  });
}

/** Rewrites the quoted TCP or UDP checksum where the quote reaches that far, and says what it was and is. */
function rewriteQuotedTransport(
  p: TcBuilder,
  quote: IpHeader,
  { transportAt, end }: { transportAt: Value<'u32'>; end: Value<'u32'> },
  { before, after }: Rewrite,
  change: { from: Variable<'u16'>; to: Variable<'u16'> },
  leave: Leave,
): void {
  const rewrite = (offset: number, isUdp: boolean): void => {
    const checkAt = transportAt.add(offset);
    p.when(checkAt.add(checksum.size).le(end), () => {
      const options = { at: checkAt, atMost: MAX_QUOTED_CHECKSUM, orElse: () => leave('helper_failed') };
      const [transport] = p.packet.read([checksum], options);
      const old = transport.check.get();
      const now = p.variable('u16', updatedChecksum(old, before, after).bits());
      if (isUdp) {
        // Zero says that there is none (RFC 768), so none becomes zero.
        p.when(now.eq(0), () => now.set(0xffff));
        p.when(old.eq(0), () => now.set(0));
      }
      transport.check.set(now.get().bits());
      change.from.set(old.bits());
      change.to.set(now);
    });
  };
  // Only the first fragment has a transport header.
  p.when(quote.fragOff.and(IP_OFFSET).eq(0), () => {
    p.match(quote.protocol, [
      [IPPROTO_TCP, () => rewrite(TCP_CHECK, false)],
      [IPPROTO_UDP, () => rewrite(UDP_CHECK, true)],
    ]);
  });
}

/** The longest IPv4 header: 15 words. */
const MAX_HEADER = 60;
/** Behind the longest headers, outside and quoted. */
const MAX_QUOTED_CHECKSUM: number = ethhdr.size + MAX_HEADER + icmphdr.size + MAX_HEADER + TCP_CHECK;
