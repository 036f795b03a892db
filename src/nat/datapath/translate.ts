// Translates a packet: whose mapping is it, may it be translated, what becomes of its address and port. The two
// directions mirror each other: outbound the source is translated by the outbound tables, inbound the destination by
// the inbound ones.

import type { Variable } from '../../asm/index.ts';
import { leavesIfExcluded } from './destinations.ts';
import { translateError } from './error.ts';
import type { Frame } from './frame.ts';
import { isForOutside, takeIn, takeInUntranslated } from './hairpin.ts';
import { IPPROTO_AH } from './headers.ts';
import { type IpPacket, sideOf } from './ip-packet.ts';
import { handleDiscovery } from './ndp.ts';
import type { TcPath } from './path.ts';
import { findWayIn, type Way } from './redirect/way.ts';
import { rewriteAll } from './rewrite.ts';
import { letSlotsLeave } from './slot/leaving.ts';
import { handleSlotDiscovery } from './slot/ndp.ts';
import { requireSlot, translateSlot } from './slot/translate.ts';
import { countPacket, type Tail, type Translation, tablesOf, translationOf } from './tables.ts';
import {
  icmpType,
  isOneOf,
  keyOf,
  keyOfOther,
  noTransport,
  readQuery,
  readTransport,
  shifted,
} from './transport.ts';
import { hasTunnels } from './tunnel/index.ts';
import { leaveUnmapped } from './unmapped.ts';
import { read } from './words.ts';

/** The way past the stack, which would route by what the packet becomes; undefined where none is to be found. */
const wayIn = (
  path: TcPath,
  packet: IpPacket,
  { address: destination, shift }: Translation,
): Way | undefined =>
  path.redirect &&
  findWayIn(path, packet, path.redirect, {
    destination,
    ...(shift && { seenPort: (port) => shifted(port, shift.get()) }),
  });

/** Translates `packet` and lets it go on; `mss` is the most that TCP connections may have. Ends the path. */
export function translate(path: TcPath, frame: Frame, packet: IpPacket, mss?: number): void {
  const { p, direction, leave } = path;
  const { version, payload } = packet;
  const { own, other } = sideOf(direction);
  const tables = tablesOf(path, direction, version);
  const fromSlot = letSlotsLeave(path, packet);

  const discover = path.hook === 'slot' ? handleSlotDiscovery : handleDiscovery;
  const leaveIfExcluded = leavesIfExcluded(path, version, packet[other]);

  const transport = noTransport(path, payload, path.hook === 'uplink' && tables.hasPorts);
  const refuseAuthenticated = (): void =>
    p.rarely(payload.protocol.eq(IPPROTO_AH), () => {
      if (path.hook === 'slot') {
        requireSlot(path, frame, packet, leaveIfExcluded, () => leave('authenticated'));
        return;
      }
      leaveIfExcluded();
      leave('authenticated');
    });
  const isUnknownVni = path.tunnels && hasTunnels(path, version) ? p.variable('u32', 0) : undefined;
  p.when(
    packet.isLater().not(),
    () =>
      readTransport(path, payload, transport, own, {
        ...(isUnknownVni && { onUdp: () => path.tunnels?.onUdp(frame, packet, () => isUnknownVni.set(1)) }),
        onIcmp: (icmp) => {
          const type = icmpType(path, payload);
          if (version === 6) discover(path, frame, packet, type);
          p.when(isOneOf(type, icmp.errors), () => translateError(path, frame, packet, tables, fromSlot));
          readQuery(path, payload, transport, icmp, type);
        },
        onOther: refuseAuthenticated,
      }),
    () => {
      refuseAuthenticated();
      transport.ports?.elsewhere.set(1);
    },
  );

  const before = read(packet[own]);
  // By no port that a mapping has moved.
  const keyOfUnmoved = (): Tail => keyOfOther(path, payload, transport.ports, own, p.constant('u16', 0));
  const takeInIfOurs = (): void => takeInUntranslated(path, frame, packet, keyOfUnmoved);
  if (fromSlot) {
    p.rarely(fromSlot.ne(0), () => {
      takeInIfOurs();
      p.next();
    });
  }
  const isForOurs = (): Variable<'u32'> =>
    isForOutside(path, read(packet[other]), tablesOf(path, 'inbound', version), keyOfUnmoved);
  translateSlot(path, frame, packet, { before, transport, leaveIfExcluded, isForOurs, mss });
  if (path.hook === 'slot') return;
  const { tail, port } = keyOf(path, version, transport.ports);
  const translation = translationOf(path, tables, before, tail, {
    onFound: leaveIfExcluded,
    onUsed: (counters) => countPacket(counters, path.length().sub(frame.at.offset)),
    onMarked: () => {
      leaveIfExcluded();
      leave('fragment');
    },
    onMissing: () => {
      leaveIfExcluded();
      leaveUnmapped(path, version, before, tail, takeInIfOurs, isUnknownVni);
    },
  });
  const inbound = tablesOf(path, 'inbound', version);
  const isHairpin =
    direction === 'outbound'
      ? isForOutside(path, read(packet[other]), inbound, () =>
          keyOfOther(path, payload, transport.ports, own, translation.shift),
        )
      : undefined;
  const way = wayIn(path, packet, translation);
  rewriteAll(path, packet, own, { before, port }, translation, transport, { mss, also: way?.change });
  if (isHairpin) p.rarely(isHairpin.ne(0), () => takeIn(path, frame.link));
  if (way) p.when(way.ifindex.ne(0), () => p.redirect(way.ifindex));
  p.next();
}
