// The traffic as the main thread sees it: two threads, the ledger that they share, and what they found.

import type { World } from '../world.ts';
import { addressNumber, INSIDE, SERVER } from '../world.ts';
import type { Rates } from './client.ts';
import { Desk, type Wrong } from './desk.ts';
import type { Exchanged } from './exchange.ts';
import { Ledger } from './ledger.ts';
import type { Pushing, Seen } from './server.ts';
import type { TrafficSetup } from './setup.ts';

const PORT = 7000;
const CLONE_PORT = 4000;

export class Traffic {
  readonly ledger: Ledger;
  /** The first of the wrong packets; how many there were say the tallies. */
  readonly wrong: Wrong[] = [];
  readonly #clients: Desk;
  readonly #server: Desk;

  private constructor(world: World, quarantine: number) {
    this.ledger = new Ledger(world.slots.length);
    const setup: TrafficSetup = {
      memory: this.ledger.memory,
      slots: world.slots,
      outside: world.outside,
      inside: addressNumber(INSIDE),
      server: addressNumber(SERVER),
      port: PORT,
      clonePort: CLONE_PORT,
      quarantine,
    };
    const start = (file: string): Desk =>
      new Desk(new URL(file, import.meta.url), setup, (wrong) => this.wrong.push(wrong));
    this.#server = start('./server.js');
    this.#clients = start('./client.js');
  }

  /** @param quarantine milliseconds that an address which has one is given to nobody else */
  static async start(world: World, quarantine: number): Promise<Traffic> {
    const traffic = new Traffic(world, quarantine);
    await traffic.#clients.ask('open');
    await traffic.#server.ask('forget');
    return traffic;
  }

  /** One datagram and one connection of each of these slots. */
  async exchange(slots: readonly number[]): Promise<{ readonly exchanged: Exchanged; readonly seen: Seen }> {
    await this.#server.ask('forget');
    const exchanged = await this.#clients.ask<Exchanged>('exchange', slots);
    return { exchanged, seen: await this.#server.ask<Seen>('seen') };
  }

  /** Lets all slots send, and the server push. */
  async run(rates: Rates, pushing: Pushing): Promise<void> {
    await this.#server.ask('push', pushing);
    await this.#clients.ask('start', rates);
  }

  async pause(): Promise<void> {
    await this.#clients.ask('stop');
    await this.#server.ask('push', { rate: 0, first: 0, count: 0 } satisfies Pushing);
  }

  /** Microseconds of each of `times` connections from a slot, one after the other. */
  async connectTimes(slot: number, times: number): Promise<number[]> {
    return [...(await this.#clients.ask<Float64Array>('connectTimes', { slot, times }))];
  }

  /** Packets that were where they should not have been. */
  get wrongs(): number {
    const { wrongIn, wrongOut, foreign } = this.ledger.tallies;
    return wrongIn + wrongOut + foreign;
  }

  async end(): Promise<void> {
    await Promise.all([this.#clients.end(), this.#server.end()]);
  }
}
