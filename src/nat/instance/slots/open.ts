// The slots of a running instance in hand. Whoever keeps them open binds a slot by a few look-ups and one write.

import { type Address, parseAddress } from '../../address.ts';
import type { Context } from '../making.ts';
import { requirePins } from '../open.ts';
import { Parts } from '../parts.ts';
import { bindSlots, releaseSlots } from './bind.ts';
import { SlotDesk } from './desk.ts';
import { listQuarantined, listSlots } from './list.ts';
import { requirePolicy } from './policy.ts';
import { poolOf } from './pool.ts';
import { removeSlots } from './remove.ts';
import { reserveSlots } from './reserve.ts';
import type {
  QuarantinedOutside,
  QuarantineOptions,
  SlotBinding,
  SlotPolicy,
  SlotState,
  SlotWish,
} from './types.ts';
import { readWishes } from './wish.ts';

/**
 * Slots: insides that are only unique on their interface. Each change is all or nothing. A slot is called by the name of
 * its interface, or INSIDE%INTERFACE where that has several.
 *
 * @example
 * using slots = openSlots('eth0');
 * slots.reserve([{ interface: 'tap7', inside: '172.16.0.2' }]);
 * slots.bind('tap7', '203.0.113.7');
 */
export interface Slots extends Disposable {
  readonly name: string;
  /**
   * Names of the interfaces that a pattern with `*` and `?` matches and that have no slot of this inside yet.
   *
   * @param count how many; all where left out
   * @throws InstanceError with code `EPOOL` when there are fewer, or none.
   */
  pool(inside: string | Address, pattern: string, count?: number): string[];
  /**
   * Makes slots, and puts the program on interfaces that have it not yet. From then on what they send is dropped until
   * they are bound. A slot that is reserved already is refused, unless its interface has another index now, which is
   * taken then; what it is bound to it stays bound to.
   *
   * @throws InstanceError with code `ENODEV`, `EINTERFACE`, `EEXIST`, `ESTALE`, `EFULL`, `ENOTSUP` (on XDP); BulkError
   * where the program cannot be put on an interface.
   */
  reserve(wishes: readonly SlotWish[], policy?: SlotPolicy): void;
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
  /** Gives slots up, bound or not, and takes the program off interfaces that have none any more. */
  remove(slots: readonly string[]): void;
  /** By interface and inside. */
  list(): SlotState[];
  /** Outsides in quarantine, the first to be free first. */
  quarantine(): QuarantinedOutside[];
  close(): void;
}

/** @throws InstanceError with code `ENOENT`, or `EHALF` when its pins do not say what it is. */
export function openSlots(name: string, context: Context = {}): Slots {
  const pins = requirePins(name, context);
  const parts = new Parts(pins.instances, pins);
  const desk = new SlotDesk(pins, parts, context);
  const close = (): void => {
    desk[Symbol.dispose]();
    parts[Symbol.dispose]();
  };
  const slots: Slots = {
    name,
    pool: (inside, pattern, count) => {
      const record = pins.record();
      const address = typeof inside === 'string' ? parseAddress(inside) : inside;
      return poolOf(name, record, desk.bookOf(parts.open(), record), address, pattern, count);
    },
    reserve: (wishes, policy = {}) => {
      const wanted = readWishes(wishes);
      requirePolicy(policy);
      if (wanted.length > 0) desk.locked((bench) => reserveSlots(bench, wanted, policy));
    },
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
    remove: (list) => desk.locked((bench) => removeSlots(bench, list)),
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
