// tsnat on the gateway, as a program uses it: attached to the uplink, the slots reserved at boot, bound when they are given away.

import { attach, detach, openSlots, type Slots } from '../../src/index.ts';
import { findBpffs } from '../../src/loader/index.ts';
import { memoryOfMaps } from './measure/memory.ts';
import { CLONE_MAC, INSIDE, isResolved, nameOf, slotDevice, UPLINK } from './world.ts';

/** Every slot has three entries, its interface's included, and a quarantined address one. */
const ENTRIES = 4;
/** What an instance has room for when nobody says. */
const CAPACITY = 65_536;

export class Ours {
  readonly name: string;
  readonly slots: Slots;

  private constructor(name: string, slots: Slots) {
    this.name = name;
    this.slots = slots;
  }

  /** Attaches to the uplink of a namespace that has one. */
  static attach(netns: string, count: number, role = 'nat'): Ours {
    const name = nameOf(role);
    attach({ interface: UPLINK, netns, name, capacity: Math.max(CAPACITY, ENTRIES * count) });
    try {
      return new Ours(name, openSlots(name));
    } catch (error) {
      detach(name);
      throw error;
    }
  }

  /** Of the world's slots. */
  reserve(slots: readonly number[]): void {
    this.slots.reserve(
      slots.map((slot) => ({
        interface: slotDevice(slot),
        inside: INSIDE,
        ...(isResolved(slot) ? {} : { station: CLONE_MAC }),
      })),
    );
  }

  /** Bytes that the kernel says its maps take. */
  mapBytes(): number {
    return memoryOfMaps(`${findBpffs()}/tsnat/${this.name}/maps`);
  }

  detach(): void {
    this.slots.close();
    detach(this.name);
  }
}
