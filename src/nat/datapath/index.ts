// The two programs of an instance. Each is a function from options to a program: what is not used is not in it.

import { type IsaLevel, NEWEST_ISA, type Program, program, type TcBuilder } from '../../asm/index.ts';
import { DEFAULT_CAPACITY, type InstanceMaps, instanceMaps } from '../maps.ts';
import type { Direction, Policy } from '../reason.ts';
import type { Uses } from '../uses.ts';
import { answerArp } from './arp.ts';
import { ETH_P_ARP, ETH_P_IP, ethhdr, iphdr } from './headers.ts';
import { sideOf, translateIpv4 } from './ipv4.ts';
import { type Leave, verdicts } from './verdict.ts';

export interface DatapathOptions {
  /** What becomes of packets that no mapping names. */
  readonly unmapped: Policy | { readonly outbound: Policy; readonly inbound: Policy };
  readonly uses?: Uses;
  readonly link?: 'ethernet' | 'none';
  readonly mss?: number;
  readonly spoofed?: Policy;
  /** Most address mappings the instance can hold. */
  readonly capacity?: number;
  /** The newest instructions the programs may have, see `IsaLevel`; loading them finds out by itself. */
  readonly isa?: IsaLevel;
}

export interface Datapath {
  /** Egress of the outside interface: source inside -> outside. */
  readonly outbound: Program;
  /** Ingress of the outside interface: destination outside -> inside; answers ARP. */
  readonly inbound: Program;
  readonly maps: InstanceMaps;
}

export function datapath(options: DatapathOptions): Datapath {
  const maps = instanceMaps(options.capacity ?? DEFAULT_CAPACITY);
  const { isa = NEWEST_ISA } = options;
  return {
    outbound: program('sched_cls', 'tsnat_egress', (p) => translate(p, 'outbound', maps, options), { isa }),
    inbound: program('sched_cls', 'tsnat_ingress', (p) => translate(p, 'inbound', maps, options), { isa }),
    maps,
  };
}

function translate(p: TcBuilder, direction: Direction, maps: InstanceMaps, options: DatapathOptions): void {
  const leave = verdicts(
    p,
    maps,
    direction,
    typeof options.unmapped === 'string' ? options.unmapped : options.unmapped[direction],
  );
  const [eth, ip] = p.packet.read([ethhdr, iphdr], { orElse: () => tooShort(p, leave) });
  p.rarely(eth.proto.ne(ETH_P_IP), () => {
    p.when(eth.proto.ne(ETH_P_ARP), () => leave('not_ip'));
    if (direction === 'inbound') answerArp(p, maps, leave);
    else leave('arp');
  });
  translateIpv4(p, ip, sideOf(direction, maps), leave);
}

/** Too short for an IPv4 header: no fault in a frame that is none. */
function tooShort(p: TcBuilder, leave: Leave): void {
  const [eth] = p.packet.read([ethhdr], { orElse: () => leave('malformed') });
  p.match(
    eth.proto,
    [
      [ETH_P_IP, () => leave('malformed')],
      [ETH_P_ARP, () => leave('arp')],
    ],
    () => leave('not_ip'),
  );
}
