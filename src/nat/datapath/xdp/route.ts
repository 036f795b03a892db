// Asks the routing table, as the stack would ask it for the same packet: on the way out before its source is translated,
// which TC does on egress, on the way in with its destination translated.

import { askRoute, type Question, type Route, routeMemory } from '../route.ts';
import type { PlainPacket } from './packet.ts';
import type { XdpPath } from './station.ts';

/** The way of `packet` between these ends. Leaves where there is none that XDP can go. */
export function findRoute(
  { p }: XdpPath,
  { version, protocol, length, flow }: PlainPacket,
  ends: Pick<Question, 'source' | 'destination' | 'ports'>,
): Route {
  const ifindex = p.xdp.ingressIfindex;
  const question = { version, protocol, length: length.as('u16'), ifindex, flow, ...ends };
  const { route, refusals } = askRoute(p, routeMemory(p), question);
  for (const isRefused of refusals) p.rarely(isRefused(), () => p.pass());
  return route;
}
