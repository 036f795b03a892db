// The mappings of an instance: two maps, one for each direction, that say the same. Written inbound first, so that
// the answer to a packet translated on its way out is always translated back.
// A table that nobody knows yet is filled in batches; a live one mapping by mapping, where the kernel itself refuses
// what is there already, and with a journal, so that a killed change can be made good.

import { type BpfMap, LoaderError, type RawMap } from '../../loader/index.ts';
import { formatIpv4 } from '../address.ts';
import { type AddressMapping, formatMapping } from '../mapping.ts';
import { complain, MappingError } from '../mapping-error.ts';
import type { InstanceMaps } from '../maps.ts';
import { InstanceError } from './error.ts';
import type { Journal } from './journal.ts';
import { deleteAll, type Entry, elements, get, keyOf, readAll, recordOf, setAll } from './table-bytes.ts';
import type { MappingState } from './types.ts';

/** Beyond this the whole table is read at once, which pays from here on. */
const FEW = 32;

type TableMap = BpfMap<InstanceMaps['outbound']['key'], InstanceMaps['outbound']['value']>;

/** Works on maps that somebody else owns. */
export class Table {
  readonly name: string;
  readonly outbound: RawMap;
  readonly inbound: RawMap;
  readonly capacity: number;

  /** @param name the instance's, for messages */
  constructor(name: string, maps: { readonly outbound: TableMap; readonly inbound: TableMap }) {
    this.name = name;
    this.outbound = maps.outbound.raw;
    this.inbound = maps.inbound.raw;
    this.capacity = maps.outbound.maxEntries;
  }

  /** Writes mappings into a table that holds none, which nobody else knows yet. */
  fill(mappings: readonly AddressMapping[]): void {
    this.requireRoom(mappings.length, 0);
    this.#write(mappings);
  }

  /** Each inside with what becomes of it, and each outside likewise. */
  read(): { outbound: Map<number, Entry>; inbound: Map<number, Entry> } {
    return { outbound: readAll(this.outbound), inbound: readAll(this.inbound) };
  }

  /**
   * Adds all or none. Each is added where there is none, so that somebody who binds the same address at the same
   * time, without our lock, is noticed.
   *
   * @throws MappingError for what is taken, InstanceError with code `EFULL`.
   */
  add(mappings: readonly AddressMapping[], journal: Journal): void {
    this.#requireFree(mappings);
    journal.begin(mappings);
    const done: [RawMap, number][] = [];
    try {
      for (const mapping of mappings) {
        for (const [map, key, address] of [
          [this.inbound, mapping.outside, mapping.inside],
          [this.outbound, mapping.inside, mapping.outside],
        ] as const) {
          if (map.set(keyOf(key), recordOf(address), 'noexist') === 'exists') throw this.#taken([mapping]);
          done.push([map, key]);
        }
      }
      journal.end();
    } catch (error) {
      for (const [map, key] of done.reverse()) map.delete(keyOf(key));
      journal.end();
      throw this.#explained(error, mappings.length);
    }
  }

  /** Deletes all or none. @throws InstanceError with code `EUNMAPPED` naming those that are not there. */
  remove(insides: readonly number[], journal: Journal): void {
    const { outbound: known } = insides.length > FEW ? this.read() : { outbound: this.#some(insides) };
    const unknown = insides.filter((inside) => !known.has(inside));
    if (unknown.length > 0) throw this.#unmapped(unknown);
    const former = insides.map((inside) => ({ inside, entry: known.get(inside)! }));
    const outsides = former
      .map(({ inside, entry }) => ({
        outside: entry.address,
        inside,
        twin: get(this.inbound, entry.address),
      }))
      // Who shares an outside with another inside, by a foreign write, must not take it along.
      .filter(({ inside, twin }) => twin?.address === inside);
    journal.begin(former.map(({ inside, entry }) => ({ inside, outside: entry.address })));
    try {
      deleteAll(this.outbound, insides);
      deleteAll(
        this.inbound,
        outsides.map(({ outside }) => outside),
      );
      journal.end();
    } catch (error) {
      setAll(
        this.inbound,
        outsides.map(({ outside, twin }) => [outside, twin!]),
      );
      setAll(
        this.outbound,
        former.map(({ inside, entry }) => [inside, entry]),
      );
      journal.end();
      throw error;
    }
  }

  /** @throws InstanceError with code `EFULL` */
  requireRoom(more: number, used: number): void {
    if (used + more > this.capacity) throw this.#full(more, used);
  }

  /** What is taken, and what does not fit, is known before the first is written. */
  #requireFree(mappings: readonly AddressMapping[]): void {
    const many = mappings.length > FEW ? this.read() : undefined;
    const isTaken = ({ inside, outside }: AddressMapping): boolean =>
      many === undefined
        ? get(this.outbound, inside) !== undefined || get(this.inbound, outside) !== undefined
        : many.outbound.has(inside) || many.inbound.has(outside);
    const taken = mappings.filter(isTaken);
    if (taken.length > 0) throw this.#taken(taken);
    if (many !== undefined)
      this.requireRoom(mappings.length, Math.max(many.outbound.size, many.inbound.size));
  }

