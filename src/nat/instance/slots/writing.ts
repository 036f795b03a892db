// Entries of slots on their way into the maps: each family's go in by one call, in their order, so that nobody meets
// half of them. What was there before is kept until it is done, in case the kernel has no room. They are put together in
// place, since thousands of them are bound in some milliseconds.

import { LITTLE_ENDIAN } from '../../../asm/data.ts';
import { LoaderError } from '../../../loader/index.ts';
import type { Address, Family } from '../../address.ts';
import { type Entries, putAddress, viewOf } from '../../entries.ts';
import { putMac } from '../../mac.ts';
import {
  putSlotKey,
  putSlotRecord,
  SLOT_FORMATS,
  type SlotFormat,
  type SlotKey,
  type SlotRecord,
} from '../../slot-entries.ts';
import { SLOT_STATES } from '../../slot-layout.ts';
import type { Pins } from '../pins.ts';
import { FAMILIES, type SlotMaps } from './book.ts';
import { type Amends, beginSlotJournal, endSlotJournal, makeAmends, type SlotAmends } from './journal.ts';
import type { Hardware } from './stale.ts';

/** Entries of one family, end to end, in memory that grows. */
class Rows {
  readonly format: SlotFormat;
  readonly formers: (Uint8Array | undefined)[] = [];
  #keys: Uint8Array;
  #values: Uint8Array;
  #keyView: DataView;
  #valueView: DataView;

  /** @param room how many entries there will be, or more or fewer */
  constructor(format: SlotFormat, room: number) {
    this.format = format;
    this.#keys = new Uint8Array(room * format.keySize);
    this.#values = new Uint8Array(room * format.valueSize);
    this.#keyView = viewOf(this.#keys);
    this.#valueView = viewOf(this.#values);
  }

  get count(): number {
    return this.formers.length;
  }

  #add(former: Uint8Array | undefined): number {
    const at = this.formers.push(former) - 1;
    if ((at + 1) * this.format.keySize <= this.#keys.length) return at;
    this.#keys = grown(this.#keys);
    this.#values = grown(this.#values);
    this.#keyView = viewOf(this.#keys);
    this.#valueView = viewOf(this.#values);
    return at;
  }

  put(key: SlotKey, record: SlotRecord, former: Uint8Array | undefined): void {
    const at = this.#add(former);
    const { family, keySize, valueSize } = this.format;
    putSlotKey(this.#keyView, at * keySize, family, key);
    putSlotRecord(this.#valueView, at * valueSize, family, record);
  }

  /** The value of `template` with another state, at this key; its counters begin anew. */
  change(
    ifindex: number,
    address: Address,
    template: Uint8Array,
    { state, other, since, hardware }: Change,
    former: Uint8Array | undefined,
  ): void {
    const at = this.#add(former);
    const { keySize, valueSize, key, record } = this.format;
    this.#keyView.setUint32(at * keySize + key.interface, ifindex, LITTLE_ENDIAN);
    putAddress(this.#keyView, at * keySize + key.address, address);
    const start = at * valueSize;
    this.#values.set(template, start);
    putAddress(this.#valueView, start + record.address, other);
    this.#valueView.setUint8(start + record.state, SLOT_STATES[state]);
    this.#valueView.setBigUint64(start + record.since, since, LITTLE_ENDIAN);
    if (hardware !== undefined) {
      putMac(this.#valueView, start + record.mac, hardware.mac);
      this.#valueView.setUint16(start + record.mtu, hardware.mtu, LITTLE_ENDIAN);
    }
    this.#values.fill(0, start + record.packets, start + valueSize);
  }

  entries(): Entries {
    const { keySize, valueSize } = this.format;
    return {
      count: this.count,
      keys: this.#keys.subarray(0, this.count * keySize),
      values: this.#values.subarray(0, this.count * valueSize),
    };
  }

  /** What puts back what was there. */
  amends(): Amends {
    const { count } = this;
    const { keySize, valueSize } = this.format;
    const sets = this.formers.reduce((sum, former) => (former === undefined ? sum : sum + 1), 0);
    const gone = new Uint8Array((count - sets) * keySize);
    const kept = new Uint8Array(sets * keySize);
    const values = new Uint8Array(sets * valueSize);
    let [deleted, set] = [0, 0];
    for (let i = 0; i < count; i++) {
      const former = this.formers[i];
      const [target, at] = former === undefined ? [gone, deleted++] : [kept, set++];
      for (let byte = 0; byte < keySize; byte++)
        target[at * keySize + byte] = this.#keys[i * keySize + byte]!;
      if (former !== undefined) values.set(former, at * valueSize);
    }
    return { deletes: { count: deleted, keys: gone }, sets: { count: set, keys: kept, values } };
  }
}

function grown(data: Uint8Array): Uint8Array {
  const larger = new Uint8Array(2 * data.length);
  larger.set(data);
  return larger;
}

/** What becomes of an entry. */
export interface Change {
  readonly state: keyof typeof SLOT_STATES;
  /** The other side's address. */
  readonly other: Address;
  readonly since: bigint;
  /** Of the slot's interface; as in the template where left out. */
  readonly hardware?: Hardware;
}

/** Writes in hand; nothing is done before `write` or `commit`. */
export class Writing {
  readonly #maps: SlotMaps;
  readonly #room: number;
  /** Of the families that there is something of. */
  readonly #rows: { [F in Family]?: Rows } = {};

  /** @param slots how many it is about, so that there is room for most of what may come */
  constructor(maps: SlotMaps, slots: number) {
    this.#maps = maps;
    this.#room = Math.max(1, 2 * slots);
  }

  #of(family: Family): Rows {
    this.#rows[family] ??= new Rows(SLOT_FORMATS[family], this.#room);
    return this.#rows[family];
  }

  /** @param former what is there now */
  put(family: Family, key: SlotKey, record: SlotRecord, former: Uint8Array | undefined): void {
    this.#of(family).put(key, record, former);
  }

  /** The same of an entry that is as `template` but for what `change` says. */
  change(
    family: Family,
    ifindex: number,
    address: Address,
    template: Uint8Array,
    change: Change,
    former: Uint8Array | undefined,
  ): void {
    this.#of(family).change(ifindex, address, template, change, former);
  }

  get #all(): Rows[] {
    return FAMILIES.flatMap((family) => this.#rows[family] ?? []);
  }

  get count(): number {
    return this.#all.reduce((sum, { count }) => sum + count, 0);
  }

  /** What puts back what was there. */
  amends(): SlotAmends {
    return Object.fromEntries(this.#all.map((rows) => [rows.format.name, rows.amends()]));
  }

  /** Writes all of it, without a journal: for who has one, or needs none. */
  write(): void {
    try {
      for (const rows of this.#all) this.#maps[rows.format.name].raw.setBatch(rows.entries());
    } catch (error) {
      if (error instanceof LoaderError) makeAmends(this.#maps, this.amends());
      throw error;
    }
  }

  /** All or nothing, for packets as for whoever kills the command: what one call does needs no journal. */
  commit(pins: Pins): void {
    const calls = this.#all.reduce(
      (sum, { count, format }) => sum + Math.ceil(count / this.#maps[format.name].raw.batchLimit),
      0,
    );
    if (calls > 1) beginSlotJournal(pins, this.amends());
    this.write();
    if (calls > 1) endSlotJournal(pins);
  }
}
