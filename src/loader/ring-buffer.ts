// A ring buffer of events (BPF_MAP_TYPE_RINGBUF, since Linux 5.8): what programs put out, in order, to one reader.
// `take` reads what is there, in this thread; `reader` waits for more in a thread of its own.

import type { RingBuffer, StructType, ValueOf } from '../asm/data.ts';
import { LoaderError } from './errors.ts';
import { adoptIfThere } from './map-shape.ts';
import { RawMap } from './raw-map.ts';
import { RingMemory } from './ring-buffer-memory.ts';
import { EventDecoder } from './ring-buffer-queue.ts';
import { RingBufferReader, type RingReaderOptions } from './ring-buffer-reader.ts';

/**
 * Owns a ring buffer whose events have a layout.
 *
 * @example
 * using ring = BpfRingBuffer.create(defineRingBuffer({ name: 'seen', event: struct('seen', { proto: be16 }), size: 4096 }));
 * await using reader = ring.reader();
 * for await (const { proto } of reader) console.log(proto);
 */
export class BpfRingBuffer<E extends StructType = StructType> implements Disposable {
  readonly definition: RingBuffer<E>;
  readonly raw: RawMap;
  #memory: RingMemory | undefined;
  #reader: RingBufferReader<E> | undefined;

  /** Takes over `raw`. @throws LoaderError with code `EMAPSHAPE` when it is no ring buffer. */
  constructor(raw: RawMap, definition: RingBuffer<E>) {
    if (raw.spec.type !== 'ringbuf') {
      throw new LoaderError(`map '${definition.name}': type is ${raw.spec.type}, not ringbuf`, {
        code: 'EMAPSHAPE',
        object: `map '${definition.name}'`,
      });
    }
    this.raw = raw;
    this.definition = definition;
  }

  /** @throws LoaderError with code `EINVAL` where the kernel has none, or a size that is no multiple of its pages */
  static create<E extends StructType>(definition: RingBuffer<E>): BpfRingBuffer<E> {
    return new BpfRingBuffer(RawMap.create(definition), definition);
  }

  /** Opens a pinned ring buffer; undefined where nothing is pinned. Its size may differ from the definition's. */
  static openPin<E extends StructType>(
    path: string,
    definition: RingBuffer<E>,
  ): BpfRingBuffer<E> | undefined {
    return adoptIfThere(RawMap.openPin(path), (raw) => new BpfRingBuffer(raw, definition));
  }

  get fd(): number {
    return this.raw.fd;
  }

  get name(): string {
    return this.raw.name;
  }

  /** Of the data, in bytes. */
  get size(): number {
    return this.raw.maxEntries;
  }

  /** Bytes that are taken, by records in progress too. */
  get used(): number {
    return this.#own().used;
  }

  /**
   * The events that are there now, in order.
   *
   * @throws LoaderError with code `EBUSY` while a reader is open; `EEVENT` for a record shorter than an event, after
   * which the others of this call are gone
   */
  take(): ValueOf<E>[] {
    this.#requireIdle();
    const memory = this.#own();
    const decoder = new EventDecoder(this.definition.event, this.#what);
    const events: ValueOf<E>[] = [];
    for (let records = memory.take(this.size); records !== undefined; records = memory.take(this.size)) {
      decoder.feed(records);
      for (let event = decoder.next(); event !== undefined; event = decoder.next()) events.push(event);
    }
    return events;
  }

  /** Starts to read in a thread. One reader at a time. @throws LoaderError with code `EBUSY` for a second one. */
  reader(options: RingReaderOptions = {}): RingBufferReader<E> {
    this.#requireIdle();
    const ring = { fd: this.fd, size: this.size, what: this.#what, event: this.definition.event };
    // It cannot be mapped? Better said now than by the thread.
    this.#own();
    this.#reader = new RingBufferReader(ring, options, () => {
      this.#reader = undefined;
    });
    return this.#reader;
  }

  pin(path: string): void {
    this.raw.pin(path);
  }

  /** Closes the reader too, if there is one. */
  close(): void {
    this.#reader?.[Symbol.dispose]();
    this.#memory?.close();
    this.raw.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get #what(): string {
    return `ring buffer '${this.name}'`;
  }

  #own(): RingMemory {
    this.#memory ??= new RingMemory(this.fd, this.size, this.#what);
    return this.#memory;
  }

  #requireIdle(): void {
    if (this.#reader === undefined) return;
    throw new LoaderError(`${this.#what} has a reader already`, { code: 'EBUSY', object: this.#what });
  }
}
