// Asks the routing table, as the stack would ask it for the same packet: on the way out before its source is translated,
// which TC does on egress, on the way in with its destination translated.

import { askRoute, type Ends, type Route } from '../route.ts';
import type { PlainPacket } from './packet.ts';
import type { XdpPath } from './station.ts';
import type { PlainTransport } from './transport.ts';

/** The way of `packet` between these ends. Leaves where there is none that XDP can go. */
export function findRoute(
  { p }: XdpPath,
  { version, protocol, length, flow }: PlainPacket,
  { hasPorts }: PlainTransport,
  ends: Ends,
): Route {
  const ifindex = p.xdp.ingressIfindex;
  const question = { version, protocol, length: length.as('u16'), ifindex, flow, hasPorts };
  const { route, refusals } = askRoute(p, question, ends);
  for (const isRefused of refusals) p.rarely(isRefused(), () => p.pass());
  return route;
}
