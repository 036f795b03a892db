// What changes of a running instance need, opened once: its maps, its record, and the locks, on all instances and on
// itself. Whoever changes an instance holds its own; whoever makes, swaps or removes one holds that on all as well.

import { type BpfMap, FolderLock } from '../../loader/index.ts';
import type { Owned } from './contents.ts';
import { InstanceError } from './error.ts';
import { Journal } from './journal.ts';
import { openMaps } from './own-maps.ts';
import type { Pins } from './pins.ts';
import { type InstanceRecord, isRevoked, RECORD_KEY as KEY, recordMap } from './record.ts';
import { Table } from './table.ts';
import type { Works } from './works.ts';

export interface Opened {
  readonly maps: Owned;
  readonly table: Table;
  readonly record: BpfMap<typeof recordMap.key, typeof recordMap.value>;
  readonly journal: Journal;
  /** On all instances. */
  readonly lock: FolderLock;
  /** On this one. */
  readonly own: FolderLock;
}

const RECORD_KEY: Uint8Array = new Uint8Array(Uint32Array.of(KEY).buffer);

/** Opens what changes need, once, when the first change comes. */
export class Parts implements Disposable {
  readonly #pins: Pins;
  readonly #works: Works;
  #opened: Opened | undefined;
  /** The record as it was read last. */
  #known: { readonly data: Uint8Array; readonly record: InstanceRecord } | undefined;
  #owned: Disposable[] = [];

  constructor(pins: Pins, works: Works) {
    this.#pins = pins;
    this.#works = works;
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
      lock: own(new FolderLock(this.#pins.instances)),
      own: own(new FolderLock(this.#pins.folder)),
    };
    return this.#opened;
  }

  /** Runs `run` while no other process is at work on instances, on what no killed one has left unfinished. */
  locked<T>(run: (opened: Opened, record: InstanceRecord) => T): T {
    const opened = this.open();
    return opened.lock.hold(() =>
      opened.own.hold(() => {
        const known = this.#readRecord(opened);
        if (!opened.journal.isOpen) return run(opened, known);
        this.#works.recover(this.#pins.instances, this.#pins.name);
        return run(opened, this.#readRecord(opened));
      }),
    );
  }

  /**
   * The same for what touches nothing but tables of this instance, and shall not wait for others: while no other process
   * is at work on this one.
   */
  lockedAlone<T>(run: (opened: Opened, record: InstanceRecord) => T): T {
    const opened = this.open();
    const done = opened.own.hold(() => {
      const record = this.#readRecord(opened);
      return opened.journal.isOpen ? undefined : { result: run(opened, record) };
    });
    return done === undefined ? this.locked(run) : done.result;
  }

  #readRecord({ record: { raw } }: Opened): InstanceRecord {
    const { calls } = raw;
    calls.putKey(RECORD_KEY);
    const isThere = calls.lookup();
    const { found } = calls;
    // It seldom changes.
    if (this.#known !== undefined && Buffer.compare(this.#known.data, found) === 0) return this.#known.record;
    const data = calls.value();
    if (!isThere || isRevoked(data)) {
      throw new InstanceError('ENOENT', `instance '${this.#pins.name}' has been detached meanwhile`);
    }
    const record = this.#pins.record();
    this.#known = { data, record };
    return record;
  }

  [Symbol.dispose](): void {
    for (const part of this.#owned.splice(0)) part[Symbol.dispose]();
    this.#opened = undefined;
  }
}
