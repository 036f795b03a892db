// From one list of mappings to another in a table that no packet meets meanwhile (see transition.ts): what stays
// keeps its counters, and all of it can be undone.

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
}

/** How many mappings a replacement keeps, adds (or gives another outside address) and deletes. */
export interface Replaced {
  readonly kept: number;
  readonly added: number;
  readonly deleted: number;
}

export class Replacement {
  /** Whether the table is as wanted already. */
  readonly isNone: boolean;
  readonly summary: Replaced;
  readonly #changes: readonly [Change, Change];
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
    const [, { sets, deletes }] = this.#changes;
    this.summary = { kept: wanted.length - sets.length, added: sets.length, deleted: deletes.length };
    this.isNone = this.#changes.every(({ sets, deletes }) => sets.length === 0 && deletes.length === 0);
  }

  /** What goes makes room for what comes. */
  apply(): void {
    for (const { map, sets, deletes, former, added } of this.#changes) {
      this.#undo.push(() => {
        for (const key of added) map.delete(keyOf(key));
        setAll(map, former);
      });
      deleteAll(map, deletes);
      setAll(map, sets);
    }
  }

  /** Puts back what was there, with the counters of that moment. */
  undo(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
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
  };
}
