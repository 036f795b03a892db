// The shape of the command table: what parsing, help and completion need to know of a command. Types only.

import type { Input } from './input.ts';
import type { Output } from './output.ts';

/** What a shell may offer as a value. */
export type Offer = 'interface' | 'instance' | 'netns' | 'file' | 'command';

export interface OptionSpec {
  /** Without the dashes. */
  readonly name: string;
  readonly short?: string;
  /** `count` is a positive integer, of `range` where that is given. */
  readonly type: 'flag' | 'text' | 'count';
  readonly range?: readonly [least: number, most: number];
  /** Stands for the value in help: `FILE`. Not for flags. */
  readonly value?: string;
  readonly choices?: readonly string[];
  /** What may be said besides the choices. */
  readonly also?: { readonly form: string; readonly pattern: RegExp };
  /** May be given several times. */
  readonly repeat?: boolean;
  readonly offer?: Offer;
  readonly summary: string;
}

export interface ArgumentSpec {
  /** As in help: `NAME`. */
  readonly name: string;
  readonly optional?: boolean;
  /** Takes all that follow; the last argument only. */
  readonly repeat?: boolean;
  /** The first of each group is shown in help; the others are understood as well. */
  readonly choices?: readonly string[];
  /** Besides the choices the path of an object file: whatever has a slash in it or ends in `.o`. */
  readonly object?: boolean;
  readonly offer?: Offer;
}

interface CommandModule {
  run(input: Input, output: Output): void | Promise<void>;
}

export interface CommandSpec {
  /** One word, or two: `map add`. */
  readonly name: string;
  readonly summary: string;
  readonly arguments: readonly ArgumentSpec[];
  /** Besides those every command has. */
  readonly options: readonly OptionSpec[];
  /** What else help says, a paragraph each. */
  readonly notes?: readonly string[];
  /** Command lines, without `tsnat`, and what they do. */
  readonly examples: readonly (readonly [line: string, does: string])[];
  /** Nothing of a command is loaded before it is run. */
  readonly load: () => Promise<CommandModule>;
}
