// The mappings of an instance: two tables for each kind and family, one for each direction, that say the same. Written
// inbound first, so that the answer to a packet translated on its way out is always translated back.
// Tables that nobody knows yet are filled in batches; live ones entry by entry, where the kernel itself refuses what is
// there already, and with a journal, so that a killed change can be made good.

import { LoaderError } from '../../loader/index.ts';
import { type Endpoint, endpointOf, formatEndpoint } from '../endpoint.ts';
import {
  type Entries,
  formatNamed,
  pick,
  sameBytes,
  TABLES,
  type TableEntries,
  type TableFormat,
  type TableName,
} from '../entries.ts';
import { isMark, mappingAt, viewsOf } from '../entries-decode.ts';
import { Encoder, encodeMappings } from '../entries-encode.ts';
import type { Mapping, SlotMapping } from '../mapping.ts';
import { complain, MappingError } from '../mapping-error.ts';
import type { Uses } from '../uses.ts';
import { addressAt, exactValue, keyAt, readTables, type Tables, valueAt } from './contents.ts';
import { InstanceError } from './error.ts';
import type { Journal } from './journal.ts';
import { dropMark } from './marks.ts';
import { takenComplaints } from './taken.ts';
import { unmapped } from './unmapped.ts';

/** Works on maps that somebody else owns. */
export class Table {
  readonly name: string;
  readonly maps: Tables;

  /** @param name the instance's, for messages */
  constructor(name: string, maps: Tables) {
    this.name = name;
    this.maps = maps;
  }

  /** Writes mappings into tables that hold none, which nobody else knows yet. */
  fill(mappings: readonly Mapping[]): void {
    const entries = encodeMappings(mappings);
    this.requireRoom(entries);
    for (const { name } of TABLES) this.maps[name].raw.setBatch(entries[name]);
  }

  read(): TableEntries {
    return readTables(this.maps);
  }

  /**
   * What is taken is known before the first is written.
   *
   * @param uses kinds of mappings there can be
   * @param slots bound ones that may not go together with these
   * @throws MappingError
   */
  requireFree(mappings: readonly Mapping[], uses: Uses, slots: readonly SlotMapping[] = []): void {
    const complaints = takenComplaints(this.name, this.maps, mappings, uses, slots);
    if (complaints.length > 0) throw new MappingError(complaints);
  }

  /**
   * Adds all or none. Each is added where there is none, so that somebody who binds the same at the same time, without
   * our lock, is noticed; in tries by kernels that tell (since Linux 6.13).
   *
   * @throws MappingError for what is taken, InstanceError with code `EFULL`.
   */
  add(mappings: readonly Mapping[], uses: Uses, journal: Journal): void {
    const entries = encodeMappings(mappings);
    journal.begin(entries);
    const written = new Map<TableFormat, number>();
    try {
      for (const format of TABLES) this.#addTo(format, entries[format.name], written);
      journal.end();
    } catch (error) {
      for (const [format, count] of [...written].reverse()) {
        this.#removeFrom(format, firstOf(entries[format.name], count, format), 'skip');
      }
      journal.end();
      throw error === TAKEN ? this.#taken(mappings, uses) : this.#explained(error, entries);
    }
  }

