// What is known of a kind of refusal: the kernel's words for it, where it happened, what to do. Types only.

import type { ListedInstruction } from './log.ts';
import type { Registers } from './registers.ts';

/** What a hint may look at besides the words of the refusal. */
export interface HintContext {
  readonly listed: ListedInstruction | undefined;
  readonly registers: Registers;
  /** Registers that were packet pointers before a call. */
  readonly packets: ReadonlySet<string>;
  readonly call: ListedInstruction | undefined;
}

export interface Refusal {
  /** Stable: what kind of mistake it is. */
  readonly kind: string;
  readonly pattern: RegExp;
  /** What else must hold. */
  readonly applies?: (match: RegExpExecArray, context: HintContext) => boolean;
  readonly hint: string | ((match: RegExpExecArray, context: HintContext) => string);
  /**
   * Which instruction is meant: the last one listed where left out; the one whose number is in this group of the
   * pattern; the last of the program; or none, since the check is of the whole.
   */
  readonly instruction?: number | 'last' | 'none';
}
