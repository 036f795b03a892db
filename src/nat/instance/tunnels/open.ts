// The tunnel slots of a running instance in hand. Whoever keeps them open binds a slot by a few look-ups and one write.

import { inTurn } from '../afterwards.ts';
import { worksOf } from '../all-works.ts';
import { Hand } from '../hand.ts';
import type { Context } from '../making.ts';
import { type LiveTunnels, tunnelsIn } from './live.ts';
import { removeTunnels } from './remove.ts';
import { planTunnels } from './reserve.ts';
import type { TunnelReserveOptions, TunnelWish } from './types.ts';
import { readTunnelWishes } from './wish.ts';

/**
 * Tunnel slots: tunnels over the instance's interface that are made ahead, with a placeholder VNI, and get their real one
 * late. Each change is all or nothing. A slot is called by its placeholder.
 *
 * @example
 * using tunnels = openTunnels('eth0');
 * tunnels.reserve([{ placeholder: 9_000_001, remote: '192.0.2.7' }]);
 * tunnels.bind(9_000_001, 5001);
 */
export interface Tunnels extends LiveTunnels {
  /**
   * Makes slots. From then on their packets are dropped until they are bound.
   *
   * @throws RangeError or AddressError for wishes that are none; InstanceError with code `EEXIST` for a placeholder in use,
   * `ECONFLICT` for what does not go with the slots there are at its port, `EINUSE` for slots that could not be told apart,
   * `EFULL`, `ENOTSUP` (on XDP).
   */
  reserve(wishes: readonly TunnelWish[], options?: TunnelReserveOptions): void;
  /** Gives slots up, bound or not. @throws InstanceError with code `ENOSLOT` */
  remove(placeholders: readonly number[]): void;
}

/** @throws InstanceError with code `ENOENT`, or `EHALF` when its pins do not say what it is. */
export function openTunnels(name: string, context: Context = {}): Tunnels {
  const hand = new Hand(name, worksOf(context), context.root);
  const { pins, parts, works } = hand;
  return {
    ...tunnelsIn(hand),
    reserve: (wishes, options = {}) => {
      const wanted = readTunnelWishes(wishes);
      if (wanted.length === 0) return;
      parts.locked(({ maps }, record) => {
        const plan = planTunnels(pins, maps, record, wanted, options);
        const isNew = [...plan.uses].some((use) => !record.uses.has(use));
        inTurn(() => isNew && works.extendUses(pins, plan.uses), plan.write);
      });
    },
    remove: (placeholders) => parts.locked(({ maps }) => removeTunnels(pins, maps, placeholders)),
  };
}
