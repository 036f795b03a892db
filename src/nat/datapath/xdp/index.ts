// The two XDP programs of an instance, which take most packets past the stack: each on the ingress of one side. They use
// the maps of the programs on TC, and only do what these and routing would do.

import { NEWEST_ISA, type Program, program, type XdpBuilder } from '../../../asm/index.ts';
import { DEFAULT_CAPACITY, instanceMaps } from '../../maps.ts';
import type { Direction } from '../../reason.ts';
import { hasIpv6, usesOf } from '../../uses.ts';
import { ETH_P_IP, ETH_P_IPV6, ethhdr } from '../headers.ts';
import type { DatapathOptions } from '../index.ts';
import { hasSlots } from '../slot/table.ts';
import type { IpVersion } from '../tables.ts';
import { forward } from './forward.ts';
import { requireOurs, type XdpPath } from './station.ts';

export interface XdpPrograms {
  /** Ingress of each inside interface. */
  readonly outbound: Program;
  /** Ingress of the outside interface. */
  readonly inbound: Program;
}

/** @param hasInsides whether there are interfaces inside; without them only what is for slots is taken. */
export function xdpPrograms(options: DatapathOptions, hasInsides = true): XdpPrograms {
  const { isa = NEWEST_ISA } = options;
  const direction = (name: string, way: Direction): Program =>
    program('xdp', name, (p) => dispatch(p, way, options, hasInsides), { isa });
  return {
    outbound: direction('tsnat_xdp_out', 'outbound'),
    inbound: direction('tsnat_xdp_in', 'inbound'),
  };
}

function dispatch(p: XdpBuilder, direction: Direction, options: DatapathOptions, hasInsides: boolean): void {
  const { uses = usesOf([]), capacity = DEFAULT_CAPACITY, mss } = options;
  const maps = instanceMaps(capacity);
  // Whatever the reason, it is TC that counts it and decides.
  const path: XdpPath = { p, direction, maps, uses, leave: () => p.pass(), length: () => p.length() };
  const takes = (version: IpVersion): boolean =>
    hasInsides ? version === 4 || hasIpv6(uses) : direction === 'inbound' && hasSlots(uses, version);
  if (takes(4) || takes(6)) {
    requireOurs(path);
    const [eth] = p.packet.read([ethhdr], { orElse: () => p.pass() });
    const how = { clampsMss: mss !== undefined, hasInsides };
    if (takes(6)) p.when(eth.proto.eq(ETH_P_IPV6), () => forward(path, 6, how));
    if (takes(4)) p.usually(eth.proto.eq(ETH_P_IP), () => forward(path, 4, how));
  }
  p.pass();
}
