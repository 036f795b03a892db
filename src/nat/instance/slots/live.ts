// What is bound to the slots of a running instance, as far as its tables go.

import type { Address } from '../../address.ts';
import type { Hand } from '../hand.ts';
import { bindSlots, releaseSlots } from './bind.ts';
import { listQuarantined, listSlots } from './list.ts';
import type { QuarantinedOutside, QuarantineOptions, SlotBinding, SlotState } from './types.ts';

/** A slot is called by the name of its interface, or INSIDE%INTERFACE where that has several. */
export interface LiveSlots extends Disposable {
  readonly name: string;
  /**
   * Gives a slot its outside: look-ups, and one write.
   *
   * @throws InstanceError with code `ENOSLOT`, `EBOUND`, `EINUSE`, `EQUARANTINED`, `ESTALE` or `EFULL`.
   */
  bind(slot: string, outside: string | Address): void;
  /** The same for many, by one write. */
  bindAll(bindings: readonly SlotBinding[]): void;
  /**
   * Gives a bound slot another outside. No packet meets both, and none meets neither.
   *
   * @throws InstanceError as `bind`, and `EUNBOUND` for a slot without one.
   */
  rebind(slot: string, outside: string | Address, options?: QuarantineOptions): void;
  rebindAll(bindings: readonly SlotBinding[], options?: QuarantineOptions): void;
  /** Takes slots their outsides. They stay reserved. @throws InstanceError with code `ENOSLOT` or `EUNBOUND` */
  release(slot: string, options?: QuarantineOptions): void;
  releaseAll(slots: readonly string[], options?: QuarantineOptions): void;
  /** By interface and inside. */
  list(): SlotState[];
  /** Outsides in quarantine, the first to be free first. */
  quarantine(): QuarantinedOutside[];
  close(): void;
}

/** @param hand is closed with it */
export function bindingsIn(hand: Hand): LiveSlots {
  const { name, pins, parts, desk } = hand;
  const close = (): void => hand[Symbol.dispose]();
  const slots: LiveSlots = {
    name,
    bind: (slot, outside) => slots.bindAll([[slot, outside]]),
    bindAll: (bindings) => desk.lockedAlone((bench) => bindSlots(bench, bindings)),
    rebind: (slot, outside, options) => slots.rebindAll([[slot, outside]], options),
    rebindAll: (bindings, options = {}) => {
      const quarantine = secondsOf(options);
      desk.lockedAlone((bench) => bindSlots(bench, bindings, quarantine));
    },
    release: (slot, options) => slots.releaseAll([slot], options),
    releaseAll: (list, options = {}) => {
      const quarantine = secondsOf(options);
      desk.lockedAlone((bench) => releaseSlots(bench, list, quarantine));
    },
    list: () => listSlots(name, parts.open().maps, desk.names(pins.record())),
    quarantine: () => listQuarantined(parts.open().maps),
    close,
    [Symbol.dispose]: close,
  };
  return slots;
}

/** A year. */
const MOST_SECONDS = 31_536_000;

function secondsOf({ quarantine = 0 }: QuarantineOptions): number {
  if (quarantine >= 0 && quarantine <= MOST_SECONDS) return quarantine;
  throw new RangeError(`quarantine ${quarantine} is not a number of seconds from 0 to ${MOST_SECONDS}`);
}
