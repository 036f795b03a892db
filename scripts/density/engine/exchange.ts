// One datagram and one connection of each slot, some slots at a time, answered both; what got lost is tried again.

import { clockMs } from './packet.ts';

/** At a time, of each protocol. */
const ABREAST = 128;
const TRY_AGAIN_MS = 1_000;
const MOST_TRIES = 5;

export interface Exchanged {
  /** Slots that got no answer. */
  readonly silentUdp: readonly number[];
  readonly silentTcp: readonly number[];
  /** Datagrams and connections that had to be tried again. */
  readonly again: number;
  readonly milliseconds: number;
}

interface Waiting {
  since: number;
  tries: number;
}

export class Exchange {
  readonly #datagram: (slot: number) => void;
  readonly #connect: (slot: number) => void;
  readonly #done: (result: Exchanged) => void;
  readonly #begun: number = clockMs();
  readonly #udpLeft: number[];
  readonly #tcpLeft: number[];
  readonly #udp: Map<number, Waiting> = new Map();
  readonly #tcp: Map<number, Waiting> = new Map();
  readonly #silentUdp: number[] = [];
  readonly #silentTcp: number[] = [];
  #again = 0;

  constructor(
    slots: readonly number[],
    datagram: (slot: number) => void,
    connect: (slot: number) => void,
    done: (result: Exchanged) => void,
  ) {
    this.#udpLeft = [...slots].reverse();
    this.#tcpLeft = [...slots].reverse();
    this.#datagram = datagram;
    this.#connect = connect;
    this.#done = done;
  }

  answered(slot: number): void {
    this.#udp.delete(slot);
  }

  connectionEnded(slot: number, answered: boolean): void {
    const waiting = this.#tcp.get(slot);
    if (waiting === undefined) return;
    if (answered || waiting.tries >= MOST_TRIES) {
      this.#tcp.delete(slot);
      if (!answered) this.#silentTcp.push(slot);
      return;
    }
    waiting.tries += 1;
    this.#again += 1;
    this.#connect(slot);
  }

  /** Sends what is due. */
  step(): void {
    const now = clockMs();
    const begin = (left: number[], waiting: Map<number, Waiting>, go: (slot: number) => void): void => {
      while (waiting.size < ABREAST && left.length > 0) {
        const slot = left.pop() as number;
        waiting.set(slot, { since: now, tries: 1 });
        go(slot);
      }
    };
    begin(this.#udpLeft, this.#udp, this.#datagram);
    begin(this.#tcpLeft, this.#tcp, this.#connect);
    for (const [slot, waiting] of this.#udp) {
      if (now - waiting.since < TRY_AGAIN_MS) continue;
      if (waiting.tries >= MOST_TRIES) {
        this.#udp.delete(slot);
        this.#silentUdp.push(slot);
        continue;
      }
      waiting.tries += 1;
      waiting.since = now;
      this.#again += 1;
      this.#datagram(slot);
    }
    if (this.#udp.size + this.#tcp.size + this.#udpLeft.length + this.#tcpLeft.length > 0) return;
    this.#done({
      silentUdp: this.#silentUdp,
      silentTcp: this.#silentTcp,
      again: this.#again,
      milliseconds: now - this.#begun,
    });
  }
}
