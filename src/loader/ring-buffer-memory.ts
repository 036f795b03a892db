// A ring buffer's memory as the kernel shares it (kernel/bpf/ringbuf.c): a page with the consumer's position, which is
// ours to write, a page with the producer's position, and the data, mapped twice in a row so that no record is torn.
// A record is a header of 8 bytes, the length and two flags in its first 4, and the data, rounded up to 8 bytes.

import { LITTLE_ENDIAN } from '../asm/data.ts';
import { LoaderError, systemError } from './errors.ts';
import { libc, type Mapping, mapMemory } from './ffi.ts';

/** BPF_RINGBUF_HDR_SZ */
const HEADER_SIZE = 8;
const ALIGNMENT = 8;
/** BPF_RINGBUF_BUSY_BIT: reserved, and not submitted yet. */
const BUSY: number = 1 << 31;
/** BPF_RINGBUF_DISCARD_BIT: given up by the program. */
const DISCARDED: number = 1 << 30;
const LENGTH_MASK: number = ~(BUSY | DISCARDED);

const spaceOf = (length: number): number =>
  Math.ceil((HEADER_SIZE + (length & LENGTH_MASK)) / ALIGNMENT) * ALIGNMENT;

/** One consumer of one ring buffer. There must be no other at the same time, in no process. */
export class RingMemory implements Disposable {
  readonly #what: string;
  readonly #size: number;
  readonly #mappings: readonly Mapping[];
  readonly #consumer: BigUint64Array;
  readonly #producer: BigUint64Array;
  readonly #headers: Int32Array;
  readonly #data: Uint8Array;
  #closed = false;

  /** @param size of the data, in bytes: the map's `maxEntries`. @throws LoaderError when `fd` cannot be mapped. */
  constructor(fd: number, size: number, what: string) {
    const page = libc('getpagesize');
    const own = mapped(fd, 0, page, true, what);
    let shared: Mapping;
    try {
      shared = mapped(fd, page, page + 2 * size, false, what);
    } catch (error) {
      own.unmap();
      throw error;
    }
    this.#what = what;
    this.#size = size;
    this.#mappings = [own, shared];
    this.#consumer = new BigUint64Array(own.buffer, 0, 1);
    this.#producer = new BigUint64Array(shared.buffer, 0, 1);
    this.#headers = new Int32Array(shared.buffer, page, (2 * size) / Int32Array.BYTES_PER_ELEMENT);
    this.#data = new Uint8Array(shared.buffer, page, 2 * size);
  }

  /** Bytes that are taken, records in progress among them. */
  get used(): number {
    this.#requireOpen();
    return Number(Atomics.load(this.#producer, 0) - Atomics.load(this.#consumer, 0));
  }

  /**
   * Takes whole records out, with their headers, as many as are finished and about as many as `limit` bytes hold: at
   * least one. Their room is the kernel's again.
   *
   * @returns a copy; undefined where there is none.
   */
  take(limit: number): Uint8Array<ArrayBuffer> | undefined {
    this.#requireOpen();
    const position = Atomics.load(this.#consumer, 0);
    const used = Number(Atomics.load(this.#producer, 0) - position);
    const start = Number(position % BigInt(this.#size));
    let taken = 0;
    while (taken < used && (taken === 0 || taken < limit)) {
      const header = Atomics.load(this.#headers, (start + taken) / Int32Array.BYTES_PER_ELEMENT);
      if (header & BUSY) break;
      taken += spaceOf(header);
    }
    if (taken === 0) return undefined;
    if (taken > used || used > this.#size) {
      throw new LoaderError(`${this.#what}: somebody else has moved the consumer's position`, {
        code: 'ERINGBUF',
        object: this.#what,
        hint: 'a ring buffer has one reader',
      });
    }
    const records = this.#data.slice(start, start + taken);
    Atomics.store(this.#consumer, 0, position + BigInt(taken));
    return records;
  }

  /** Again is no error. */
  close(): void {
    this.#closed = true;
    for (const mapping of this.#mappings) mapping.unmap();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Touching memory that is not mapped any more would end the process. */
  #requireOpen(): void {
    if (!this.#closed) return;
    throw new LoaderError(`${this.#what} is closed (EBADF)`, { code: 'EBADF', object: this.#what });
  }
}

function mapped(fd: number, offset: number, length: number, writable: boolean, what: string): Mapping {
  const mapping = mapMemory(fd, offset, length, writable);
  if (typeof mapping !== 'number') return mapping;
  throw systemError(mapping, 'mmap', `cannot map ${what}`, { object: what });
}

/** A record among others: its data is `length` bytes at `at`. */
export interface RingRecord {
  readonly at: number;
  readonly length: number;
  readonly discarded: boolean;
  /** Where the next one's header is. */
  readonly next: number;
}

/** The record whose header is at `at`. */
export function recordAt(records: DataView, at: number): RingRecord {
  const header = records.getInt32(at, LITTLE_ENDIAN);
  return {
    at: at + HEADER_SIZE,
    length: header & LENGTH_MASK,
    discarded: (header & DISCARDED) !== 0,
    next: at + spaceOf(header),
  };
}
