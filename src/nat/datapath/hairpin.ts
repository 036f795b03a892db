// Traffic of an inside for a mapped outside (RFC 4787, REQ-9): it would leave, and nobody out there has the address. Its
// source is translated as always, so that the outside address is seen; then it is taken in again where it would have
// left, and the inbound program translates its destination.

import type { Variable, ViewOf } from '../../asm/index.ts';
import type { interfaceRecord } from '../maps.ts';
import type { Frame } from './frame.ts';
import { ethhdr } from './headers.ts';
import type { IpPacket } from './ip-packet.ts';
import { forget, type Path, type TcPath } from './path.ts';
import { hasSlots } from './slot/table.ts';
import { type IpVersion, isMapped, type Tables, type Tail, tablesOf } from './tables.ts';
import { type AddressPlace, read, type Words, within, wordsOf } from './words.ts';

/** Not zero where what leaves for `destination` is for an outside address in `inbound`; `tail` is asked for only then. */
export function isForOutside(
  path: Path,
  destination: Words,
  inbound: Tables,
  tail: () => Tail,
): Variable<'u32'> {
  const { p, maps } = path;
  const found = p.variable('u32', 0);
  const self = p.data(maps.interface);
  // Nearly everything leaves for somewhere else, which this tells without a look-up.
  p.rarely(within(destination, outsidesOf(self, inbound.version)), () => {
    found.set(isMapped(p, inbound, destination, tail(), { marked: 'unmapped' }));
    forget(path, found);
  });
  return found;
}

/** Takes in what leaves untranslated and is for one of ours, where there are slots: from a slot, or from this host itself. */
export function takeInUntranslated(path: TcPath, frame: Frame, packet: IpPacket, tail: () => Tail): void {
  const { p, hook, direction, uses } = path;
  const { version, destination } = packet;
  if (hook === 'slot' || direction === 'inbound' || !hasSlots(uses, version)) return;
  const found = isForOutside(path, read(destination), tablesOf(path, 'inbound', version), tail);
  p.rarely(found.ne(0), () => takeIn(path, frame.link));
}

/** Lets the packet in as if it had arrived. Ends the path. */
export function takeIn({ p, maps, leave }: TcPath, link: 'ethernet' | 'none'): void {
  if (link === 'ethernet') {
    const [eth] = p.packet.read([ethhdr], { orElse: () => leave('helper_failed') });
    eth.dest.copyFrom(p.data(maps.interface).mac);
  }
  leave('hairpin');
}

/** What holds all outside addresses: a subnet. */
export function outsidesOf(
  self: ViewOf<typeof interfaceRecord>,
  version: IpVersion,
): { network: AddressPlace; mask: AddressPlace } {
  const { network, mask } = version === 4 ? self.outsides : self.outsides6;
  return { network: wordsOf(network), mask: wordsOf(mask) };
}
