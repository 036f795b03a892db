// Who had which outside address, and when: the truth that every packet is held against, in memory that the threads share.
//
// "When" is a count of the beginnings and ends of changes. A packet carries the count that its sender read before it
// sent (its epoch), its receiver reads it after it received. A binding holds from the beginning of the change that made it until
// the end of the change that undid it; a packet may only have been translated by one that held at some time between the two.
// Nothing else is let pass, and nothing right is taken for wrong, however long anything takes.

/** Bindings of each slot that are remembered; a window that reaches further back cannot be checked. */
const DEPTH = 32;
/** Words of a binding: outside address, from, to. */
const WORDS = 3;
const SLOT_WORDS = 1 + DEPTH * WORDS;
const FOREVER = 0x7fff_ffff;

/** Counters that the threads share. */
export const TALLIES = [
  'udpSent',
  'udpServed',
  'udpAnswered',
  'pushed',
  'pushArrived',
  'tcpTried',
  'tcpServed',
  'tcpAnswered',
  'tcpBroken',
  'wrongOut',
  'wrongIn',
  'untranslated',
  'foreign',
  'late',
  'unknown',
  'stale',
] as const;
export type Tally = (typeof TALLIES)[number];

export type Verdict = 'right' | 'wrong' | 'unknown';

export class Ledger {
  /** To hand to another thread. */
  readonly memory: SharedArrayBuffer;
  readonly slots: number;
  readonly #tallies: Int32Array;
  readonly #clock: Int32Array;
  readonly #history: Int32Array;

  constructor(slots: number, memory?: SharedArrayBuffer) {
    this.slots = slots;
    const words = TALLIES.length + 1 + slots * SLOT_WORDS;
    this.memory = memory ?? new SharedArrayBuffer(words * 4);
    const all = new Int32Array(this.memory);
    this.#tallies = all.subarray(0, TALLIES.length);
    this.#clock = all.subarray(TALLIES.length, TALLIES.length + 1);
    this.#history = all.subarray(TALLIES.length + 1);
  }

  count(tally: Tally, by = 1): void {
    Atomics.add(this.#tallies, TALLIES.indexOf(tally), by);
  }

  get tallies(): Readonly<Record<Tally, number>> {
    return Object.fromEntries(TALLIES.map((name, at) => [name, Atomics.load(this.#tallies, at)])) as Readonly<
      Record<Tally, number>
    >;
  }

  /** The epoch: to be read before a packet is sent, and after one was received. */
  now(): number {
    return Atomics.load(this.#clock, 0);
  }

  /** The outside address of a slot, 0 where it has none. */
  addressOf(slot: number): number {
    const count = this.#history[slot * SLOT_WORDS] ?? 0;
    if (count === 0) return 0;
    const at = this.#entry(slot, count - 1);
    return this.#history[at + 2] === FOREVER ? (this.#history[at] ?? 0) >>> 0 : 0;
  }

  /** Writes down that `run` gives each slot its new address, all of them in one step; 0 takes it away. */
  change(changes: readonly (readonly [slot: number, address: number])[], run: () => void): void {
    const from = this.#tick();
    // Changes come one after the other, so the count at the end of this one is known.
    const to = from + 1;
    for (const [slot, address] of changes) {
      if (this.addressOf(slot) !== 0) Atomics.store(this.#history, this.#last(slot) + 2, to);
      if (address !== 0) this.#push(slot, address, from);
    }
    run();
    this.#tick();
  }

  /** Whether `slot` had `address` at some time from epoch `from` to epoch `to`. */
  check(slot: number, address: number, from: number, to: number): Verdict {
    if (slot >= this.slots) return 'wrong';
    const count = Atomics.load(this.#history, slot * SLOT_WORDS);
    // The oldest one may be overwritten meanwhile.
    for (let back = 1; back <= Math.min(count, DEPTH - 1); back++) {
      const at = this.#entry(slot, count - back);
      const begun = Atomics.load(this.#history, at + 1);
      // Whoever read the count at the end of the change, or a later one, sent after it.
      if (begun <= to && Atomics.load(this.#history, at + 2) > from) {
        if (Atomics.load(this.#history, at) >>> 0 === address) return 'right';
      }
      if (begun < from) return 'wrong';
    }
    return count >= DEPTH ? 'unknown' : 'wrong';
  }

  /** The slots that had `address` then, for the report of a wrong packet. */
  holders(address: number, from: number, to: number): number[] {
    return Array.from({ length: this.slots }, (_, slot) => slot).filter(
      (slot) => this.check(slot, address, from, to) === 'right',
    );
  }

  #tick(): number {
    return Atomics.add(this.#clock, 0, 1) + 1;
  }

  #last = (slot: number): number => this.#entry(slot, (this.#history[slot * SLOT_WORDS] ?? 0) - 1);
  #entry = (slot: number, n: number): number => slot * SLOT_WORDS + 1 + (n % DEPTH) * WORDS;

  #push(slot: number, address: number, from: number): void {
    const count = this.#history[slot * SLOT_WORDS] ?? 0;
    const at = this.#entry(slot, count);
    Atomics.store(this.#history, at, address | 0);
    Atomics.store(this.#history, at + 1, from);
    Atomics.store(this.#history, at + 2, FOREVER);
    Atomics.store(this.#history, slot * SLOT_WORDS, count + 1);
  }
}
