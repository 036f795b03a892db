// How a packet leaves the program: each reason is counted, then passes, drops, or follows the policy.

import type { Expression, TcBuilder } from '../../asm/index.ts';
import type { InstanceMaps } from '../maps.ts';
import type { Policy } from '../reason.ts';
import { type Direction, REASONS, type Reason, reasonIndex } from '../reason.ts';

/** Ends the path for a reason. */
export type Leave = (reason: Reason) => void;

export function verdicts(p: TcBuilder, maps: InstanceMaps, direction: Direction, unmapped: Policy): Leave {
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
  const answer = p.ending('answer', 'u32', (index) => {
    count(index);
    p.redirect(p.skb.ifindex);
  });
  const fates = { pass, drop, answer, policy: unmapped === 'drop' ? drop : pass };
  return (reason) => {
    const { fate } = REASONS.find(({ name }) => name === reason)!;
    fates[fate === 'turn' ? 'answer' : fate](reasonIndex(direction, reason));
  };
}
