// Records that have come over from the thread, until somebody asks for them: decoded one by one, acknowledged in the
// pieces they came in.

import type { StructType, ValueOf } from '../asm/data.ts';
import { LoaderError } from './errors.ts';
import { type Codec, codecOf } from './map-codec.ts';
import { recordAt } from './ring-buffer-memory.ts';

type Result<E extends StructType> = IteratorResult<ValueOf<E>, undefined>;

interface Waiter<E extends StructType> {
  readonly resolve: (result: Result<E>) => void;
  readonly reject: (error: Error) => void;
}

/** Decodes the records in `records`; `onDiscarded` is called for each that a program gave up. */
export class EventDecoder<E extends StructType> {
  readonly #codec: Codec<ValueOf<E>>;
  readonly #what: string;
  #records: DataView = new DataView(new ArrayBuffer(0));
  #at = 0;
  discarded = 0;

  constructor(event: E, what: string) {
    this.#codec = codecOf(event);
    this.#what = what;
  }

  feed(records: Uint8Array): void {
    this.#records = new DataView(records.buffer, records.byteOffset, records.byteLength);
    this.#at = 0;
  }

  /** @returns undefined at the end. @throws LoaderError with code `EEVENT` for a record shorter than the event. */
  next(): ValueOf<E> | undefined {
    while (this.#at < this.#records.byteLength) {
      const record = recordAt(this.#records, this.#at);
      this.#at = record.next;
      if (record.discarded) {
        this.discarded += 1;
        continue;
      }
      if (record.length < this.#codec.size) {
        throw new LoaderError(
          `${this.#what}: a record of ${record.length} bytes is no event of ${this.#codec.size} bytes`,
          { code: 'EEVENT', object: this.#what },
        );
      }
      return this.#codec.read(this.#records, record.at);
    }
    return undefined;
  }
}

export class RecordQueue<E extends StructType> {
  readonly #decoder: EventDecoder<E>;
  readonly #acknowledge: (bytes: number) => void;
  readonly #chunks: Uint8Array[] = [];
  readonly #waiters: Waiter<E>[] = [];
  #current = 0;
  #ended: Error | 'closed' | undefined;
  events = 0;
  /** Called when somebody begins to wait, and when nobody does any more. */
  onWaiting: (waiting: boolean) => void = () => {};

  constructor(event: E, what: string, acknowledge: (bytes: number) => void) {
    this.#decoder = new EventDecoder(event, what);
    this.#acknowledge = acknowledge;
  }

  get discarded(): number {
    return this.#decoder.discarded;
  }

  push(records: Uint8Array): void {
    if (this.#ended !== undefined) return;
    this.#chunks.push(records);
    if (this.#waiters.length === 0) return;
    while (this.#waiters.length > 0) {
      const answer = this.#attempt();
      if (answer === undefined) return;
      const waiter = this.#waiters.shift()!;
      if (answer instanceof Error) waiter.reject(answer);
      else waiter.resolve(answer);
    }
    this.onWaiting(false);
  }

  next(): Promise<Result<E>> {
    const answer = this.#waiters.length === 0 ? this.#attempt() : undefined;
    if (answer instanceof Error) return Promise.reject(answer);
    if (answer !== undefined) return Promise.resolve(answer);
    if (this.#ended === 'closed') return Promise.resolve({ done: true, value: undefined });
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    if (this.#waiters.length === 0) this.onWaiting(true);
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** All that is there. */
  drain(): ValueOf<E>[] {
    const events: ValueOf<E>[] = [];
    for (let event = this.#take(); event !== undefined; event = this.#take()) events.push(event);
    return events;
  }

  end(): void {
    if (this.#ended === undefined) this.#ended = 'closed';
    this.#chunks.length = 0;
    for (const { resolve } of this.#waiters.splice(0)) resolve({ done: true, value: undefined });
  }

  /** Whoever waits, or comes later, gets this. */
  fail(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiters.splice(0)) reject(error);
    this.onWaiting(false);
  }

  #attempt(): Result<E> | Error | undefined {
    try {
      const value = this.#take();
      return value === undefined ? undefined : { done: false, value };
    } catch (error) {
      return error as Error;
    }
  }

  #take(): ValueOf<E> | undefined {
    for (;;) {
      const event = this.#decoder.next();
      if (event !== undefined) {
        this.events += 1;
        return event;
      }
      if (this.#current > 0) this.#acknowledge(this.#current);
      const records = this.#chunks.shift();
      this.#current = records?.length ?? 0;
      if (records === undefined) {
        this.#decoder.feed(new Uint8Array());
        return undefined;
      }
      this.#decoder.feed(records);
    }
  }
}
