// From what tables hold to what they are to hold, in tables that no packet meets meanwhile (see transition.ts): what
// stays keeps its counters, and all of it can be undone.

import type { RawMap } from '../../loader/index.ts';
import type { Family } from '../address.ts';
import { type Entries, keyNames, pick, positionsOf, sameBytes, TABLES } from '../entries.ts';
import { mappingAt, viewsOf } from '../entries-decode.ts';
import { decodeSlots, SLOT_FORMATS } from '../slot-entries.ts';
import { SLOT_STATES } from '../slot-layout.ts';
import { CONTENTS, type ContentName, type Contents, type Format } from './contents.ts';

/** What happens to one of the tables. */
interface Change {
  readonly map: RawMap;
  readonly format: Format;
  readonly sets: Entries;
  readonly deletes: Entries;
  /** What the changed and deleted keys held before. */
  readonly former: Entries;
  readonly added: Entries;
}

/** How many mappings a replacement keeps, adds (or gives another outside) and deletes. */
export interface Replaced {
  readonly kept: number;
  readonly added: number;
  readonly deleted: number;
}

export class Replacement {
  /** Whether all is as wanted already. */
  readonly isNone: boolean;
  readonly summary: Replaced;
  readonly #changes: readonly Change[];
  readonly #undo: (() => void)[] = [];

  /** Reads the tables, changes nothing. @param wanted tables that are not in it stay as they are */
  constructor(maps: { readonly [N in ContentName]: { readonly raw: RawMap } }, wanted: Partial<Contents>) {
    this.#changes = CONTENTS.flatMap((format) => {
      const entries = wanted[format.name];
      return entries === undefined ? [] : [changeOf(maps[format.name].raw, format, entries)];
    });
    const count = (list: 'sets' | 'deletes'): number =>
      this.#changes.reduce((sum, change) => sum + mappingsIn(change.format, change[list]), 0);
    const total = CONTENTS.reduce((sum, format) => sum + mappingsIn(format, wanted[format.name]), 0);
    const added = count('sets');
    this.summary = { kept: total - added, added, deleted: count('deletes') };
    this.isNone = this.#changes.every(({ sets, deletes }) => sets.count === 0 && deletes.count === 0);
  }

  /** What goes makes room for what comes. */
  apply(): void {
    for (const { map, sets, deletes, former, added } of this.#changes) {
      this.#undo.push(() => {
        map.deleteBatch(added.keys, added.count, { missing: 'skip' });
        map.setBatch(former);
      });
      map.deleteBatch(deletes.keys, deletes.count);
      map.setBatch(sets);
    }
  }

  /** Puts back what was there, with the counters of that moment. */
  undo(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
  }
}

function changeOf(map: RawMap, format: Format, wanted: Entries): Change {
  const current = map.elements();
  const positions = positionsOf(current, format);
  const name = keyNames(wanted, format);
  const isWanted = new Uint8Array(current.count);
  const [sets, added, changed]: [number[], number[], number[]] = [[], [], []];
  const { valueSize, identitySize } = format;
  for (let i = 0; i < wanted.count; i++) {
    const at = positions.get(name(i));
    if (at === undefined) added.push(i);
    else {
      isWanted[at] = 1;
      if (sameBytes(current.values, at * valueSize, wanted.values, i * valueSize, identitySize)) continue;
      changed.push(at);
    }
    sets.push(i);
  }
  const deletes: number[] = [];
  for (let at = 0; at < current.count; at++) if (isWanted[at] === 0) deletes.push(at);
  return {
    map,
    format,
    sets: pick(wanted, sets, format),
    deletes: pick(current, deletes, format),
    former: pick(current, [...deletes, ...changed], format),
    added: pick(wanted, added, format),
  };
}

/** Mappings by the entries that they are looked up with on the way out, of port blocks the first one. */
function mappingsIn({ name }: Format, entries: Entries | undefined): number {
  const slots = SLOT_FAMILIES.find((family) => SLOT_FORMATS[family].name === name);
  if (slots !== undefined) return entries === undefined ? 0 : boundIn(slots, entries);
  const format = TABLES.find((table) => table.name === name && table.direction === 'outbound');
  if (format === undefined || entries === undefined) return 0;
  if (!format.isNet) return entries.count;
  const views = viewsOf(entries);
  let count = 0;
  for (let i = 0; i < entries.count; i++) if (mappingAt(views, i, format) !== undefined) count++;
  return count;
}

const SLOT_FAMILIES: readonly Family[] = [4, 6];

const boundIn = (family: Family, entries: Entries): number =>
  decodeSlots(family, entries).filter(
    ({ key, record }) => key.interface !== 0 && record.state === SLOT_STATES.bound,
  ).length;
