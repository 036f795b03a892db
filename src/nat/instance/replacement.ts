// From one list of mappings to another in a live table: what stays keeps its counters, what is new comes before
// what is old goes, and all of it can be undone.

import type { RawMap } from '../../loader/index.ts';
import type { AddressMapping } from '../mapping.ts';
import type { Table } from './table.ts';
import { deleteAll, type Entry, keyOf, setAll } from './table-bytes.ts';

/** What happens to one of the two maps. */
interface Change {
  readonly map: RawMap;
  readonly sets: readonly (readonly [number, Entry])[];
  readonly deletes: readonly number[];
  /** What the changed and deleted keys held before. */
  readonly former: readonly (readonly [number, Entry])[];
  readonly added: readonly number[];
  /** Entries while both the old and the new are there. */
  readonly peak: number;
}

export class Replacement {
  readonly #changes: readonly Change[];
  /** Both do not fit at once, so what is to go goes first. */
  readonly #crowded: boolean;
  readonly #undo: (() => void)[] = [];

  /** Reads the table, changes nothing. @throws InstanceError with code `EFULL` */
  constructor(table: Table, wanted: readonly AddressMapping[]) {
    table.requireRoom(wanted.length, 0);
    const { outbound, inbound } = table.read();
    const target = (pairs: readonly (readonly [number, number])[]): ReadonlyMap<number, number> =>
      new Map(pairs);
    this.#changes = [
      changeOf(table.inbound, inbound, target(wanted.map(({ inside, outside }) => [outside, inside]))),
      changeOf(table.outbound, outbound, target(wanted.map(({ inside, outside }) => [inside, outside]))),
    ];
    this.#crowded = this.#changes.some(({ peak }) => peak > table.capacity);
  }

  /** Before the programs are swapped. */
  before(): void {
    if (this.#crowded) this.#delete();
    for (const { map, sets, former, added } of this.#changes) {
      this.#undo.push(() => {
        for (const key of added) map.delete(keyOf(key));
        setAll(map, former);
      });
      setAll(map, sets);
    }
  }

  /** After the programs are swapped. */
  after(): void {
    if (!this.#crowded) this.#delete();
  }

  /** Puts back what was there, with the counters of that moment. */
  undo(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
  }

  #delete(): void {
    for (const { map, deletes, former } of this.#changes.toReversed()) {
      this.#undo.push(() => setAll(map, former));
      deleteAll(map, deletes);
    }
  }
}

function changeOf(
  map: RawMap,
  current: ReadonlyMap<number, Entry>,
  target: ReadonlyMap<number, number>,
): Change {
  const wanted = [...target].filter(([key, address]) => current.get(key)?.address !== address);
  const deletes = [...current.keys()].filter((key) => !target.has(key));
  const added = wanted.map(([key]) => key).filter((key) => !current.has(key));
  const touched = [...deletes, ...wanted.map(([key]) => key)];
  return {
    map,
    sets: wanted.map(([key, address]) => [key, { address, packets: 0n, bytes: 0n }]),
    deletes,
    former: touched.flatMap((key) => {
      const entry = current.get(key);
      return entry === undefined ? [] : [[key, entry] as const];
    }),
    added,
    peak: current.size + added.length,
  };
}
