// A running instance in hand: its mappings, and what it is doing. Each change is all or nothing, and waits for other
// processes that are at work on instances.

import { type BpfMap, FolderLock } from '../../loader/index.ts';
import type { Endpoint } from '../endpoint.ts';
import { decodeEntries, type MappingState } from '../entries-decode.ts';
import type { Mapping } from '../mapping.ts';
import { usesOf } from '../uses.ts';
import type { Owned } from './contents.ts';
import { InstanceError } from './error.ts';
import { Journal } from './journal.ts';
import { type Context, makingOf } from './making.ts';
import { openMaps } from './own-maps.ts';
import { instancesFolder, listNames, Pins, withFolder } from './pins.ts';
import { type InstanceRecord, isRevoked, RECORD_KEY as KEY, recordMap } from './record.ts';
import { needsRecovery, recover } from './recover.ts';
import { extendUses, replaceMappings } from './replace.ts';
import type { Replaced } from './replacement.ts';
import { requireServed } from './served.ts';
import { statusOf } from './status.ts';
import { widenOutsides } from './subnet.ts';
import { Table } from './table.ts';
import { inTurn } from './transition.ts';
import type { InstanceStatus } from './types.ts';

/** Holds descriptors of the instance's maps until it is closed. */
export interface Instance extends Disposable {
  readonly name: string;
  /**
   * Adds all of them or none, with counters at zero. Mappings of a kind that the instance had none of yet bring new
   * programs.
   *
   * @throws MappingError for mappings that are unsound, or taken by one that is there; InstanceError with code
   * `EFULL`, or `ENOENT` when the instance was detached meanwhile.
   */
  addMappings(mappings: readonly Mapping[]): void;
  /** Deletes all of them or none, by their insides. @throws InstanceError with code `EUNMAPPED` */
  deleteMappings(insides: readonly Endpoint[]): void;
  /**
   * Makes these the mappings, all of them from one packet to the next, in both directions. Those that stay keep
   * their counters.
   *
   * @throws MappingError for mappings that are unsound; InstanceError with code `EFULL`, `EHALF` when the instance is
   * not whole, or `ENOENT` when it was detached meanwhile.
   */
  replaceMappings(mappings: readonly Mapping[]): Replaced;
  /** In no order. */
  listMappings(): MappingState[];
  status(): InstanceStatus;
  close(): void;
}

/** @throws InstanceError with code `ENOENT`, or `EHALF` when its pins do not say what it is. */
export function openInstance(name: string, context: Context = {}): Instance {
  const instances = instancesFolder(context.root);
  const pins = new Pins(instances, name);
  if (needsRecovery(instances, name)) withFolder(instances, () => recover(instances, name));
  if (!pins.exist) throw unknownInstance(instances, name);
  const parts = new Parts(instances, pins);
  return {
    name,
    addMappings: (mappings) => {
      requireServed(mappings);
      const needed = usesOf(mappings);
      parts.locked(({ table, maps, journal }, { uses }) => {
        table.requireFree(mappings, uses);
        const isNew = [...needed].some((use) => !uses.has(use));
        inTurn(
          () => isNew && extendUses(pins, needed, makingOf(context)),
          () => {
            widenOutsides(maps.interface, mappings);
            table.add(mappings, uses, journal);
          },
        );
      });
    },
    replaceMappings: (mappings) => {
      requireServed(mappings);
      return parts.locked(() => replaceMappings(pins, mappings, makingOf(context)));
    },
    deleteMappings: (insides) => parts.locked(({ table, journal }) => table.remove(insides, journal)),
    listMappings: () => decodeEntries(parts.open().table.read()).states,
    status: () => {
      const seen = statusOf(pins);
      // What looks wrong may be another command's work in hand: it is looked at again when nobody is at work.
      return seen.healthy ? seen : withFolder(instances, () => statusOf(pins));
    },
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
  readonly maps: Owned;
  readonly table: Table;
  readonly record: BpfMap<typeof recordMap.key, typeof recordMap.value>;
  readonly journal: Journal;
  readonly lock: FolderLock;
}

const RECORD_KEY: Uint8Array = new Uint8Array(Uint32Array.of(KEY).buffer);

/** Opens what changes need, once, when the first change comes. */
class Parts implements Disposable {
  readonly #instances: string;
  readonly #pins: Pins;
  #opened: Opened | undefined;
  /** The record as it was read last. */
  #known: { readonly data: Uint8Array; readonly record: InstanceRecord } | undefined;
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
    const { maps } = own(openMaps(this.#pins, capacity));
    const record = own(this.#pins.map('instance', recordMap));
    this.#opened = {
      maps,
      table: new Table(this.#pins.name, maps),
      record,
      journal: new Journal(this.#pins, record.raw),
      lock: own(new FolderLock(this.#instances)),
    };
    return this.#opened;
  }

  /** Runs `run` while no other process is at work on instances, on what no killed one has left unfinished. */
  locked<T>(run: (opened: Opened, record: InstanceRecord) => T): T {
    const opened = this.open();
    return opened.lock.hold(() => {
      const known = this.#readRecord(opened);
      const shadow = new Pins(this.#instances, this.#pins.name, true);
      if (!shadow.exist && !opened.journal.isOpen) return run(opened, known);
      recover(this.#instances, this.#pins.name);
      return run(opened, this.#readRecord(opened));
    });
  }

  #readRecord({ record: { raw } }: Opened): InstanceRecord {
    const data = raw.get(RECORD_KEY);
    if (data === undefined || isRevoked(data)) {
      throw new InstanceError('ENOENT', `instance '${this.#pins.name}' has been detached meanwhile`);
    }
    // It seldom changes.
    if (this.#known !== undefined && Buffer.compare(this.#known.data, data) === 0) return this.#known.record;
    const record = this.#pins.record();
    this.#known = { data, record };
    return record;
  }

  [Symbol.dispose](): void {
    for (const part of this.#owned.splice(0)) part[Symbol.dispose]();
    this.#opened = undefined;
  }
}
