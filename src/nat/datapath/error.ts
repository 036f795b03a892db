// ICMP errors (RFC 5508, section 4; RFC 4443): the packet they quote went the other way, so its other address is the one
// that was translated, and has to be translated back for whoever sent it; with it the quoted port and checksums, and the
// ICMP checksum over all that. The error's own address follows the quoted one where they are the same, as with ports they
// must be; else it is translated by its own mapping: a router's source is left alone.

import type { Value, Variable } from '../../asm/index.ts';
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
import { leavesIfExcluded } from './destinations.ts';
import type { Frame } from './frame.ts';
import { isForOutside, takeIn } from './hairpin.ts';
import { half, ICMP_CHECK, icmphdr } from './headers.ts';
import { type IpPacket, sideOf } from './ip-packet.ts';
import { readQuotedIpv4 } from './ipv4.ts';
import { readQuotedIpv6 } from './ipv6.ts';
import { forget, type TcPath } from './path.ts';
import { rewriteAddress } from './rewrite.ts';
import {
  byAddress,
  type Counters,
  countPacket,
  findTranslation,
  type Tables,
  type Translation,
  tablesOf,
} from './tables.ts';
import {
  keyOf,
  keyOfOther,
  NOWHERE,
  noTransport,
  type Ports,
  readQuotedTransport,
  shifted,
  type Transport,
} from './transport.ts';
import { leaveUnmapped } from './unmapped.ts';
import { read, same, type Words } from './words.ts';

/** Translates the ICMP error `packet`, quote and all. Ends the path. */
export function translateError(path: TcPath, frame: Frame, packet: IpPacket, tables: Tables): void {
  const { p, direction, leave } = path;
  const { version } = packet;
  const { own, other } = sideOf(direction);
  const quote = readQuote(path, packet);
  const transport = noTransport(path, quote.payload, tables.hasPorts);
  readQuotedTransport(path, quote, transport, other);
  const { ports } = transport;
  forget(path, transport.checkAt, transport.checksum, ...(ports ? [ports.at, ports.elsewhere] : []));
  const [ownBefore, quotedBefore] = [read(packet[own]), read(quote[other])];

  // A router in between may be anybody: whose traffic it is about counts.
  const leaveIfExcluded = leavesIfExcluded(path, version, quote[own]);
  const onMarked = (): void => {
    leaveIfExcluded();
    leave('fragment');
  };
  const leaveUntranslated = (): void => {
    leaveIfExcluded();
    leaveUnmapped(path, version, ownBefore, byAddress(version));
  };
  const count = (counters: Counters): void => countPacket(counters, path.length().sub(frame.at.offset));
  const events = { onFound: leaveIfExcluded, onMarked };

  const { tail, port } = keyOf(path, version, ports);
  const quoted = findTranslation(path, tables, quotedBefore, tail, events);
  const quotedFound = p.variable('u32', quoted.found);
  forget(path, quotedFound);
  const isSame = p.variable('u32', 0);
  p.when(same(ownBefore, quotedBefore), () => isSame.set(1));
  forget(path, isSame);

  const ownFound = p.variable('u32', 0);
  const ownAfter = ownBefore.map((word) => p.variable('u32', word.bits()));
  const settle = (words: Words): void => {
    for (const [i, word] of words.entries()) ownAfter[i]!.set(word.bits());
  };
  p.when(
    isSame.ne(0),
    () => settle(quoted.address),
    () => {
      const found = findTranslation(path, tables, ownBefore, byAddress(version), {
        ...events,
        onUsed: count,
      });
      ownFound.set(found.found);
      settle(found.address);
    },
  );
  forget(path, ownFound);
  p.when(ownFound.eq(0), () => {
    p.when(quotedFound.eq(0), leaveUntranslated);
    // Inbound an error goes to whom it quotes: for anybody else the quote opens no door.
    if (direction === 'inbound') p.when(isSame.eq(0), leaveUntranslated);
    quoted.count(count);
  });

  const isHairpin =
    direction === 'outbound' ? isErrorForOutside(path, packet, quote, ports, quoted.shift) : undefined;
  if (isHairpin) forget(path, isHairpin);
  const change = p.variable('u64', 0);
  p.when(quotedFound.ne(0), () => {
    rewriteQuote(path, quote, other, { address: quotedBefore, port }, quoted, transport, change);
  });
  rewriteOwn(
    path,
    packet,
    own,
    ownBefore,
    ownAfter.map((word) => word.get().bits()),
    change,
  );
  if (isHairpin) p.rarely(isHairpin.ne(0), () => takeIn(path, frame.link));
  p.next();
}

/** Writes the error's own address, and its checksum, in which the quote has changed by `change`. */
function rewriteOwn(
  path: TcPath,
  packet: IpPacket,
  own: 'source' | 'destination',
  before: Words,
  after: Words,
  change: Variable<'u64'>,
): void {
  const { p, leave } = path;
  const failed = (): void => leave('helper_failed');
  const checkAt = packet.payload.at.add(ICMP_CHECK);
  rewriteAddress(packet.headerChecksum, packet[own], before, after);
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
  accountAddress(p, before, after);
}

/** Not zero where the way in will translate the error: by what it quotes where that is its own destination. */
function isErrorForOutside(
  path: TcPath,
  packet: IpPacket,
  quote: IpPacket,
  ports: Ports | undefined,
  shift: Translation['shift'],
): Variable<'u32'> {
  const { p } = path;
  const { version } = packet;
  const destination = read(packet.destination);
  return isForOutside(path, destination, tablesOf(path, 'inbound', version), () => {
    if (ports === undefined) return byAddress(version);
    const [at, elsewhere] = [p.variable('u32', ports.at), p.variable('u32', ports.elsewhere)];
    p.when(same(destination, read(quote.source)).not(), () => {
      at.set(NOWHERE);
      elsewhere.set(0);
    });
    forget(path, at, elsewhere);
    return keyOfOther(path, quote.payload, { ...ports, at, elsewhere }, 'destination', shift);
  });
}

function readQuote(path: TcPath, { version, payload: { at, atMost, end } }: IpPacket): IpPacket {
  const place = { offset: at.add(icmphdr.size), atMost: atMost + icmphdr.size };
  return version === 4 ? readQuotedIpv4(path, place, end) : readQuotedIpv6(path, place, end);
}

/** Writes the quoted address, port and checksums, as far as the quote reaches, and adds up what that changes. */
function rewriteQuote(
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
