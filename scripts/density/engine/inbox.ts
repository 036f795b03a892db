// What reaches a clone, held against the ledger.

import { reportWrong } from './desk.ts';
import type { Ledger } from './ledger.ts';
import { clockMs, KINDS, NO_SLOT, Packet } from './packet.ts';
import { described, isQuarantined, type TrafficSetup } from './setup.ts';

/** `answer`: to what this very slot had asked. */
type Taken = 'answer' | 'push' | 'other';

export class Inbox {
  readonly packet: Packet = new Packet();
  readonly #setup: TrafficSetup;
  readonly #ledger: Ledger;

  constructor(setup: TrafficSetup, ledger: Ledger) {
    this.#setup = setup;
    this.#ledger = ledger;
  }

  /** Judges what is in `packet`, which `slot` has just received. */
  take(slot: number, size: number, what: string): Taken {
    const { packet } = this;
    const now = this.#ledger.now();
    if (!packet.isOurs(size) || packet.kind === KINDS.request) {
      this.#ledger.count('foreign');
      return 'other';
    }
    const { address, epoch } = packet;
    const verdict = this.#ledger.check(slot, address, epoch, now);
    if (verdict === 'unknown') this.#ledger.count('unknown');
    if (verdict === 'wrong') {
      this.#wrong(`${what} for an address that was not the slot's reached it`, slot, now);
      return 'other';
    }
    if (packet.slot === NO_SLOT) {
      this.#ledger.count('pushArrived');
      return 'push';
    }
    if (packet.slot === slot) return 'answer';
    this.#ofAnother(slot, what, now);
    return 'other';
  }

  /** An answer to the former holder of the address: nothing that NAT could know, and what quarantine is for. */
  #ofAnother(slot: number, what: string, now: number): void {
    const { packet } = this;
    if (!isQuarantined(packet.address)) this.#ledger.count('late');
    else if (clockMs() - packet.time >= this.#setup.quarantine) this.#ledger.count('stale');
    else this.#wrong(`${what} for slot ${packet.slot} got through the quarantine of its address`, slot, now);
  }

  #wrong(what: string, slot: number, now: number): void {
    const { address, epoch } = this.packet;
    this.#ledger.count('wrongIn');
    const holders = this.#ledger.holders(address, epoch, now);
    const whose = holders.length === 0 ? "nobody's" : `slot ${holders.join(', ')}'s`;
    reportWrong('client', `${described(what, slot, address, epoch, now)}; it was ${whose}`);
  }
}
