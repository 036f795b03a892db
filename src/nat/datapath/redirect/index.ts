// The program on the ingress of each inside interface of an instance with `redirect`: what comes from there leaves past the
// stack. The way in needs none of its own: the program at the outside interface does it (translate.ts).

import { NEWEST_ISA, type Program, program, type TcBuilder } from '../../../asm/index.ts';
import { DEFAULT_CAPACITY, instanceMaps } from '../../maps.ts';
import { hasIpv6, usesOf } from '../../uses.ts';
import { ETH_P_IP, ETH_P_IPV6, ethhdr } from '../headers.ts';
import type { DatapathOptions } from '../index.ts';
import type { TcPath } from '../path.ts';
import { redirectOut } from './outbound.ts';
import { readPlainIpv4, readPlainIpv6 } from './plain.ts';
import type { Sides } from './sides.ts';
import { redirectBetween } from './way.ts';

/** @param sides those of `options` */
export function redirectProgram(options: DatapathOptions, sides: Sides): Program {
  const { isa = NEWEST_ISA } = options;
  return program('sched_cls', 'tsnat_redirect', (p) => dispatch(p, options, sides), { isa });
}

function dispatch(p: TcBuilder, options: DatapathOptions, sides: Sides): void {
  const { uses = usesOf([]), capacity = DEFAULT_CAPACITY, mss, slots = 'device' } = options;
  const maps = instanceMaps(capacity);
  // Whatever the reason, the stack gets it, and the program where it leaves counts it and decides.
  const leave = (): void => p.next();
  const length = () => p.skb.len.get();
  const redirect = redirectBetween(p, sides);
  const path: TcPath = {
    p,
    direction: 'outbound',
    maps,
    uses,
    leave,
    length,
    hook: 'inside',
    slots,
    redirect,
  };
  const [eth] = p.packet.read([ethhdr], { orElse: leave });
  if (hasIpv6(uses)) {
    p.when(eth.proto.eq(ETH_P_IPV6), () => redirectOut(path, readPlainIpv6(path), redirect, mss));
  }
  p.rarely(eth.proto.ne(ETH_P_IP), leave);
  redirectOut(path, readPlainIpv4(path), redirect, mss);
}
