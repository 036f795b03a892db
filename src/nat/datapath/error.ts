// ICMP errors (RFC 5508, section 4; RFC 4443): the packet they quote went the other way, so its other address is the one
// that was translated, and has to be translated back for whoever sent it; with it the quoted port and checksums, and the
// ICMP checksum over all that. The error's own address follows the quoted one where they are the same, as with ports they
// must be; else it is translated by its own mapping: a router's source is left alone.

import type { Variable } from '../../asm/index.ts';
import { leavesIfExcluded } from './destinations.ts';
import type { Frame } from './frame.ts';
import { isForOutside, takeIn, takeInUntranslated } from './hairpin.ts';
import { type IpPacket, sideOf } from './ip-packet.ts';
import { forget, type TcPath } from './path.ts';
import { readQuote, rewriteOwn, rewriteQuote } from './quote.ts';
import { translateSlotError } from './slot/error.ts';
import {
  byAddress,
  type Counters,
  countPacket,
  findTranslation,
  type Tables,
  type Tail,
  type Translation,
  tablesOf,
} from './tables.ts';
import { keyOf, keyOfOther, NOWHERE, noTransport, type Ports, readQuotedTransport } from './transport.ts';
import { leaveUnmapped } from './unmapped.ts';
import { read, same, type Words } from './words.ts';

/** Translates the ICMP error `packet`, quote and all, but for one that a slot has sent. Ends the path. */
export function translateError(
  path: TcPath,
  frame: Frame,
  packet: IpPacket,
  tables: Tables,
  fromSlot: Variable<'u32'> | undefined,
): void {
  const { p, direction, leave } = path;
  const { version } = packet;
  const { own, other } = sideOf(direction);
  const quote = readQuote(path, packet);
  path.tunnels?.onError(packet, quote);
  const transport = noTransport(path, quote.payload, path.hook === 'uplink' && tables.hasPorts);
  readQuotedTransport(path, quote, transport, other);
  const { ports } = transport;
  forget(path, transport.checkAt, transport.checksum, ...(ports ? [ports.at, ports.elsewhere] : []));
  const [ownBefore, quotedBefore] = [read(packet[own]), read(quote[other])];

  // A router in between may be anybody: whose traffic it is about counts.
  const leaveIfExcluded = leavesIfExcluded(path, version, quote[own]);
  const takeInIfOurs = (): void =>
    takeInUntranslated(path, frame, packet, () =>
      keyOfErrorsOther(path, read(packet.destination), quote, ports, p.constant('u16', 0)),
    );
  const onMarked = (): void => {
    leaveIfExcluded();
    leave('fragment');
  };
  const leaveUntranslated = (): void => {
    leaveIfExcluded();
    leaveUnmapped(path, version, ownBefore, byAddress(version), takeInIfOurs);
  };
  const count = (counters: Counters): void => countPacket(counters, path.length().sub(frame.at.offset));
  const events = { onFound: leaveIfExcluded, onMarked };

  if (fromSlot) {
    p.rarely(fromSlot.ne(0), () => {
      takeInIfOurs();
      p.next();
    });
  }
  translateSlotError(path, frame, packet, quote, {
    before: ownBefore,
    transport,
    leaveIfExcluded,
    isForOurs: () => isErrorForOutside(path, packet, quote, ports, p.constant('u16', 0)),
    quotedBefore,
  });
  if (path.hook === 'slot') return;

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

/** Not zero where the way in will translate the error: by what it quotes where that is its own destination. */
function isErrorForOutside(
  path: TcPath,
  packet: IpPacket,
  quote: IpPacket,
  ports: Ports | undefined,
  shift: Translation['shift'],
): Variable<'u32'> {
  const destination = read(packet.destination);
  return isForOutside(path, destination, tablesOf(path, 'inbound', packet.version), () =>
    keyOfErrorsOther(path, destination, quote, ports, shift),
  );
}

/** What the error will be looked up by at its other end. */
function keyOfErrorsOther(
  path: TcPath,
  destination: Words,
  quote: IpPacket,
  ports: Ports | undefined,
  shift: Translation['shift'],
): Tail {
  const { p } = path;
  const { version } = quote;
  if (ports === undefined) return byAddress(version);
  const [at, elsewhere] = [p.variable('u32', ports.at), p.variable('u32', ports.elsewhere)];
  p.when(same(destination, read(quote.source)).not(), () => {
    at.set(NOWHERE);
    elsewhere.set(0);
  });
  forget(path, at, elsewhere);
  return keyOfOther(path, quote.payload, { ...ports, at, elsewhere }, 'destination', shift);
}
