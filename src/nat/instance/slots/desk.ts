// What changes of slots work on, kept from one to the next: which slots there are, as long as none has come or gone, and a
// way to ask what interfaces are called.

import { InterfaceQueries, withNetns } from '../../../loader/index.ts';
import { type Context, type Making, makingOf } from '../making.ts';
import { findNamespace, requireNamespace } from '../namespace.ts';
import type { Opened, Parts } from '../parts.ts';
import type { Pins } from '../pins.ts';
import type { InstanceRecord } from '../record.ts';
import { Book } from './book.ts';

/** An instance as it is just now. */
export interface Bench {
  readonly pins: Pins;
  readonly opened: Opened;
  readonly record: InstanceRecord;
  readonly book: Book;
  /** In the network namespace of the instance. */
  readonly names: InterfaceQueries;
  readonly making: Making;
}

export class SlotDesk implements Disposable {
  readonly #pins: Pins;
  readonly #parts: Parts;
  readonly #making: Making;
  #book: { readonly turn: number; readonly book: Book } | undefined;
  #names: InterfaceQueries | undefined;

  /** @param parts of the same instance, which somebody else owns */
  constructor(pins: Pins, parts: Parts, context: Context) {
    this.#pins = pins;
    this.#parts = parts;
    this.#making = makingOf(context);
  }

  /** Runs `run` while no other process is at work on instances. */
  locked<T>(run: (bench: Bench) => T): T {
    return this.#parts.locked((opened, record) => run(this.bench(opened, record)));
  }

  /** The same for what only writes tables of this instance. */
  lockedAlone<T>(run: (bench: Bench) => T): T {
    return this.#parts.lockedAlone((opened, record) => run(this.bench(opened, record)));
  }

  /** @throws InstanceError with code `EHALF` where the network namespace is gone. */
  bench(opened: Opened, record: InstanceRecord): Bench {
    const book = this.bookOf(opened, record);
    return { pins: this.#pins, opened, record, book, names: this.#namesOf(record), making: this.#making };
  }

  bookOf({ maps }: Pick<Opened, 'maps'>, { slots: { turn } }: InstanceRecord): Book {
    if (this.#book?.turn !== turn) this.#book = { turn, book: new Book(this.#pins.name, maps) };
    return this.#book.book;
  }

  /** Undefined where the network namespace is gone. */
  names(record: InstanceRecord): InterfaceQueries | undefined {
    return this.#names ?? (findNamespace(record) && this.#namesOf(record));
  }

  /** The namespace of an instance never changes, and a socket stays in the one it was made in. */
  #namesOf(record: InstanceRecord): InterfaceQueries {
    this.#names ??= withNetns(requireNamespace(this.#pins.name, record).enter, () => new InterfaceQueries());
    return this.#names;
  }

  [Symbol.dispose](): void {
    this.#names?.close();
    this.#names = undefined;
  }
}
