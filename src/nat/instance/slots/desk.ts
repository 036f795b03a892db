// What changes of slots work on, kept from one to the next: which slots there are, as long as none has come or gone, and a
// way to ask what interfaces are called.

import { InterfaceQueries, LinkWatch, withNetns } from '../../../loader/index.ts';
import { findNamespace, requireNamespace } from '../namespace.ts';
import type { Opened, Parts } from '../parts.ts';
import type { Pins } from '../pins.ts';
import type { InstanceRecord } from '../record.ts';
import type { Works } from '../works.ts';
import { Book, type Place } from './book.ts';
import { type Hardware, requireSame } from './stale.ts';

/** An instance as it is just now. What only some changes need is got when it is asked for. */
export class Bench {
  readonly pins: Pins;
  readonly opened: Opened;
  readonly record: InstanceRecord;
  readonly works: Works;
  readonly #desk: SlotDesk;
  #names: InterfaceQueries | undefined;

  constructor(desk: SlotDesk, pins: Pins, opened: Opened, record: InstanceRecord, works: Works) {
    this.pins = pins;
    this.opened = opened;
    this.record = record;
    this.works = works;
    this.#desk = desk;
  }

  get book(): Book {
    return this.#desk.bookOf(this.opened, this.record);
  }

  /** In the network namespace of the instance. @throws InstanceError with code `EHALF` where that is gone. */
  get names(): InterfaceQueries {
    this.#names ??= this.#desk.namesNow(this.record);
    return this.#names;
  }

  /** What the interface of a slot has. @throws InstanceError with code `ESTALE` where it is not the one that it was. */
  requireSame(place: Place): Hardware {
    return this.#desk.requireSame(this.names, place);
  }
}

export class SlotDesk implements Disposable {
  readonly #pins: Pins;
  readonly #parts: Parts;
  readonly #works: Works;
  #book: { readonly turn: number; readonly book: Book } | undefined;
  #names: InterfaceQueries | undefined;
  #watch: LinkWatch | undefined;
  /** Slots whose interfaces were found to be the ones they were, and have not changed since. */
  readonly #same = new Map<Place, Hardware>();

  /** @param parts of the same instance, which somebody else owns */
  constructor(pins: Pins, parts: Parts, works: Works) {
    this.#pins = pins;
    this.#parts = parts;
    this.#works = works;
  }

  /** Runs `run` while no other process is at work on instances. */
  locked<T>(run: (bench: Bench) => T): T {
    return this.#parts.locked((opened, record) => run(this.bench(opened, record)));
  }

  /** The same for what only writes tables of this instance. */
  lockedAlone<T>(run: (bench: Bench) => T): T {
    return this.#parts.lockedAlone((opened, record) => run(this.bench(opened, record)));
  }

  bench(opened: Opened, record: InstanceRecord): Bench {
    return new Bench(this, this.#pins, opened, record, this.#works);
  }

  bookOf({ maps }: Pick<Opened, 'maps'>, { slots: { turn } }: InstanceRecord): Book {
    if (this.#book?.turn !== turn) {
      this.#book = { turn, book: new Book(this.#pins.name, maps) };
      this.#same.clear();
    }
    return this.#book.book;
  }

  /** Undefined where the network namespace is gone. */
  names(record: InstanceRecord): InterfaceQueries | undefined {
    return this.#names ?? (findNamespace(record) && this.#namesOf(record));
  }

  /** For one change: what has changed since the last one is asked about again. */
  namesNow(record: InstanceRecord): InterfaceQueries {
    const names = this.#namesOf(record);
    if (this.#watch?.changed()) this.#same.clear();
    return names;
  }

  /** The namespace of an instance never changes, and a socket stays in the one it was made in. */
  #namesOf(record: InstanceRecord): InterfaceQueries {
    this.#names ??= withNetns(requireNamespace(this.#pins.name, record).enter, () => {
      this.#watch = new LinkWatch();
      return new InterfaceQueries();
    });
    return this.#names;
  }

  /** As long as no interface changes, each is asked about once. */
  requireSame(names: InterfaceQueries, place: Place): Hardware {
    const known = this.#same.get(place);
    if (known !== undefined) return known;
    const is = requireSame(this.#pins.name, names, place);
    this.#same.set(place, is);
    return is;
  }

  [Symbol.dispose](): void {
    this.#names?.close();
    this.#watch?.close();
    this.#names = undefined;
  }
}
