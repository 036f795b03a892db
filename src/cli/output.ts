// What a command prints on stdout: one JSON document with --json, else text for people.
// 64-bit counters are JSON numbers up to 2^53-1, which every reader takes as they are, and strings above.

import { isTerminal, print, STDOUT } from './print.ts';

export class Output {
  readonly json: boolean;
  #terminal: boolean | undefined;

  constructor(json: boolean) {
    this.json = json;
  }

  /** Prints `data` with --json, else the text. */
  result(data: unknown, text: () => string): void {
    this.write(this.json ? formatJson(data) : text());
  }

  write(text: string | Uint8Array): void {
    print(STDOUT, text);
  }

  /** Whether somebody reads this on a terminal. */
  get terminal(): boolean {
    this.#terminal ??= isTerminal();
    return this.#terminal;
  }

  /** Whether headings may be emphasised: only on a terminal, and not under NO_COLOR (no-color.org). */
  get #styled(): boolean {
    return !process.env.NO_COLOR && this.terminal;
  }

  bold(text: string): string {
    return this.#styled ? `\x1b[1m${text}\x1b[22m` : text;
  }

  alarm(text: string): string {
    return this.#styled ? `\x1b[31m${text}\x1b[39m` : text;
  }
}

export function formatJson(data: unknown): string {
  return `${JSON.stringify(data, (_, value: unknown) => (typeof value === 'bigint' ? jsonInteger(value) : value), 2)}\n`;
}

function jsonInteger(value: bigint): number | string {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER)
    ? Number(value)
    : String(value);
}