  /** @param written how many have been added, for each table */
  #addTo(format: TableFormat, entries: Entries, written: Map<TableFormat, number>): void {
    const { raw: map } = this.maps[format.name];
    const views = viewsOf(entries);
    for (let i = 0; i < entries.count; i++) {
      const [key, value] = [keyAt(entries, i, format), valueAt(entries, i, format)];
      if (!isMark(views, i, format)) {
        if (map.set(key, value, 'noexist') === 'exists') throw TAKEN;
      } else if (exactValue(map, key, format) === undefined) map.set(key, value);
      written.set(format, i + 1);
    }
  }

  /** Deletes all or none. @throws InstanceError with code `EUNMAPPED` naming those that are not there. */
  remove(insides: readonly Endpoint[], journal: Journal): void {
    const former = this.#former(encodeMappings(this.#find(insides)));
    journal.begin(former);
    const formats = TABLES.toReversed();
    try {
      for (const format of formats) this.#removeFrom(format, former[format.name]);
      journal.end();
    } catch (error) {
      for (const { name } of TABLES) this.maps[name].raw.setBatch(former[name]);
      journal.end();
      throw error;
    }
  }

  #removeFrom(format: TableFormat, entries: Entries, missing: 'stop' | 'skip' = 'stop'): void {
    if (entries.count === 0) return;
    const { raw: map } = this.maps[format.name];
    const views = viewsOf(entries);
    const marks: number[] = [];
    const others: number[] = [];
    for (let i = 0; i < entries.count; i++) (isMark(views, i, format) ? marks : others).push(i);
    const { keys, count } = pick(entries, others, format);
    map.deleteBatch(keys, count, { missing });
    for (const i of marks) dropMark(map, keyAt(entries, i, format), format);
  }

  /** The mappings of these insides. */
  #find(insides: readonly Endpoint[]): Mapping[] {
    const encoder = new Encoder();
    const found: Mapping[] = [];
    const unknown: Endpoint[] = [];
    const seen = new Set<string>();
    for (const inside of insides) {
      const text = formatEndpoint(inside);
      if (seen.has(text)) continue;
      seen.add(text);
      const mapping = this.#mappingOf(inside, encoder);
      if (mapping !== undefined && formatEndpoint(endpointOf(mapping, 'inside')) === text)
        found.push(mapping);
      else unknown.push(inside);
    }
    if (unknown.length > 0) throw unmapped(this.name, unknown);
    return found;
  }

  /** The mapping that is looked up on the way out as one of this inside would be. */
  #mappingOf(inside: Endpoint, encoder: Encoder): Mapping | undefined {
    if (inside.kind === 'slot') return undefined;
    if (inside.kind === 'address') return addressAt(this.maps, inside.address, 'inside');
    encoder.clear();
    encoder.add(ontoItself(inside));
    const { entries } = encoder;
    for (const format of OUTBOUND) {
      const wanted = entries[format.name];
      if (wanted.count === 0) continue;
      const views = viewsOf(wanted);
      for (let i = 0; i < wanted.count; i++) {
        if (isMark(views, i, format)) continue;
        const keys = keyAt(wanted, i, format);
        const values = exactValue(this.maps[format.name].raw, keys, format);
        return values && mappingAt(viewsOf({ count: 1, keys, values }), 0, format);
      }
    }
    return undefined;
  }

  /** What there is of these entries, with its counters; not what somebody else has written in their place. */
  #former(entries: TableEntries): TableEntries {
    const formers = TABLES.map((format) => {
      const wanted = entries[format.name];
      const { raw: map } = this.maps[format.name];
      const positions: number[] = [];
      if (wanted.count === 0) return [format.name, wanted];
      for (let i = 0; i < wanted.count; i++) {
        const value = exactValue(map, keyAt(wanted, i, format), format);
        const there = valueAt(wanted, i, format);
        if (value === undefined || !sameBytes(value, 0, there, 0, format.identitySize)) continue;
        there.set(value);
        positions.push(i);
      }
      return [format.name, pick(wanted, positions, format)];
    });
    return Object.fromEntries(formers) as unknown as TableEntries;
  }

  /** @throws InstanceError with code `EFULL` */
  requireRoom(entries: TableEntries): void {
    for (const { name } of TABLES) {
      const { count } = entries[name];
      if (count > this.maps[name].raw.maxEntries) throw this.#full(name, count, 0);
    }
  }

  #taken(mappings: readonly Mapping[], uses: Uses): MappingError {
    const complaints = takenComplaints(this.name, this.maps, mappings, uses, []);
    // Who took it has let go of it again, or wrote one direction only.
    const other = `another program bound one of these on instance '${this.name}' at the same time; try again, if 'tsnat status ${this.name}' knows of no mapping in one direction only`;
    return new MappingError(
      complaints.length > 0 ? complaints : [complain('outside_taken', undefined, other)],
    );
  }

  #explained(error: unknown, entries: TableEntries): unknown {
    // A hash says E2BIG when it is full, a trie ENOSPC.
    const isFull = error instanceof LoaderError && (error.code === 'E2BIG' || error.code === 'ENOSPC');
    if (!isFull) return error;
    for (const { name } of TABLES) {
      const { raw: map } = this.maps[name];
      const [more, used] = [entries[name].count, map.elements().count];
      if (used + more > map.maxEntries) return this.#full(name, more, used, error);
    }
    return error;
  }

  #full(table: TableName, more: number, used: number, cause?: unknown): InstanceError {
    const { maxEntries } = this.maps[table].raw;
    const { isNet, family } = formatNamed(table);
    const what = isNet ? `entries for IPv${family} prefixes and ports` : `IPv${family} address mappings`;
    const remedy = isNet ? '' : ', attach it with a larger --capacity';
    const fits = `${used} of ${maxEntries} ${what} are used, ${more} more do not fit`;
    const message = `instance '${this.name}' is full: ${fits}; nothing was added${remedy}`;
    return new InstanceError('EFULL', message, cause);
  }
}

const OUTBOUND: readonly TableFormat[] = TABLES.filter(({ direction }) => direction === 'outbound');

/** The first `count` of them. */
const firstOf = ({ keys, values }: Entries, count: number, { keySize, valueSize }: TableFormat): Entries => ({
  count,
  keys: keys.subarray(0, count * keySize),
  values: values.subarray(0, count * valueSize),
});

/** What is thrown when somebody else was faster. */
const TAKEN: unique symbol = Symbol('taken');

/** A mapping whose entries on the way out have the keys of every mapping of this inside. */
function ontoItself(endpoint: Exclude<Endpoint, { kind: 'address' | 'slot' }>): Mapping {
  const sides = { inside: endpoint.address, outside: endpoint.address };
  switch (endpoint.kind) {
    case 'prefix':
      return { kind: 'prefix', ...sides, length: endpoint.length };
    case 'port': {
      const { port, protocol } = endpoint;
      return { kind: 'port', ...sides, protocol, insidePort: port, outsidePort: port };
    }
    case 'port_block': {
      const { port, ports } = endpoint;
      return { kind: 'port_block', ...sides, ports, insidePort: port, outsidePort: port };
    }
  }
}