  #write(mappings: readonly AddressMapping[]): void {
    this.inbound.setBatch(
      elements(
        mappings,
        ({ outside }) => outside,
        ({ inside }) => inside,
      ),
    );
    this.outbound.setBatch(
      elements(
        mappings,
        ({ inside }) => inside,
        ({ outside }) => outside,
      ),
    );
  }

  #some(insides: readonly number[]): Map<number, Entry> {
    const found = new Map<number, Entry>();
    for (const inside of insides) {
      const entry = get(this.outbound, inside);
      if (entry !== undefined) found.set(inside, entry);
    }
    return found;
  }

  #taken(mappings: readonly AddressMapping[]): MappingError {
    return new MappingError(
      mappings.flatMap((mapping) => {
        const text = formatMapping(mapping);
        const [inside, outside] = [formatIpv4(mapping.inside), formatIpv4(mapping.outside)];
        const inUse = get(this.outbound, mapping.inside);
        const user = get(this.inbound, mapping.outside);
        const free = (address: number): string =>
          `free it with 'tsnat map del ${this.name} ${formatIpv4(address)}'`;
        return [
          ...(inUse === undefined
            ? []
            : [
                complain(
                  'inside_taken',
                  undefined,
                  `mapping '${text}': inside ${inside} already maps to ${formatIpv4(inUse.address)}: ${free(mapping.inside)}`,
                ),
              ]),
          ...(user === undefined || (inUse !== undefined && user.address === mapping.inside)
            ? []
            : [
                complain(
                  'outside_taken',
                  undefined,
                  `mapping '${text}': outside ${outside} is already that of ${formatIpv4(user.address)}: ${free(user.address)}`,
                ),
              ]),
        ];
      }),
    );
  }

  #explained(error: unknown, count: number): unknown {
    const full = error instanceof LoaderError && error.code === 'E2BIG';
    return full ? this.#full(count, readAll(this.outbound).size, error) : error;
  }

  #full(more: number, used: number, cause?: unknown): InstanceError {
    const fits = `${used} of ${this.capacity} mappings are used, ${more} more do not fit`;
    const message = `instance '${this.name}' is full: ${fits}; nothing was added, attach it with a larger --capacity`;
    return new InstanceError('EFULL', message, cause);
  }

  #unmapped(insides: readonly number[]): InstanceError {
    const shown = insides.slice(0, MOST_NAMES).map(formatIpv4).join(', ');
    const more = insides.length > MOST_NAMES ? ` and ${insides.length - MOST_NAMES} more` : '';
    return new InstanceError(
      'EUNMAPPED',
      `instance '${this.name}' has no mapping for inside ${shown}${more}; nothing was deleted, 'tsnat map list ${this.name}' shows what it has`,
    );
  }
}

/** The most addresses worth listing in an error. */
const MOST_NAMES = 10;

/** The mappings with both their counters, and how many have no twin in the other direction. */
export function statesOf({ outbound, inbound }: ReturnType<Table['read']>): {
  states: MappingState[];
  torn: number;
} {
  let torn = Math.max(0, inbound.size - outbound.size);
  const states = [...outbound].map(([inside, out]): MappingState => {
    const back = inbound.get(out.address);
    const whole = back?.address === inside;
    if (!whole) torn++;
    return {
      mapping: { kind: 'address', inside, outside: out.address },
      outbound: { packets: out.packets, bytes: out.bytes },
      inbound: whole ? { packets: back.packets, bytes: back.bytes } : { packets: 0n, bytes: 0n },
    };
  });
  return { states, torn };
}
