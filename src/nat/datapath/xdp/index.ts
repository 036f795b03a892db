// The two XDP programs of an instance, which take most packets past the stack: each on the ingress of one side. They use
// the maps of the programs on TC, and only do what these and routing would do.

import { NEWEST_ISA, type Program, program, type XdpBuilder } from '../../../asm/index.ts';
import { DEFAULT_CAPACITY, instanceMaps } from '../../maps.ts';
import type { Direction } from '../../reason.ts';
import { hasIpv6, usesOf } from '../../uses.ts';
import { ETH_P_IP, ETH_P_IPV6, ethhdr } from '../headers.ts';
import type { DatapathOptions } from '../index.ts';
import { forward } from './forward.ts';
import { requireOurs, type XdpPath } from './station.ts';

export interface XdpPrograms {
  /** Ingress of each inside interface. */
  readonly outbound: Program;
  /** Ingress of the outside interface. */
  readonly inbound: Program;
}

export function xdpPrograms(options: DatapathOptions): XdpPrograms {
  const { isa = NEWEST_ISA } = options;
  const direction = (name: string, way: Direction): Program =>
    program('xdp', name, (p) => dispatch(p, way, options), { isa });
  return {
    outbound: direction('tsnat_xdp_out', 'outbound'),
    inbound: direction('tsnat_xdp_in', 'inbound'),
  };
}

function dispatch(p: XdpBuilder, direction: Direction, options: DatapathOptions): void {
  const { uses = usesOf([]), capacity = DEFAULT_CAPACITY, mss } = options;
  const maps = instanceMaps(capacity);
  // Whatever the reason, it is TC that counts it and decides.
  const path: XdpPath = { p, direction, maps, uses, leave: () => p.pass(), length: () => p.length() };
  requireOurs(path);
  const [eth] = p.packet.read([ethhdr], { orElse: () => p.pass() });
  const clampsMss = mss !== undefined;
  if (hasIpv6(uses)) {
    p.when(eth.proto.eq(ETH_P_IPV6), () => forward(path, 6, clampsMss));
  }
  p.rarely(eth.proto.ne(ETH_P_IP), () => p.pass());
  forward(path, 4, clampsMss);
}
