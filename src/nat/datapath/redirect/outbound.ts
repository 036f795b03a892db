// Translates what comes from the inside where it arrives, and sends it out past the stack, or leaves it to the stack as it
// came: nothing is written, and nothing counted, before all is known. What is left is translated, counted and judged by the
// program at the outside interface.

import { HELPERS, type Value } from '../../../asm/index.ts';
import { excluded } from '../destinations.ts';
import { PACKET_OTHERHOST } from '../frame.ts';
import { isForOutside } from '../hairpin.ts';
import { ethhdr, IPPROTO_AH } from '../headers.ts';
import type { IpPacket } from '../ip-packet.ts';
import type { TcPath } from '../path.ts';
import { hopChange, rewriteAll } from '../rewrite.ts';
import { counters, countPacket, tablesOf, translationOf } from '../tables.ts';
import { icmpType, isOneOf, keyOf, keyOfOther, noTransport, readQuery, readTransport } from '../transport.ts';
import { read } from '../words.ts';
import type { Plain } from './plain.ts';
import { isInside, type Sides } from './sides.ts';
import { type Redirect, whereWay } from './way.ts';

/** Ends the path. */
export function redirectOut(
  path: TcPath,
  { packet, plain }: { readonly packet: IpPacket; readonly plain: Plain },
  redirect: Redirect,
  mss: number | undefined,
): void {
  const { p } = path;
  const toStack = (): void => p.next();
  const { version, payload } = packet;
  const tables = tablesOf(path, 'outbound', version);
  const transport = noTransport(path, payload, tables.hasPorts);
  readTransport(path, payload, transport, 'source', {
    onIcmp: (icmp) => {
      const type = icmpType(path, payload);
      p.rarely(isOneOf(type, icmp.queries).not(), toStack);
      readQuery(path, payload, transport, icmp, type);
    },
    onOther: () => p.rarely(payload.protocol.eq(IPPROTO_AH), toStack),
  });
  const [before, destination] = [read(packet.source), read(packet.destination)];
  const { tail, port } = keyOf(path, version, transport.ports);
  const counted = p.pointer(counters);
  const translation = translationOf(path, tables, before, tail, {
    onFound: () => {},
    onUsed: ({ packets }) => counted.point(packets),
    onMarked: toStack,
    onMissing: toStack,
  });
  const isExcluded = excluded(path, version, packet.destination);
  if (isExcluded) p.rarely(isExcluded.ne(0), toStack);
  const inbound = tablesOf(path, 'inbound', version);
  const isHairpin = isForOutside(path, destination, inbound, () =>
    keyOfOther(path, payload, transport.ports, 'source', translation.shift),
  );
  p.rarely(isHairpin.ne(0), toStack);
  // As today: routed by its inside source, since it is translated when it leaves.
  whereWay(path, packet, plain, redirect, {}, () => {
    countPacket(counted.view, path.length().sub(ethhdr.size));
    const also = (): Value<'u64'> => hopChange(p, version);
    rewriteAll(path, packet, 'source', { before, port }, translation, transport, { mss, also });
    p.call(HELPERS.skb_change_type, [p.context, PACKET_OTHERHOST]);
    p.redirect(redirect.sides.outside);
  });
  p.next();
}

/**
 * Lets go on, at the outside interface, what `redirectOut` has sent there: it has an outside for its source, and would be
 * taken for spoofed. The stack does not forward frames for other stations (ip_rcv_core, ip6_rcv_core), so that nobody out
 * there can make packets of this kind that have come from one of our interfaces inside.
 */
export function letRedirectedLeave({ p }: TcPath, sides: Sides): void {
  p.when(p.skb.pktType.eq(PACKET_OTHERHOST), () =>
    p.when(isInside(p.skb.ingressIfindex, sides), () => p.next()),
  );
}
