// How a packet leaves the program: each reason is counted, then passes, drops, follows the policy, or is turned round.

import type { Expression, TcBuilder } from '../../asm/index.ts';
import type { InstanceMaps } from '../maps.ts';
import { type Direction, type Policy, REASONS, reasonIndex } from '../reason.ts';
import type { Leave, TcPath } from './path.ts';

export function verdicts(
  p: TcBuilder,
  maps: InstanceMaps,
  direction: Direction,
  policies: { readonly unmapped: Policy; readonly spoofed: Policy },
  hook: TcPath['hook'],
): Leave {
  const count = (index: Expression<'u32'>): void => {
    const counter = p.lookup(maps.reasons, index);
    // Per CPU, so nobody else is counting here; an array has all its entries, but the verifier wants to be told.
    p.when(counter.exists(), () => counter.value.set(counter.value.add(1)));
  };
  const pass = p.ending('pass', 'u32', (index) => {
    count(index);
    p.next();
  });
  const drop = p.ending('drop', 'u32', (index) => {
    count(index);
    p.drop();
  });
  // What arrived goes back, what would leave comes back.
  const isLeaving = direction === 'outbound' && hook === 'uplink';
  const turn = p.ending('turn', 'u32', (index) => {
    count(index);
    p.redirect(p.skb.ifindex, isLeaving ? 'ingress' : 'egress');
  });
  const turnIn = p.ending('turn_in', 'u32', (index) => {
    count(index);
    p.redirect(p.skb.ifindex, 'ingress');
  });
  const by = { pass, drop };
  const fates = { pass, drop, turn, policy: by[policies.unmapped], spoofed: by[policies.spoofed] };
  return (reason, turned) => {
    const { fate } = REASONS.find(({ name }) => name === reason)!;
    const end = turned === 'in' ? turnIn : fates[fate];
    end(reasonIndex(direction, reason));
  };
}
