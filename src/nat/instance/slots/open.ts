// The slots of a running instance in hand. Whoever keeps them open binds a slot by a few look-ups and one write.

import { type Address, parseAddress } from '../../address.ts';
import { worksOf } from '../all-works.ts';
import { Hand } from '../hand.ts';
import type { Context } from '../making.ts';
import { bindingsIn, type LiveSlots } from './live.ts';
import { requirePolicy } from './policy.ts';
import { poolOf } from './pool.ts';
import type { SlotPolicy, SlotWish } from './types.ts';
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
export interface Slots extends LiveSlots {
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
  /** Gives slots up, bound or not, and takes the program off interfaces that have none any more. */
  remove(slots: readonly string[]): void;
}

/** @throws InstanceError with code `ENOENT`, or `EHALF` when its pins do not say what it is. */
export function openSlots(name: string, context: Context = {}): Slots {
  const hand = new Hand(name, worksOf(context), context.root);
  const { pins, parts, desk, works } = hand;
  return {
    ...bindingsIn(hand),
    pool: (inside, pattern, count) => {
      const record = pins.record();
      const address = typeof inside === 'string' ? parseAddress(inside) : inside;
      return poolOf(name, record, desk.bookOf(parts.open(), record), address, pattern, count);
    },
    reserve: (wishes, policy = {}) => {
      const wanted = readWishes(wishes);
      requirePolicy(policy);
      if (wanted.length > 0) desk.locked((bench) => works.reserveSlots(bench, wanted, policy));
    },
    remove: (list) => desk.locked((bench) => works.removeSlots(bench, list)),
  };
}
