// Translates a packet and sends it on to where routing says, or leaves it to the stack as it came: nothing is written, and
// nothing counted, before all is known. What is left is translated, counted and judged by the program on TC.

import { excluded } from '../destinations.ts';
import { isForOutside } from '../hairpin.ts';
import { ethhdr } from '../headers.ts';
import { sideOf } from '../ip-packet.ts';
import type { Question } from '../route.ts';
import { addressFrame } from '../station.ts';
import {
  counters,
  countPacket,
  type IpVersion,
  type Translation,
  tablesOf,
  translationOf,
} from '../tables.ts';
import { icmpOf, shifted } from '../transport.ts';
import { read } from '../words.ts';
import { type PlainPacket, readPlainIpv4, readPlainIpv6 } from './packet.ts';
import { rewrite } from './rewrite.ts';
import { findRoute } from './route.ts';
import { deliverToSlot } from './slot.ts';
import { requireOtherSide, type XdpPath } from './station.ts';
import { type PlainTransport, readPlainTransport, tailOf } from './transport.ts';

export interface ForwardOptions {
  readonly clampsMss: boolean;
  /** Whether there are interfaces inside, which plain mappings go between. */
  readonly hasInsides: boolean;
}

/** Ends the path. */
export function forward(path: XdpPath, version: IpVersion, { clampsMss, hasInsides }: ForwardOptions): void {
  const { p, direction } = path;
  const pass = (): void => p.pass();
  const { own, other } = sideOf(direction);
  const packet = version === 4 ? readPlainIpv4(path) : readPlainIpv6(path);
  // Of what has reached the end of its way the stack tells the sender.
  p.rarely(packet.hopLimit.le(1), pass);
  const transport = readPlainTransport(path, packet, clampsMss);
  const [ours, theirs] =
    own === 'source' ? [transport.source, transport.dest] : [transport.dest, transport.source];

  const isExcluded = excluded(path, version, packet[other]);
  if (isExcluded) p.rarely(isExcluded.ne(0), pass);
  deliverToSlot(path, packet, transport);
  if (!hasInsides) {
    p.pass();
    return;
  }
  const tables = tablesOf(path, direction, version);
  const before = read(packet[own]);
  const counted = p.pointer(counters);
  const translation = translationOf(path, tables, before, tailOf(packet, ours, tables.hasPorts), {
    onFound: () => {},
    onUsed: ({ packets }) => counted.point(packets),
    onMarked: pass,
    onMissing: pass,
  });
  if (direction === 'outbound') {
    const inbound = tablesOf(path, 'inbound', version);
    const isHairpin = isForOutside(path, read(packet[other]), inbound, () => {
      const tail = tailOf(packet, theirs, inbound.hasPorts);
      const { shift } = translation;
      // An identifier belongs to both ends: there it is what the mapping has made of it.
      if (shift === undefined || !inbound.hasPorts) return tail;
      const added = p.variable('u16', 0);
      p.when(packet.protocol.eq(icmpOf(version).number), () => added.set(shift.get()));
      return { ...tail, port: shifted(theirs.get().bits(), added.get()) };
    });
    p.rarely(isHairpin.ne(0), pass);
  }
  const route = findRoute(path, packet, endsOf(path, packet, transport, translation));
  requireOtherSide(path, route.ifindex);

  rewrite(path, packet, transport, before, translation);
  addressFrame(p, route, pass);
  countPacket(counted.view, p.length().sub(ethhdr.size));
  p.redirect(route.ifindex);
}

/** The two ends as routing is to see them: on the way in with the destination translated. */
function endsOf(
  { p, direction }: XdpPath,
  packet: PlainPacket,
  { hasPorts, source, dest }: PlainTransport,
  { address, shift }: Translation,
): Pick<Question, 'source' | 'destination' | 'ports'> {
  const [from, to] = [read(packet.source), read(packet.destination)];
  const sport = source.get().bits();
  const port = dest.get().bits();
  const isIn = direction === 'inbound';
  const dport = isIn && shift ? shifted(port, shift.get()) : port;
  return {
    source: from,
    destination: isIn ? address : to,
    ports: (say) => p.when(hasPorts.ne(0), () => say(sport, dport)),
  };
}
