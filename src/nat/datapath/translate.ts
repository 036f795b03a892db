// Translates a packet: whose mapping is it, may it be translated, what becomes of its address and port. The two
// directions mirror each other: outbound the source is translated by the outbound tables, inbound the destination by
// the inbound ones.

import { excluded } from './destinations.ts';
import { translateError } from './error.ts';
import type { Frame } from './frame.ts';
import { isForOutside, takeIn } from './hairpin.ts';
import { IPPROTO_AH } from './headers.ts';
import { type IpPacket, sideOf } from './ip-packet.ts';
import { clampMss, findMss } from './mss.ts';
import { handleDiscovery } from './ndp.ts';
import type { TcPath } from './path.ts';
import { rewritePacket } from './rewrite.ts';
import { countPacket, isMapped, tablesOf, translationOf } from './tables.ts';
import { icmpType, isOneOf, keyOf, noTransport, readQuery, readTransport } from './transport.ts';
import { read } from './words.ts';

export interface TranslateOptions {
  /** The MSS that TCP connections may have at most; undefined leaves it alone. */
  readonly mss: number | undefined;
  /** Whether an unmapped source that is somebody's outside is told apart. */
  readonly refusesSpoofed: boolean;
}

/** Translates `packet` and lets it go on. Ends the path. */
export function translate(path: TcPath, frame: Frame, packet: IpPacket, options: TranslateOptions): void {
  const { p, direction, leave } = path;
  const { version, payload } = packet;
  const { own, other } = sideOf(direction);
  const tables = tablesOf(path, direction, version);
  const bytes = path.length().sub(frame.at);

  const transport = noTransport(path, payload, tables.hasPorts);
  const refuseAuthenticated = (): void =>
    p.rarely(payload.protocol.eq(IPPROTO_AH), () => leave('authenticated'));
  p.when(
    packet.isLater().not(),
    () =>
      readTransport(path, payload, transport, own, {
        onIcmp: (icmp) => {
          const type = icmpType(path, payload);
          if (version === 6) handleDiscovery(path, frame, packet, type);
          p.when(isOneOf(type, icmp.errors), () => translateError(path, packet, tables, bytes));
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
  const { tail, port } = keyOf(path, version, transport.ports);
  const isExcluded = excluded(path, version, packet[other]);
  const translation = translationOf(path, tables, before, tail, {
    onFound: (counters) => {
      if (isExcluded) p.rarely(isExcluded.ne(0), () => leave('excluded'));
      countPacket(counters, bytes);
    },
    onMarked: () => leave('fragment'),
    onMissing: () => {
      if (direction === 'outbound' && options.refusesSpoofed) {
        const outsides = tablesOf(path, 'inbound', version);
        const isOutside = isMapped(p, outsides, before, tail, { marked: false });
        p.when(isOutside.ne(0), () => leave('spoofed'));
      }
      leave('unmapped');
    },
  });
  const isHairpin =
    direction === 'outbound'
      ? isForOutside(path, packet, tablesOf(path, 'inbound', version), transport.ports)
      : undefined;
  const { mss } = options;
  const announced = mss === undefined ? undefined : findMss(path, packet, mss);
  rewritePacket(path, packet, own, { before, port }, translation, transport);
  if (mss !== undefined && announced) clampMss(path, announced, mss);
  if (isHairpin) p.rarely(isHairpin.ne(0), () => takeIn(path, frame.link));
  p.next();
}
