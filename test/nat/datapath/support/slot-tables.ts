// The slots in the maps of a rig: written, taken out again, and what they have counted.

import type { Machine } from './machine.ts';
import { addressText } from './reference/mappings.ts';
import type { SlotList } from './reference/world.ts';
import {
  listKeyBytes,
  type SlotEntry,
  slotCountersAt,
  slotKeyBytes,
  slotMap,
  slotValueBytes,
} from './slots.ts';
import { type Address, be32 } from './wire.ts';

const listMap = (network: Address): string => (typeof network === 'bigint' ? 'slot_lists6' : 'slot_lists');

export const slotName = ({ at, of }: SlotEntry): string => `slot ${addressText(of)} at ${at}`;

export class SlotTables {
  readonly #tables: Machine['tables'];
  #slots: readonly SlotEntry[] = [];
  #lists: readonly SlotList[] = [];

  constructor(tables: Machine['tables']) {
    this.#tables = tables;
  }

  /** These and no other, from now on. */
  set(slots: readonly SlotEntry[], lists: readonly SlotList[]): void {
    const tables = this.#tables;
    for (const entry of this.#slots) tables[slotMap(entry.of)]!.delete(slotKeyBytes(entry));
    for (const one of this.#lists) tables[listMap(one.network)]!.delete(listKeyBytes(one));
    for (const entry of slots) tables[slotMap(entry.of)]!.set(slotKeyBytes(entry), slotValueBytes(entry));
    for (const one of lists) tables[listMap(one.network)]!.set(listKeyBytes(one), be32(1));
    [this.#slots, this.#lists] = [slots, lists];
  }

  /** `slot address at interface: packets, bytes` of every entry that has counted since the last time. */
  take(): string[] {
    return this.#slots.flatMap((entry) => {
      const map = slotMap(entry.of);
      const [key, before] = [slotKeyBytes(entry), slotValueBytes(entry)];
      const now = this.#tables[map]!.get(key)!;
      if (now.every((byte, i) => byte === before[i])) return [];
      this.#tables[map]!.set(key, before);
      const view = new DataView(now.buffer, now.byteOffset + slotCountersAt(map));
      return [`${slotName(entry)}: ${view.getBigUint64(0, true)}, ${view.getBigUint64(8, true)}`];
    });
  }
}
