// What a program is told with that the kernel refuses. Apart from the other errors, since it takes all that is known of the
// verifier's words.

import type { SourceLocation } from '../../asm/data.ts';
import { LoaderError } from '../errors.ts';
import { explain, formatPlace, type ProgramText } from './explain.ts';

/** The verifier refused a program. The message is one line: the reason, the place, what was known there, a hint. */
export class VerifierError extends LoaderError {
  override readonly name: string = 'VerifierError';
  /** Everything the verifier said. */
  readonly log: string;
  /** The kernel's own words, in one line. */
  readonly reason: string;
  /** Stable name of the mistake, such as `packet_bounds`, for the commonest ones. */
  readonly kind: string | undefined;
  /** Index of the refused instruction in 8-byte units, where the log tells. */
  readonly instruction: number | undefined;
  /** What emitted it, with the text of the line where that is known. */
  readonly source: SourceLocation | undefined;
  /** What was known of the registers it uses, in words. */
  readonly state: readonly string[];

  /** @param program tells what the instructions are and where they come from */
  constructor(object: string, errno: number, log: string, program: ProgramText = {}) {
    const explanation = explain(log, program);
    const { reason, state, hint } = explanation;
    const place = formatPlace(explanation);
    const known = state.length === 0 ? '' : ` (${state.join(', ')})`;
    super(`the kernel refused ${object}${place === '' ? '' : ` at ${place}`}: ${reason}${known}`, {
      code: 'VERIFIER',
      syscall: 'bpf(BPF_PROG_LOAD)',
      errno,
      object,
      ...(hint !== undefined && { hint }),
    });
    this.log = log;
    this.reason = reason;
    this.kind = explanation.kind;
    this.instruction = explanation.instruction;
    this.source = explanation.source;
    this.state = state;
  }
}

/** The line of a verifier's log that says why. */
export const verdict = (log: string): string => explain(log).reason;
