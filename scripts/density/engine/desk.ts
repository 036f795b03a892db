// What the threads of the traffic and the main one say to each other: commands that are answered, and reports of wrong packets.
// A thread serves its sockets in rounds and looks for commands between them.

import { parentPort, Worker } from 'node:worker_threads';

export interface Wrong {
  /** Which side saw it. */
  readonly side: 'server' | 'client';
  readonly what: string;
}

interface Command {
  readonly serial: number;
  readonly name: string;
  readonly value: unknown;
}

type Answer = { readonly serial: number; readonly value?: unknown; readonly error?: string };
type FromThread = { readonly answer: Answer } | { readonly wrong: Wrong };

/** How many wrong packets are described; all are counted. */
const MOST_REPORTS = 20;

/** Of a thread: what it does at a command. A promise is answered when it is fulfilled. */
export type Handlers = Readonly<Record<string, (value: never) => unknown>>;

/** Runs a thread of sockets: `round` serves them, and may wait for a few milliseconds. */
export async function serveDesk(handlers: Handlers, round: () => void): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error('this runs in a thread of scripts/density');
  let ended = false;
  const say = (message: FromThread): void => port.postMessage(message);
  port.on('message', ({ serial, name, value }: Command) => {
    if (name === 'end') {
      ended = true;
      return;
    }
    const handler = handlers[name] as ((value: unknown) => unknown) | undefined;
    const run = async (): Promise<unknown> => {
      if (handler === undefined) throw new Error(`there is no command ${name}`);
      return await handler(value);
    };
    run().then(
      (result) => say({ answer: { serial, value: result } }),
      (error: Error) => say({ answer: { serial, error: error.stack ?? error.message } }),
    );
  });
  while (!ended) {
    round();
    await new Promise((resolve) => setImmediate(resolve));
  }
  port.close();
}

let reported = 0;

/** Describes a wrong packet to the main thread. */
export function reportWrong(side: Wrong['side'], what: string): void {
  reported += 1;
  if (reported <= MOST_REPORTS) parentPort?.postMessage({ wrong: { side, what } } satisfies FromThread);
}

/** The main thread's end. */
export class Desk {
  readonly #worker: Worker;
  readonly #waiting: Map<number, { done: (value: unknown) => void; failed: (error: Error) => void }> =
    new Map();
  #serial = 0;
  #gone: Error | undefined;

  constructor(file: URL, data: unknown, onWrong: (wrong: Wrong) => void) {
    this.#worker = new Worker(file, { workerData: data, trackUnmanagedFds: false });
    this.#worker.on('message', (message: FromThread) => {
      if ('wrong' in message) onWrong(message.wrong);
      else this.#answer(message.answer);
    });
    this.#worker.on('error', (error) => this.#lose(error));
    this.#worker.on('exit', () => this.#lose(new Error('a thread of the traffic has ended')));
  }

  async ask<T>(name: string, value?: unknown): Promise<T> {
    if (this.#gone !== undefined) throw this.#gone;
    this.#serial += 1;
    const serial = this.#serial;
    const answer = new Promise((done, failed) => {
      this.#waiting.set(serial, { done, failed });
    });
    this.#worker.postMessage({ serial, name, value } satisfies Command);
    return (await answer) as T;
  }

  async end(): Promise<void> {
    if (this.#gone !== undefined) return;
    const gone = new Promise((resolve) => this.#worker.once('exit', resolve));
    this.#worker.postMessage({ serial: 0, name: 'end', value: undefined } satisfies Command);
    const timer = setTimeout(() => void this.#worker.terminate(), 2_000);
    await gone;
    clearTimeout(timer);
  }

  #answer({ serial, value, error }: Answer): void {
    const waiting = this.#waiting.get(serial);
    this.#waiting.delete(serial);
    if (error === undefined) waiting?.done(value);
    else waiting?.failed(new Error(error));
  }

  #lose(error: Error): void {
    this.#gone ??= error;
    for (const { failed } of this.#waiting.values()) failed(error);
    this.#waiting.clear();
  }
}
