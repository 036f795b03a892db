// Peers that are lists of rules: iptables, in its two makes.

import type { World } from '../world.ts';
import { gatewayRules, ownRules, type Pair, restoreText } from './classic.ts';
import { must, start } from './run.ts';

export type Make = 'iptables-legacy' | 'iptables-nft';

export class RuleList {
  readonly #make: Make;
  readonly #world: World;

  constructor(make: Make, world: World) {
    this.#make = make;
    this.#world = world;
  }

  /** Adds the rules of many slots at the gateway at once, behind those that are there. */
  restore(pairs: readonly Pair[]): void {
    const text = restoreText(pairs.flatMap(gatewayRules));
    must(this.#world.gateway, `${this.#make}-restore`, ['--noflush'], text);
  }

  /** Adds those of one, rule by rule. */
  add(pair: Pair): void {
    for (const rule of gatewayRules(pair)) {
      must(this.#world.gateway, this.#make, ['-t', 'nat', '-A', ...rule.split(' ')]);
    }
  }

  /** Takes all away. */
  flush(): void {
    must(this.#world.gateway, this.#make, ['-t', 'nat', '-F']);
  }

  /** The rules in a slot's namespace, at once. */
  async startInSlot(slot: number): Promise<void> {
    const fd = this.#world.slots[slot] as number;
    await start(fd, `${this.#make}-restore`, ['--noflush'], restoreText(ownRules(slot)));
  }

  /** The same, one by one. */
  addInSlot(slot: number): void {
    const fd = this.#world.slots[slot] as number;
    for (const rule of ownRules(slot)) must(fd, this.#make, ['-t', 'nat', '-A', ...rule.split(' ')]);
  }
}
