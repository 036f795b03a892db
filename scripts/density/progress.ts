// The line that says what is going on, and where a signal ends the work: whoever reports progress is told so there.

import process from 'node:process';

/** Where nothing overwrites lines, one is written so often. */
const QUIET_MS = 10_000;

/** A signal asked for the end. */
export class Interrupted extends Error {
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(`ended by ${signal}`);
    this.signal = signal;
  }
}

export interface Phase {
  readonly name: string;
  readonly milliseconds: number;
}

export class Progress {
  readonly phases: Phase[] = [];
  readonly #begun: number = performance.now();
  readonly #silent: boolean;
  #name = '';
  #phaseBegun = 0;
  #written = 0;
  #interrupted: Interrupted | undefined;
  #reject: ((error: Interrupted) => void) | undefined;

  constructor(silent = false) {
    this.#silent = silent;
  }

  /** Ends the work at the next step, or at once what waits in `race`. */
  interrupt(signal: NodeJS.Signals): void {
    this.#interrupted = new Interrupted(signal);
    this.#reject?.(this.#interrupted);
  }

  /** Waits for something that takes its time. @throws Interrupted */
  async race<T>(work: Promise<T>): Promise<T> {
    this.check();
    const ended = new Promise<never>((_, reject) => {
      this.#reject = reject;
    });
    return await Promise.race([work, ended]);
  }

  /** @throws Interrupted */
  check(): void {
    if (this.#interrupted !== undefined) throw this.#interrupted;
  }

  /** A new part of the work begins. @throws Interrupted */
  async phase(name: string): Promise<void> {
    this.finish();
    this.#name = name;
    this.#phaseBegun = performance.now();
    await this.step('');
  }

  /** Says how far the part has come, and lets signals in. @throws Interrupted */
  async step(detail: string): Promise<void> {
    this.#show(detail);
    await new Promise((resolve) => setImmediate(resolve));
    this.check();
  }

  /** The last part, which no signal ends. */
  removing(): void {
    this.finish();
    this.#name = 'removing everything';
    this.#phaseBegun = performance.now();
    this.#show('');
  }

  /** The part has ended; `outcome` stays on the screen. */
  finish(outcome = ''): void {
    if (this.#name === '') return;
    const milliseconds = performance.now() - this.#phaseBegun;
    this.phases.push({ name: this.#name, milliseconds });
    const seconds = (milliseconds / 1000).toFixed(1);
    this.#write(`${this.#clock()} ${this.#name}${outcome && `: ${outcome}`} (${seconds} s)`, true);
    this.#name = '';
  }

  #show(detail: string): void {
    const now = performance.now();
    if (!process.stderr.isTTY && now - this.#written < QUIET_MS) return;
    this.#written = now;
    this.#write(`${this.#clock()} ${this.#name}${detail && `: ${detail}`}`, false);
  }

  #clock(): string {
    return `${((performance.now() - this.#begun) / 1000).toFixed(0).padStart(4)} s `;
  }

  #write(text: string, stays: boolean): void {
    if (this.#silent) return;
    if (!process.stderr.isTTY) process.stderr.write(`${text}\n`);
    else process.stderr.write(`\r\x1b[K${text.slice(0, process.stderr.columns - 1)}${stays ? '\n' : ''}`);
  }
}
