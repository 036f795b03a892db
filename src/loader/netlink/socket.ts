// A netlink socket, of NETLINK_ROUTE unless said otherwise: requests with an acknowledgement, many at once, and dumps. Synchronous.
// It belongs to the network namespace of the thread that opened it.

import { LITTLE_ENDIAN } from '../../asm/data.ts';
import { Descriptor } from '../descriptor.ts';
import { ERRNO, LoaderError, systemError } from '../errors.ts';
import { libc } from '../ffi.ts';
import { requireHome } from '../netns.ts';
import {
  AF_NETLINK,
  MSG_TRUNC,
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
  NETLINK_ROUTE,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_REQUEST,
  SO_RCVBUF,
  SO_RCVTIMEO,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_NETLINK,
  SOL_SOCKET,
} from './abi.ts';
import { explain, type Verdict } from './ack.ts';
import { malformed, u32 } from './attribute.ts';
import { encodeMessages, type Message } from './message.ts';
import { BatchReply, Reply } from './reply.ts';
import type { BatchRequest, Subject, SubjectOf } from './request.ts';

/** struct sockaddr_nl */
const SOCKADDR_SIZE = 12;
/** The kernel fills at most 32 KiB of a dump at once; a single message may be longer. */
const BUFFER_SIZE = 256 * 1024;
/** A kernel that says nothing for so long will say nothing. */
const TIMEOUT_SECONDS = 10;
const DUMP_ATTEMPTS = 40;
/** Whoever makes interfaces one after the other changes a list all the time, but not in the middle of every reading. */
const DUMP_PAUSE_MILLISECONDS = 2;
const sleeper = new Int32Array(new SharedArrayBuffer(4));
const RECEIVE_ATTEMPTS = 4;
/** Of a batch in one datagram. Should all of them fail, their answers still fit into the receive buffer. */
const BATCH_MESSAGES = 128;
/** Answers that are more than an acknowledgement take the kernel a page each. */
const BATCH_QUESTIONS = 32;
const RECEIVE_BUFFER = 1024 * 1024;

export interface NetlinkSocketOptions {
  /** Bytes of the largest datagram that can be received; for tests. */
  readonly bufferSize?: number;
  /** NETLINK_ROUTE where left out. */
  readonly protocol?: number;
}

export class NetlinkSocket implements Disposable {
  readonly #descriptor: Descriptor;
  readonly #port: number;
  readonly #buffer: Uint8Array;
  #sequence = 0;

  /** @throws LoaderError when there can be no such socket. */
  constructor({ bufferSize = BUFFER_SIZE, protocol = NETLINK_ROUTE }: NetlinkSocketOptions = {}) {
    requireHome();
    this.#buffer = new Uint8Array(bufferSize);
    const fd = libc('socket', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (fd < 0) throw systemError(fd, 'socket', 'cannot open a netlink socket');
    this.#descriptor = new Descriptor(fd, 'netlink socket');
    try {
      // Each is a convenience that old kernels lack: the answers are complete without them.
      for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
        libc('setsockopt', fd, SOL_NETLINK, option, u32(1), 4);
      }
      libc('setsockopt', fd, SOL_SOCKET, SO_RCVBUF, u32(RECEIVE_BUFFER), 4);
      libc('setsockopt', fd, SOL_SOCKET, SO_RCVTIMEO, timeval(TIMEOUT_SECONDS), 16);
      this.#port = bind(fd);
    } catch (error) {
      this.#descriptor.close();
      throw error;
    }
  }

  /**
   * Sends a request and waits for its acknowledgement.
   *
   * @returns the messages before it: what was asked for, or the echo of what was changed.
   * @throws LoaderError with the kernel's error and its words.
   */
  request(type: number, flags: number, payload: Uint8Array, subject: Subject): Message[] {
    const { messages } = this.#exchange(type, flags | NLM_F_ACK, payload, subject);
    return messages;
  }

