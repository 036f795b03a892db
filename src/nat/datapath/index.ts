// The programs of an instance. Each is a function from options to a program: what is not used is not in it.

import { type IsaLevel, NEWEST_ISA, type Program, program, type TcBuilder } from '../../asm/index.ts';
import { DEFAULT_CAPACITY, type InstanceMaps, instanceMaps } from '../maps.ts';
import type { Direction, Policy } from '../reason.ts';
import { hasIpv6, type Uses, usesOf } from '../uses.ts';
import { answerArp } from './arp.ts';
import { type Frame, readBare, readEthernet } from './frame.ts';
import { ETH_P_ARP, ETH_P_IPV6 } from './headers.ts';
import { readIpv4 } from './ipv4.ts';
import { readIpv6 } from './ipv6.ts';
import type { TcPath } from './path.ts';
import { letRedirectedLeave } from './redirect/outbound.ts';
import type { Sides } from './redirect/sides.ts';
import { redirectBetween } from './redirect/way.ts';
import { dispatchSlot } from './slot/dispatch.ts';
import { hasSlots } from './slot/table.ts';
import { translate } from './translate.ts';
import { tunnels } from './tunnel/index.ts';
import { verdicts } from './verdict.ts';

export interface DatapathOptions {
  /** What becomes of packets that no mapping names, in both directions or each. */
  readonly unmapped: Policy | { readonly [D in Direction]: Policy };
  /** Most address mappings the instance can hold, of each family. */
  readonly capacity?: number;
  /** The kinds of mappings the programs know; IPv4 addresses where left out. */
  readonly uses?: Uses;
  /** What the device puts before the IP header: nothing, as tunnels do, or Ethernet, which is the default. */
  readonly link?: 'ethernet' | 'none';
  /** The greatest segment size that TCP may announce through here; left alone where left out. */
  readonly mss?: number;
  /** What becomes of packets that leave with an outside address as their own; dropped where left out. */
  readonly spoofed?: Policy;
  /** Between which packets are sent on past the stack where that can be; none are where left out. */
  readonly redirect?: Sides;
  /** Where what slots send is translated: on their interfaces, the default, or where it leaves (docs/slots.md). */
  readonly slots?: 'device' | 'uplink';
  /** The newest instructions the programs may have, see `IsaLevel`; loading them finds out by itself. */
  readonly isa?: IsaLevel;
}

export interface Datapath {
  /** Egress of the outside interface: source inside -> outside; hairpin. */
  readonly outbound: Program;
  /** Ingress of the outside interface: destination outside -> inside; answers ARP and neighbour solicitations. */
  readonly inbound: Program;
  /** Ingress of the interfaces of slots: source inside -> outside; answers ARP and neighbour solicitations. */
  readonly slot?: Program;
  /** The same for interfaces without Ethernet headers, as tun devices are; made when it is asked for. */
  readonly slotBare?: Program | undefined;
  readonly maps: InstanceMaps;
}

export function datapath(options: DatapathOptions): Datapath {
  const maps = instanceMaps(options.capacity ?? DEFAULT_CAPACITY);
  const { isa = NEWEST_ISA, uses = usesOf([]), slots = 'device' } = options;
  const direction = (name: string, way: Direction): Program =>
    program('sched_cls', name, (p) => dispatch(p, way, maps, options), { isa });
  const slot = (name: string, link: Frame['link']): Program =>
    program('sched_cls', name, (p) => dispatchSlot(p, maps, options, link), { isa });
  const hasProgram = slots === 'device' && (hasSlots(uses, 4) || hasSlots(uses, 6));
  return {
    outbound: direction('tsnat_egress', 'outbound'),
    inbound: direction('tsnat_ingress', 'inbound'),
    ...(hasProgram && { slot: slot('tsnat_slot', 'ethernet') }),
    get slotBare() {
      return hasProgram ? slot('tsnat_slot_l3', 'none') : undefined;
    },
    maps,
  };
}

function dispatch(p: TcBuilder, direction: Direction, maps: InstanceMaps, options: DatapathOptions): void {
  const { unmapped, uses = usesOf([]), link = 'ethernet', mss, spoofed = 'drop' } = options;
  const { slots = 'device', redirect: sides } = options;
  const policy = typeof unmapped === 'string' ? unmapped : unmapped[direction];
  const leave = verdicts(p, maps, direction, { unmapped: policy, spoofed }, 'uplink');
  const length = () => p.skb.len.get();
  const redirect = direction === 'inbound' && sides ? redirectBetween(p, sides) : undefined;
  const bare: TcPath = { p, direction, maps, uses, leave, length, hook: 'uplink', slots, redirect };
  const path: TcPath = uses.has('tunnels') ? { ...bare, tunnels: tunnels(bare) } : bare;
  if (sides !== undefined && direction === 'outbound') letRedirectedLeave(path, sides);

  const others = (frame: Frame): void => {
    const cases: [number, () => void][] = [];
    if (hasIpv6(uses)) {
      cases.push([ETH_P_IPV6, () => translate(path, frame, readIpv6(path, frame.at), mss)]);
    }
    if (link === 'ethernet') cases.push([ETH_P_ARP, () => answerArp(path, frame)]);
    p.match(frame.proto, cases, () => leave('not_ip'));
  };
  const frame = link === 'ethernet' ? readEthernet(path, others) : readBare(path, others);
  translate(path, frame, readIpv4(path, frame.at), mss);
}
