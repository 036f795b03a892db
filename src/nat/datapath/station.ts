// Whom a frame is for and whom it is from.

import {
  type ArrayType,
  array,
  be16,
  type PacketBuilder,
  type ScalarType,
  type StructType,
  struct,
} from '../../asm/index.ts';
import type { Route } from './route.ts';

type Mac = ArrayType<ScalarType<'be16'>>;
export const mac: Mac = array(be16, 3);

/** In parts that can be compared. */
export const stations: StructType<{ destination: Mac; source: Mac }> = struct('stations', {
  destination: mac,
  source: mac,
});

/** Addresses the frame as the way `route` needs it; `orElse` ends the path of what has no Ethernet header. */
export function addressFrame(
  p: PacketBuilder,
  { sourceMac, destinationMac }: Route,
  orElse: () => void,
): void {
  const [frame] = p.packet.read([stations], { orElse });
  destinationMac.map((part, i) => frame.destination.at(i).set(part));
  sourceMac.map((part, i) => frame.source.at(i).set(part));
}
