// How often what happened: the summary line of a random test, which shows that it met every case it is about.

import type { Seen } from './rig.ts';

export class Tally {
  readonly #counts: Map<string, number> = new Map();
  #total = 0;

  add(name: string): void {
    this.#total++;
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** By the reason, or as translated. */
  see({ reasons, mappings }: Seen): void {
    const [reason] = Object.keys(reasons).map((name) => name.split(' ')[1]!);
    this.add(reason ?? (mappings.length > 0 ? 'translated' : 'untouched'));
  }

  line(what: string): string {
    const parts = [...this.#counts].sort(([, a], [, b]) => b - a).map(([name, count]) => `${count} ${name}`);
    return `${this.#total} ${what}: ${parts.join(', ')}`;
  }

  get total(): number {
    return this.#total;
  }

  has(name: string): boolean {
    return this.#counts.has(name);
  }
}
