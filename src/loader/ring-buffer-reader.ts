// Reads a ring buffer without holding up the event loop: a thread of its own waits and copies, this side decodes.
// The thread ends with the reader, and with the process; it keeps the process alive only while somebody waits for events.

import { writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { StructType, ValueOf } from '../asm/data.ts';
import { Descriptor } from './descriptor.ts';
import { LoaderError, systemError } from './errors.ts';
import { libc } from './ffi.ts';
import { Channel, type ReaderData } from './ring-buffer-channel.ts';
import { RecordQueue } from './ring-buffer-queue.ts';

export interface RingReaderOptions {
  /**
   * The thread stops reading while this many bytes wait to be consumed on this side; 1 MiB where left out. The kernel's
   * ring then fills up, and what programs put out after that is lost to them: `bpf_ringbuf_output` and `_reserve` fail.
   */
  readonly highWater?: number;
  /**
   * Says how many events programs could not put out, for `stats().lost`. The kernel keeps no count: a program counts its
   * own failures, in a map or in global data, and this reads it.
   */
  readonly lost?: () => number | bigint;
}

export interface RingReaderStats {
  /** Events handed out. */
  readonly events: number;
  /** Records that programs reserved and gave up. */
  readonly discarded: number;
  /** How often the thread stopped reading because nobody consumed what it had read. */
  readonly pauses: number;
  /** The most bytes found in the ring. Close to its size: something was lost, or nearly. */
  readonly fullest: number;
  /** What `lost` of the options says; undefined without it. */
  readonly lost: bigint | undefined;
}

const DEFAULT_HIGH_WATER = 1024 * 1024;
/** A pending count must stay a positive 32-bit number, a ring of the largest size on top of it. */
const MAX_HIGH_WATER = 512 * 1024 * 1024;
/** Starting a thread takes some 30 ms, and it must have started to be stopped. */
const STOP_TIMEOUT_MS = 10_000;

/** EPOLL_CLOEXEC, EFD_CLOEXEC */
const CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLLIN = 1;
const EVENT_SIZE = 16;

const open = new Set<RingBufferReader>();
/** A thread asleep in a system call would hold up the end of the process. */
const stopAll = (): void => {
  for (const reader of open) reader.stop();
};

/** The events of a ring buffer, as they come. `BpfRingBuffer.reader` makes it. */
export class RingBufferReader<E extends StructType = StructType> implements AsyncDisposable, Disposable {
  readonly #channel = new Channel();
  readonly #queue: RecordQueue<E>;
  readonly #worker: Worker;
  readonly #wake: Descriptor;
  readonly #epoll: Descriptor;
  readonly #lost: (() => number | bigint) | undefined;
  readonly #release: () => void;
  #closing: Promise<void> | undefined;

  /** @internal `release` is called once the ring is nobody's again. */
  constructor(
    ring: { readonly fd: number; readonly size: number; readonly what: string; readonly event: E },
    options: RingReaderOptions,
    release: () => void,
  ) {
    const { fd, size, what, event } = ring;
    const { highWater = DEFAULT_HIGH_WATER, lost } = options;
    if (!Number.isInteger(highWater) || highWater < 1 || highWater > MAX_HIGH_WATER) {
      throw new RangeError(`${what}: highWater ${highWater} is not an integer from 1 to ${MAX_HIGH_WATER}`);
    }
    this.#lost = lost;
    this.#release = release;
    this.#queue = new RecordQueue(event, what, (bytes) => this.#channel.consumed(bytes));
    this.#wake = new Descriptor(made(libc('eventfd', 0, CLOEXEC), 'eventfd', what), what);
    try {
      this.#epoll = new Descriptor(made(libc('epoll_create1', CLOEXEC), 'epoll_create1', what), what);
      try {
        for (const watched of [fd, this.#wake.fd]) watch(this.#epoll.fd, watched, what);
        const { control } = this.#channel;
        const data: ReaderData = { control, what, ringFd: fd, size, epollFd: this.#epoll.fd, highWater };
        this.#worker = new Worker(new URL('./ring-buffer-worker.js', import.meta.url), {
          workerData: data,
          execArgv: [],
          name: 'tsnat ring buffer',
        });
      } catch (error) {
        this.#epoll.close();
        throw error;
      }
    } catch (error) {
      this.#wake.close();
      throw error;
    }
    this.#worker.on('message', (records: Uint8Array) => this.#queue.push(records));
    this.#worker.on('error', (cause) => this.#fail(what, cause));
    // After the listeners: one for messages is a reason to stay alive.
    this.#worker.unref();
    this.#queue.onWaiting = (waiting) => (waiting ? this.#worker.ref() : this.#worker.unref());
    if (open.size === 0) process.on('exit', stopAll);
    open.add(this as unknown as RingBufferReader);
  }

  /** The next event; done once the reader is closed. @throws LoaderError when reading has failed. */
  next(): Promise<IteratorResult<ValueOf<E>, undefined>> {
    return this.#queue.next();
  }

  /** All that has been read already, without waiting. */
  read(): ValueOf<E>[] {
    return this.#queue.drain();
  }

  /** Every event until the reader is closed. Leaving the loop leaves the reader open. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ValueOf<E>, void, undefined> {
    for (let { done, value } = await this.next(); !done; { done, value } = await this.next()) {
      yield value as ValueOf<E>;
    }
  }

  /** The same in arrays of what was there at a time: cheaper where there is much. */
  async *batches(): AsyncGenerator<ValueOf<E>[], void, undefined> {
    for (;;) {
      const { done, value } = await this.next();
      if (done) return;
      yield [value, ...this.read()];
    }
  }

  stats(): RingReaderStats {
    const lost = this.#lost?.();
    return {
      events: this.#queue.events,
      discarded: this.#queue.discarded,
      pauses: this.#channel.pauses,
      fullest: this.#channel.fullest,
      lost: lost === undefined ? undefined : BigInt(lost),
    };
  }

  /** @internal Tells the thread to end, and does not wait. */
  stop(): void {
    this.#channel.stop();
    // The counter of the eventfd: any number makes it readable.
    writeSync(this.#wake.fd, new Uint8Array(8).fill(1, 0, 1));
  }

  /** Ends the thread and gives back what it had. Events read and not consumed are gone. Again is no error. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#worker.once('exit', () => resolve());
    });
    this.#worker.ref();
    this.stop();
    await ended;
    this.#free();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Like `close`, and done when it returns: this thread stands still until the other one has let go. */
  [Symbol.dispose](): void {
    if (this.#closing !== undefined) return;
    this.stop();
    if (this.#channel.waitUntilStopped(STOP_TIMEOUT_MS)) {
      this.#closing = Promise.resolve();
      this.#free();
    } else {
      this.#closing = this.#worker.terminate().then(() => this.#free());
    }
  }

  #free(): void {
    open.delete(this as unknown as RingBufferReader);
    if (open.size === 0) process.off('exit', stopAll);
    this.#queue.end();
    this.#epoll.close();
    this.#wake.close();
    this.#release();
  }

  #fail(what: string, cause: Error): void {
    this.#channel.stopped();
    this.#queue.fail(
      new LoaderError(`cannot read ${what}: ${cause.message}`, { code: 'EREADER', object: what, cause }),
    );
  }
}

function made(result: number, syscall: string, what: string): number {
  if (result >= 0) return result;
  throw systemError(result, syscall, `cannot wait for ${what}`, { object: what });
}

function watch(epoll: number, fd: number, what: string): void {
  const event = new Uint8Array(EVENT_SIZE);
  new Uint32Array(event.buffer)[0] = EPOLLIN;
  made(libc('epoll_ctl', epoll, EPOLL_CTL_ADD, fd, event), 'epoll_ctl', what);
}
