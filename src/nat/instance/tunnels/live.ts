// The VNIs of the tunnel slots of a running instance, as far as its tables go.

import type { Hand } from '../hand.ts';
import { bindTunnel, releaseTunnels } from './bind.ts';
import { listTunnels } from './list.ts';
import type { TunnelBindOptions, TunnelState } from './types.ts';

/** A slot is called by its placeholder. */
export interface LiveTunnels extends Disposable {
  readonly name: string;
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
  /** By port and placeholder. */
  list(): TunnelState[];
  close(): void;
}

/** @param hand is closed with it */
export function tunnelsIn(hand: Hand): LiveTunnels {
  const { name, pins, parts } = hand;
  const close = (): void => hand[Symbol.dispose]();
  return {
    name,
    bind: (placeholder, vni, options = {}) =>
      parts.lockedAlone(({ maps }) => bindTunnel(pins, maps, placeholder, vni, options, false)),
    rebind: (placeholder, vni, options = {}) =>
      parts.lockedAlone(({ maps }) => bindTunnel(pins, maps, placeholder, vni, options, true)),
    release: (placeholders) => parts.lockedAlone(({ maps }) => releaseTunnels(pins, maps, placeholders)),
    list: () => listTunnels(name, parts.open().maps),
    close,
    [Symbol.dispose]: close,
  };
}
