// Entries of slots on their way into the maps: each family's go in by one call, in their order, so that nobody meets
// half of them. What was there before is kept until it is done, in case the kernel has no room.

import { LoaderError } from '../../../loader/index.ts';
import type { Family } from '../../address.ts';
import type { Entries } from '../../entries.ts';
import { SLOT_FORMATS } from '../../slot-entries.ts';
import type { Pins } from '../pins.ts';
import { FAMILIES, type SlotMaps } from './book.ts';
import { type Amends, beginSlotJournal, endSlotJournal, makeAmends, type SlotAmends } from './journal.ts';

interface Write {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly former: Uint8Array | undefined;
}

/** Writes in hand; nothing is done before `commit`. */
export class Writing {
  readonly #maps: SlotMaps;
  readonly #writes: { readonly [F in Family]: Write[] } = { 4: [], 6: [] };

  constructor(maps: SlotMaps) {
    this.#maps = maps;
  }

  /** @param former what is there now */
  set(family: Family, key: Uint8Array, value: Uint8Array, former: Uint8Array | undefined): void {
    this.#writes[family].push({ key, value, former });
  }

  get count(): number {
    return this.#writes[4].length + this.#writes[6].length;
  }

  /** What puts back what was there. */
  amends(): SlotAmends {
    return { 4: this.#amends(4), 6: this.#amends(6) };
  }

  #amends(family: Family): Amends {
    const writes = this.#writes[family];
    const gone = writes.filter(({ former }) => former === undefined);
    const kept = writes.filter(({ former }) => former !== undefined);
    return {
      deletes: { count: gone.length, keys: Buffer.concat(gone.map(({ key }) => key)) },
      sets: {
        count: kept.length,
        keys: Buffer.concat(kept.map(({ key }) => key)),
        values: Buffer.concat(kept.map(({ former }) => former!)),
      },
    };
  }

  /** Writes all of it, without a journal: for who has one, or writes one family. */
  write(): void {
    try {
      for (const family of FAMILIES) {
        const writes = this.#writes[family];
        if (writes.length > 0) this.#maps[SLOT_FORMATS[family].name].raw.setBatch(joined(writes, family));
      }
    } catch (error) {
      if (error instanceof LoaderError) makeAmends(this.#maps, this.amends());
      throw error;
    }
  }

  /** All or nothing, for packets as for whoever kills the command. One family takes one call, both take a journal. */
  commit(pins: Pins): void {
    if (FAMILIES.some((family) => this.#writes[family].length === 0)) {
      this.write();
      return;
    }
    beginSlotJournal(pins, this.amends());
    this.write();
    endSlotJournal(pins);
  }
}

function joined(writes: readonly Write[], family: Family): Entries {
  const { keySize, valueSize } = SLOT_FORMATS[family];
  const keys = new Uint8Array(writes.length * keySize);
  const values = new Uint8Array(writes.length * valueSize);
  for (let i = 0; i < writes.length; i++) {
    const { key, value } = writes[i]!;
    keys.set(key, i * keySize);
    values.set(value, i * valueSize);
  }
  return { count: writes.length, keys, values };
}
