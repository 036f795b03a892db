// Traffic of an inside for a mapped outside (RFC 4787, REQ-9): it would leave, and nobody out there has the address. Its
// source is translated as always, so that the outside address is seen; then it is taken in again where it would have
// left, and the inbound program translates its destination.

import type { Variable, ViewOf } from '../../asm/index.ts';
import type { interfaceRecord } from '../maps.ts';
import { ethhdr } from './headers.ts';
import type { IpPacket } from './ip-packet.ts';
import type { Path, TcPath } from './path.ts';
import { type IpVersion, isMapped, type Tables } from './tables.ts';
import { icmpOf, keyOf, type Ports, portOffset } from './transport.ts';
import { type AddressPlace, read, within, wordsOf } from './words.ts';

/** Not zero where `packet`, which leaves, is for an outside address in `inbound`. */
export function isForOutside(
  path: Path,
  packet: IpPacket,
  inbound: Tables,
  ports: Ports | undefined,
): Variable<'u32'> {
  const { p, maps } = path;
  const found = p.variable('u32', 0);
  const self = p.data(maps.interface);
  const destination = read(packet.destination);
  // Nearly everything leaves for somewhere else, which this tells without a look-up.
  p.rarely(within(destination, outsidesOf(self, packet.version)), () => {
    const { tail } = keyOf(path, packet.version, ports && otherPort(path, packet, ports));
    found.set(isMapped(p, inbound, destination, tail, { marked: false }).get());
  });
  return found;
}

/** Lets the packet in as if it had arrived. Ends the path. */
export function takeIn({ p, maps, leave }: TcPath, link: 'ethernet' | 'none'): void {
  if (link === 'ethernet') {
    const [eth] = p.packet.read([ethhdr], { orElse: () => leave('helper_failed') });
    eth.dest.copyFrom(p.data(maps.interface).mac);
  }
  leave('hairpin');
}

function outsidesOf(
  self: ViewOf<typeof interfaceRecord>,
  version: IpVersion,
): { network: AddressPlace; mask: AddressPlace } {
  const { network, mask } = version === 4 ? self.outsides : self.outsides6;
  return { network: wordsOf(network), mask: wordsOf(mask) };
}

/** The port at the other end; an identifier is the same for both. */
function otherPort({ p }: Path, { version, payload }: IpPacket, ports: Ports): Ports {
  const at = p.variable('u32', ports.at);
  const isPort = payload.protocol.ne(icmpOf(version).number).and(ports.at.ne(0));
  p.when(isPort, () => at.set(at.add(portOffset('destination'))));
  return { ...ports, at };
}