  /** Lists; again, with a bound, when the kernel's tables changed meanwhile. */
  dump(type: number, payload: Uint8Array, subject: Subject): Message[] {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      const reply = this.#exchange(type, NLM_F_DUMP, payload, subject);
      if (!reply.interrupted) return reply.messages;
      Atomics.wait(sleeper, 0, 0, DUMP_PAUSE_MILLISECONDS);
    }
    throw new LoaderError(`${subject.what}: the list kept changing while it was read`, {
      code: 'EINTR',
      syscall: subject.request,
      hint: 'try again',
    });
  }

  close(): void {
    this.#descriptor.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #exchange(type: number, flags: number, payload: Uint8Array, subject: Subject): Reply {
    const message = this.#message({ type, flags, payload });
    const request = this.#send([message], subject);
    const reply = new Reply(message.sequence, this.#port);
    const isDump = (flags & NLM_F_DUMP) === NLM_F_DUMP;
    while (reply.verdict === undefined) reply.feed(this.#receive(subject, isDump));
    if (reply.verdict.result < 0) throw netlinkError(reply.verdict, request, subject);
    return reply;
  }

  /**
   * Sends many requests, as many as possible at once. One that fails does not keep the others from being done.
   *
   * @returns for each what went wrong with it, undefined where nothing did.
   * @throws LoaderError when the answers did not arrive: then it is not known what was done.
   */
  batch(requests: readonly BatchRequest[], subjectOf: SubjectOf): (LoaderError | undefined)[] {
    const errors = new Array<LoaderError | undefined>(requests.length).fill(undefined);
    this.#batch(requests, BATCH_MESSAGES, subjectOf, (i, answer) => {
      if (answer instanceof LoaderError) errors[i] = answer;
    });
    return errors;
  }

  /** Asks many questions that have one message as their answer each. @returns the answers; errors as in `batch` */
  batchGet(requests: readonly BatchRequest[], subjectOf: SubjectOf): (Message | LoaderError | undefined)[] {
    const answers = new Array<Message | LoaderError | undefined>(requests.length).fill(undefined);
    this.#batch(requests, BATCH_QUESTIONS, subjectOf, (i, answer) => {
      answers[i] = answer;
    });
    return answers;
  }

  #batch(
    requests: readonly BatchRequest[],
    size: number,
    subjectOf: SubjectOf,
    take: (index: number, answer: Message | LoaderError) => void,
  ): void {
    for (let start = 0; start < requests.length; start += size) {
      const messages = requests
        .slice(start, start + size)
        .map((request, i, { length }) => this.#message(request, i === length - 1));
      this.#send(messages, subjectOf(start));
      const reply = new BatchReply(messages[0]?.sequence ?? 0, messages.length, this.#port);
      while (!reply.complete) reply.feed(this.#receive(subjectOf(start)));
      for (const [i, message] of reply.messages) take(start + i, message);
      for (const [i, verdict] of reply.failures) {
        const request = encodeMessages(messages.slice(i, i + 1));
        take(start + i, netlinkError(verdict, request, subjectOf(start + i)));
      }
    }
  }

  /** Failures are answered in any case; of a batch the answer to the last says that all are done. */
  #message({ type, flags, payload }: BatchRequest, acknowledge = false): Message {
    return {
      type,
      flags: flags | NLM_F_REQUEST | (acknowledge ? NLM_F_ACK : 0),
      sequence: this.#next(),
      port: this.#port,
      payload,
    };
  }

  #next(): number {
    this.#sequence = (this.#sequence + 1) >>> 0;
    return this.#sequence;
  }

  /** @returns what was sent. */
  #send(messages: readonly Message[], subject: Subject): Uint8Array {
    const datagram = encodeMessages(messages);
    const sent = libc('send', this.#descriptor.fd, datagram, datagram.length, 0);
    if (sent < 0) throw netlinkError({ result: sent, text: undefined }, datagram, subject);
    return datagram;
  }

  /** One datagram. */
  #receive(subject: Subject, isDump = false): Uint8Array {
    const room = this.#buffer.length;
    const receive = () => libc('recv', this.#descriptor.fd, this.#buffer, room, MSG_TRUNC);
    let size = receive();
    // Answers that found no room may be somebody else's news; ours may be behind. Of a list one may be missing then.
    for (let times = 0; times < RECEIVE_ATTEMPTS; times++) {
      if (size !== -ERRNO.ENOMEM && (size !== -ERRNO.ENOBUFS || isDump)) break;
      size = receive();
    }
    if (size === -ERRNO.EAGAIN) {
      throw new LoaderError(`${subject.what}: the kernel did not answer within ${TIMEOUT_SECONDS} s`, {
        code: 'ETIMEDOUT',
        syscall: subject.request,
      });
    }
    if (size === -ERRNO.ENOBUFS) {
      throw new LoaderError(`${subject.what}: the kernel had no room for its answer (ENOBUFS)`, {
        code: 'ENOBUFS',
        syscall: subject.request,
        hint: 'what was asked for may have been done: look, then try again',
      });
    }
    if (size < 0) throw netlinkError({ result: size, text: undefined }, new Uint8Array(), subject);
    if (size === 0) throw malformed('an empty datagram');
    if (size > room) throw malformed(`a datagram of ${size} bytes, which is more than ${room}`);
    return this.#buffer.subarray(0, size);
  }
}

function bind(fd: number): number {
  const address = new Uint8Array(SOCKADDR_SIZE);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_NETLINK, LITTLE_ENDIAN);
  const result = libc('bind', fd, address, SOCKADDR_SIZE);
  if (result < 0) throw systemError(result, 'bind', 'cannot bind a netlink socket');
  const length = u32(SOCKADDR_SIZE);
  const named = libc('getsockname', fd, address, length);
  if (named < 0) throw systemError(named, 'getsockname', 'cannot read the address of a netlink socket');
  return view.getUint32(4, LITTLE_ENDIAN);
}

/** struct timeval of a 64-bit machine. */
function timeval(seconds: number): Uint8Array {
  const out = new Uint8Array(16);
  new DataView(out.buffer).setBigUint64(0, BigInt(seconds), LITTLE_ENDIAN);
  return out;
}

function netlinkError(verdict: Verdict, request: Uint8Array, subject: Subject): LoaderError {
  const { result } = verdict;
  const words = explain(verdict, request);
  const detail = words === undefined ? {} : { detail: words };
  const hint =
    result === -ERRNO.EPERM ? { hint: 'this needs root or CAP_NET_ADMIN in that network namespace' } : {};
  const object = subject.object === undefined ? {} : { object: subject.object };
  return systemError(result, subject.request, subject.what, { ...detail, ...hint, ...object });
}
