// A running instance in hand: its mappings, and what it is doing. Each change is all or nothing, and waits for other
// processes that are at work on instances.

import { type BpfMap, FolderLock } from '../../loader/index.ts';
import type { AddressMapping } from '../mapping.ts';
import { requireSound } from '../mapping-check.ts';
import { instanceMaps } from '../maps.ts';
import type { Context } from './attach.ts';
import { recover } from './dismantle.ts';
import { InstanceError } from './error.ts';
import { instancesFolder, listNames, Pins, withFolder } from './pins.ts';
import { isRevoked, recordMap } from './record.ts';
import { statusOf } from './status.ts';
import { statesOf, Table } from './table.ts';
import type { InstanceStatus, MappingState } from './types.ts';

/** Holds descriptors of the instance's maps until it is closed. */
export interface Instance extends Disposable {
  readonly name: string;
  /**
   * Adds all of them or none, with counters at zero.
   *
   * @throws MappingError for mappings that are unsound, or taken by one that is there; InstanceError with code
   * `EFULL`, or `ENOENT` when the instance was detached meanwhile.
   */
  addMappings(mappings: readonly AddressMapping[]): void;
  /** Deletes all of them or none, by inside address. @throws InstanceError with code `EUNMAPPED` */
  deleteMappings(insides: readonly number[]): void;
  /** In no order. */
  listMappings(): MappingState[];
  status(): InstanceStatus;
  close(): void;
}

/** @throws InstanceError with code `ENOENT`, or `EHALF` when its pins do not say what it is. */
export function openInstance(name: string, context: Context = {}): Instance {
  const instances = instancesFolder(context.root);
  const pins = new Pins(instances, name);
  if (new Pins(instances, name, true).exist) withFolder(instances, () => recover(instances, name));
  if (!pins.exist) throw unknownInstance(instances, name);
  const parts = new Parts(instances, pins);
  return {
    name,
    addMappings: (mappings) => {
      requireSound(mappings);
      parts.change((table) => table.add(mappings));
    },
    deleteMappings: (insides) => parts.change((table) => table.remove([...new Set(insides)])),
    listMappings: () => statesOf(parts.open().table.read()).states,
    status: () => statusOf(pins),
    close: () => parts[Symbol.dispose](),
    [Symbol.dispose]: () => parts[Symbol.dispose](),
  };
}

/** What a missing instance is told with. */
export function unknownInstance(instances: string, name: string): InstanceError {
  const names = listNames(instances);
  const there = names.length === 0 ? 'nothing is attached' : `attached: ${names.join(', ')}`;
  return new InstanceError('ENOENT', `there is no instance '${name}'; ${there}`);
}

interface Opened {
  readonly table: Table;
  readonly record: BpfMap<typeof recordMap.key, typeof recordMap.value>;
  readonly lock: FolderLock;
}

const RECORD_KEY = new Uint8Array(recordMap.keySize);

/** Opens what changes need, once, when the first change comes. */
class Parts implements Disposable {
  readonly #instances: string;
  readonly #pins: Pins;
  #opened: Opened | undefined;
  #owned: Disposable[] = [];

  constructor(instances: string, pins: Pins) {
    this.#instances = instances;
    this.#pins = pins;
  }

  open(): Opened {
    if (this.#opened !== undefined) return this.#opened;
    const own = <T extends Disposable>(part: T): T => {
      this.#owned.push(part);
      return part;
    };
    const { capacity } = this.#pins.record();
    const definitions = instanceMaps(capacity);
    const outbound = own(this.#pins.map('outbound', definitions.outbound));
    const inbound = own(this.#pins.map('inbound', definitions.inbound));
    this.#opened = {
      table: new Table(this.#pins.name, { outbound, inbound }),
      record: own(this.#pins.map('instance', recordMap)),
      lock: own(new FolderLock(this.#instances)),
    };
    return this.#opened;
  }

  change(run: (table: Table) => void): void {
    const { table, record, lock } = this.open();
    lock.hold(() => {
      const data = record.raw.get(RECORD_KEY);
      if (data === undefined || isRevoked(data)) {
        throw new InstanceError('ENOENT', `instance '${this.#pins.name}' has been detached meanwhile`);
      }
      run(table);
    });
  }

  [Symbol.dispose](): void {
    for (const part of this.#owned.splice(0)) part[Symbol.dispose]();
    this.#opened = undefined;
  }
}
