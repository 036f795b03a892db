// What comes back for one request, datagram by datagram, until the kernel says that it was the last.
// Pure: the socket feeds it, and so do tests that play a lying kernel.

import { NLM_F_DUMP_INTR, NLM_F_MULTI, NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP } from './abi.ts';
import { decodeDone, decodeError, type Verdict } from './ack.ts';
import { decodeMessages, type Message } from './message.ts';

/** Collects the answer to the request with one sequence number; what belongs to others is passed over. */
export class Reply {
  readonly messages: Message[] = [];
  /** Set when the answer is complete. */
  verdict: Verdict | undefined;
  /** The kernel's tables changed while it listed them: the list may be wrong. */
  interrupted = false;
  readonly #sequence: number;
  readonly #port: number;

  constructor(sequence: number, port: number) {
    this.#sequence = sequence;
    this.#port = port;
  }

  /** @throws LoaderError with code `ENETLINK` when the datagram cannot be read. */
  feed(datagram: Uint8Array): void {
    for (const message of decodeMessages(datagram)) {
      if (message.sequence !== this.#sequence || message.port !== this.#port) continue;
      if (this.verdict !== undefined) return;
      if (message.flags & NLM_F_MULTI && message.flags & NLM_F_DUMP_INTR) this.interrupted = true;
      if (message.type === NLMSG_ERROR) this.verdict = decodeError(message);
      else if (message.type === NLMSG_DONE) this.verdict = decodeDone(message);
      else if (message.type !== NLMSG_NOOP) this.messages.push(message);
    }
  }
}

/** Collects the answers to a run of requests with consecutive sequence numbers, of which the last is acknowledged. */
export class BatchReply {
  /** What went wrong, by the request's place in the batch. */
  readonly failures: Map<number, Verdict> = new Map();
  /** What was answered besides, the last message of each. */
  readonly messages: Map<number, Message> = new Map();
  complete = false;
  readonly #first: number;
  readonly #count: number;
  readonly #port: number;

  constructor(first: number, count: number, port: number) {
    this.#first = first;
    this.#count = count;
    this.#port = port;
  }

  /** @throws LoaderError with code `ENETLINK` when the datagram cannot be read. */
  feed(datagram: Uint8Array): void {
    for (const message of decodeMessages(datagram)) {
      const index = (message.sequence - this.#first) >>> 0;
      if (message.port !== this.#port || index >= this.#count || message.type === NLMSG_NOOP) continue;
      if (message.type !== NLMSG_ERROR) {
        this.messages.set(index, message);
        continue;
      }
      const verdict = decodeError(message);
      if (verdict.result < 0) this.failures.set(index, verdict);
      if (index === this.#count - 1) this.complete = true;
    }
  }
}
