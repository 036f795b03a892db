// What a reader of a ring buffer and its thread agree on: a few words of shared memory. Records go over as messages; how
// many of them are under way is counted here, and the thread stops reading while that is too much.

/** Words of `control`. */
const STATE = 0;
/** Bytes of records that were sent and have not been consumed. */
const PENDING = 1;
/** How often the thread stopped reading because of that. */
const PAUSES = 2;
/** The most bytes that were found in the ring. */
const FULLEST = 3;
const WORDS = 4;

const RUNNING = 0;
const STOPPING = 1;
const STOPPED = 2;

/** What the thread gets as `workerData`. The descriptors are the reader's, who closes them when the thread is gone. */
export interface ReaderData {
  readonly control: SharedArrayBuffer;
  readonly what: string;
  readonly ringFd: number;
  readonly size: number;
  /** Becomes readable with the ring, and for good when the thread is to stop. */
  readonly epollFd: number;
  /** The thread pauses while this many bytes are pending. */
  readonly highWater: number;
}

/** Either side's hold on the words. */
export class Channel {
  readonly control: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(control: SharedArrayBuffer = new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT)) {
    this.control = control;
    this.#words = new Int32Array(control);
  }

  get running(): boolean {
    return Atomics.load(this.#words, STATE) === RUNNING;
  }

  get pauses(): number {
    return Atomics.load(this.#words, PAUSES);
  }

  get fullest(): number {
    return Atomics.load(this.#words, FULLEST);
  }

  // The thread's side.

  /** Waits until less than `highWater` bytes are pending, or it is time to stop. */
  waitForRoom(highWater: number): void {
    const words = this.#words;
    let paused = false;
    for (
      let pending = Atomics.load(words, PENDING);
      pending >= highWater;
      pending = Atomics.load(words, PENDING)
    ) {
      if (!paused) Atomics.add(words, PAUSES, 1);
      paused = true;
      Atomics.wait(words, PENDING, pending);
    }
  }

  sent(bytes: number): void {
    Atomics.add(this.#words, PENDING, bytes);
  }

  sawUsed(bytes: number): void {
    if (bytes > this.fullest) Atomics.store(this.#words, FULLEST, bytes);
  }

  /** Lets `milliseconds` pass, or less when it is time to stop. */
  pause(milliseconds: number): void {
    Atomics.wait(this.#words, STATE, RUNNING, milliseconds);
  }

  stopped(): void {
    Atomics.store(this.#words, STATE, STOPPED);
    Atomics.notify(this.#words, STATE);
  }

  // The reader's side.

  consumed(bytes: number): void {
    Atomics.sub(this.#words, PENDING, bytes);
    Atomics.notify(this.#words, PENDING);
  }

  /** Tells the thread to stop, wherever it waits in here. */
  stop(): void {
    Atomics.compareExchange(this.#words, STATE, RUNNING, STOPPING);
    Atomics.notify(this.#words, STATE);
    Atomics.store(this.#words, PENDING, -1);
    Atomics.notify(this.#words, PENDING);
  }

  /** Blocks until the thread has let go of the ring. @returns whether it has. */
  waitUntilStopped(milliseconds: number): boolean {
    Atomics.wait(this.#words, STATE, STOPPING, milliseconds);
    return Atomics.load(this.#words, STATE) === STOPPED;
  }
}
