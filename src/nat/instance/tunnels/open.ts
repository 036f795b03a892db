// The tunnel slots of a running instance in hand. Whoever keeps them open binds a slot by a few look-ups and one write.

import { type Context, makingOf } from '../making.ts';
import { requirePins } from '../open.ts';
import { Parts } from '../parts.ts';
import { extendUses } from '../replace.ts';
import { inTurn } from '../transition.ts';
import { bindTunnel, releaseTunnels } from './bind.ts';
import { listTunnels } from './list.ts';
import { removeTunnels } from './remove.ts';
import { planTunnels } from './reserve.ts';
import type { TunnelBindOptions, TunnelReserveOptions, TunnelState, TunnelWish } from './types.ts';
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
export interface Tunnels extends Disposable {
  readonly name: string;
  /**
   * Makes slots. From then on their packets are dropped until they are bound.
   *
   * @throws RangeError or AddressError for wishes that are none; InstanceError with code `EEXIST` for a placeholder in use,
   * `ECONFLICT` for what does not go with the slots there are at its port, `EINUSE` for slots that could not be told apart,
   * `EFULL`, `ENOTSUP` (on XDP).
   */
  reserve(wishes: readonly TunnelWish[], options?: TunnelReserveOptions): void;
  /**
   * Gives a slot its VNI, in both directions at once: look-ups, and one write.
   *
   * @throws RangeError for what is no VNI; InstanceError with code `ENOSLOT`, `EBOUND`, `EINUSE` for one that could not be
   * told from another slot on the way in, `ECONFLICT` for outside addresses that it has no inside for, or `EFULL`.
   */
  bind(placeholder: number, vni: number, options?: TunnelBindOptions): void;
  /** Gives a bound slot another VNI, in both directions at once. @throws as `bind`, and `EUNBOUND` */
  rebind(placeholder: number, vni: number, options?: TunnelBindOptions): void;
  /** Takes slots their VNIs. They stay reserved. @throws InstanceError with code `ENOSLOT` or `EUNBOUND` */
  release(placeholders: readonly number[]): void;
  /** Gives slots up, bound or not. @throws InstanceError with code `ENOSLOT` */
  remove(placeholders: readonly number[]): void;
  /** By port and placeholder. */
  list(): TunnelState[];
  close(): void;
}

/** @throws InstanceError with code `ENOENT`, or `EHALF` when its pins do not say what it is. */
export function openTunnels(name: string, context: Context = {}): Tunnels {
  const pins = requirePins(name, context);
  const parts = new Parts(pins.instances, pins);
  const close = (): void => parts[Symbol.dispose]();
  return {
    name,
    reserve: (wishes, options = {}) => {
      const wanted = readTunnelWishes(wishes);
      if (wanted.length === 0) return;
      parts.locked(({ maps }, record) => {
        const plan = planTunnels(pins, maps, record, wanted, options);
        const isNew = [...plan.uses].some((use) => !record.uses.has(use));
        inTurn(() => isNew && extendUses(pins, plan.uses, makingOf(context)), plan.write);
      });
    },
    bind: (placeholder, vni, options = {}) =>
      parts.locked(({ maps }) => bindTunnel(pins, maps, placeholder, vni, options, false)),
    rebind: (placeholder, vni, options = {}) =>
      parts.locked(({ maps }) => bindTunnel(pins, maps, placeholder, vni, options, true)),
    release: (placeholders) => parts.locked(({ maps }) => releaseTunnels(pins, maps, placeholders)),
    remove: (placeholders) => parts.locked(({ maps }) => removeTunnels(pins, maps, placeholders)),
    list: () => listTunnels(name, parts.open().maps),
    close,
    [Symbol.dispose]: close,
  };
}
