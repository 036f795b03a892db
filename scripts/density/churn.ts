// Slots bound, rebound and released at random while all of them send and the server pushes. Half of the addresses are
// quarantined when they are given up and come back later; the others are given to the next slot at once, which is the worst
// that can be done to packets on their way.

import type { Ledger, Tally } from './engine/ledger.ts';
import { Pace } from './engine/pace.ts';
import { clockMs } from './engine/packet.ts';
import { isQuarantined } from './engine/setup.ts';
import type { Traffic } from './engine/traffic.ts';
import { type Sample, sampleOf, timedUs } from './measure/sample.ts';
import type { Progress } from './progress.ts';
import { addressText, POOL } from './world.ts';

/** What can be done to a slot; the address is a text. */
export interface Binder {
  bind(slot: number, outside: string): void;
  rebind(slot: number, outside: string, quarantine: number): void;
  release(slot: number, quarantine: number): void;
}

export type Operation = keyof Binder;

export interface ChurnOptions {
  readonly seconds: number;
  /** Changes, datagrams, connections and pushes a second. */
  readonly changes: number;
  readonly datagrams: number;
  readonly connections: number;
  readonly pushes: number;
  /** Seconds. */
  readonly quarantine: number;
}

export interface Churned {
  readonly seconds: number;
  /** Microseconds that each change took. */
  readonly changes: { readonly [O in Operation]: Sample };
  /** What the traffic came to while it lasted. */
  readonly tallies: Readonly<Record<Tally, number>>;
}

/** Of the changes to a slot that is bound, this part gives it another address; the rest take it away. */
const REBIND_SHARE = 0.6;
const REST_MS = 4;
/** What is on its way when all has been stopped. */
const DRAIN_MS = 3_500;
/** Beyond its end an address is still left alone a little. */
const GRACE_MS = 50;

/** The outside addresses that nobody has. */
class Pool {
  /** At the end what was given up without quarantine, the last first; at the beginning what has just come out of it. */
  readonly #free: number[] = [];
  readonly #resting: { readonly address: number; readonly until: number }[] = [];

  constructor(addresses: readonly number[]) {
    this.#free = [...addresses];
  }

  take(): number | undefined {
    const now = clockMs();
    while ((this.#resting[0]?.until ?? Number.POSITIVE_INFINITY) <= now) {
      this.#free.unshift((this.#resting.shift() as { address: number }).address);
    }
    return Math.random() < 0.5 ? this.#free.pop() : this.#free.shift();
  }

  give(address: number, quarantine: number): void {
    if (quarantine === 0) this.#free.push(address);
    else this.#resting.push({ address, until: clockMs() + quarantine * 1_000 + GRACE_MS });
  }
}

/** How many addresses are needed so that there is always one. */
export const poolSize = (slots: number, { changes, quarantine }: ChurnOptions): number =>
  slots + Math.ceil(changes * quarantine) + 64;

/** Addresses of the pool, each as a number. */
export const poolAddress = (n: number): number => POOL + 1 + n;

export async function churn(
  traffic: Traffic,
  binder: Binder,
  options: ChurnOptions,
  progress: Progress,
): Promise<Churned> {
  const { ledger } = traffic;
  const size = poolSize(ledger.slots, options);
  const held = new Set(Array.from({ length: ledger.slots }, (_, slot) => ledger.addressOf(slot)));
  const all = Array.from({ length: size }, (_, n) => poolAddress(n));
  const pool = new Pool(all.filter((address) => !held.has(address)));
  const took: { readonly [O in Operation]: number[] } = { bind: [], rebind: [], release: [] };
  const before = ledger.tallies;
  const pushing = { rate: options.pushes, first: poolAddress(0), count: size };
  await traffic.run({ udp: options.datagrams, tcp: options.connections }, pushing);
  const begun = clockMs();
  const pace = new Pace(options.changes);
  for (;;) {
    const elapsed = (clockMs() - begun) / 1_000;
    if (elapsed >= options.seconds) break;
    for (let due = pace.due(); due > 0; due--) changeOne(ledger, binder, pool, options.quarantine, took);
    await progress.step(told(ledger, took, traffic.wrongs, options.seconds - elapsed));
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
  }
  await traffic.pause();
  await progress.race(new Promise((resolve) => setTimeout(resolve, DRAIN_MS)));
  const after = ledger.tallies;
  const tallies = Object.fromEntries(
    Object.entries(after).map(([name, value]) => [name, value - before[name as Tally]]),
  ) as Record<Tally, number>;
  const { bind, rebind, release } = took;
  return {
    seconds: options.seconds,
    changes: { bind: sampleOf(bind), rebind: sampleOf(rebind), release: sampleOf(release) },
    tallies,
  };
}

function changeOne(
  ledger: Ledger,
  binder: Binder,
  pool: Pool,
  quarantine: number,
  took: { readonly [O in Operation]: number[] },
): void {
  const slot = Math.floor(Math.random() * ledger.slots);
  const former = ledger.addressOf(slot);
  const rest = former !== 0 && isQuarantined(former) ? quarantine : 0;
  const releases = former !== 0 && Math.random() >= REBIND_SHARE;
  const address = releases ? 0 : pool.take();
  if (address === undefined) return;
  const text = addressText(address);
  ledger.change([[slot, address]], () => {
    if (former === 0) took.bind.push(timedUs(() => binder.bind(slot, text)));
    else if (releases) took.release.push(timedUs(() => binder.release(slot, rest)));
    else took.rebind.push(timedUs(() => binder.rebind(slot, text, rest)));
  });
  if (former !== 0) pool.give(former, rest);
}

function told(
  ledger: Ledger,
  took: { readonly [O in Operation]: number[] },
  wrongs: number,
  left: number,
): string {
  const { udpServed, udpAnswered, tcpAnswered } = ledger.tallies;
  const changes = took.bind.length + took.rebind.length + took.release.length;
  const packets = udpServed + udpAnswered;
  return `${changes} changes, ${packets} datagrams, ${tcpAnswered} connections, ${wrongs} wrong, ${left.toFixed(0)} s to go`;
}
