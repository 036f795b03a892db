// The loader's errors: what failed, on which object, why (the kernel's own words where it has some), what to do.

import { constants } from 'node:os';
import type { SourceLocation } from '../asm/index.ts';
import { errnoHint } from './errno-hint.ts';
import { explain, formatPlace, type ProgramText } from './verifier/explain.ts';

/** The kernel's own ENOTSUPP, which is not in the C library (include/linux/errno.h). */
const ENOTSUPP = 524;

const NAMES: ReadonlyMap<number, string> = new Map([
  ...Object.entries(constants.errno)
    // Two names share a number here; the shorter one is the one in the manual pages.
    .filter(([name]) => name !== 'EWOULDBLOCK' && name !== 'EOPNOTSUPP')
    .map(([name, value]): [number, string] => [value, name]),
  [constants.errno.EOPNOTSUPP, 'EOPNOTSUPP'],
  [ENOTSUPP, 'ENOTSUPP'],
]);

/** `2` -> `ENOENT`. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `E${errno}`;
}

/** Numbers of errors, by the names in errno(3) and the kernel's ENOTSUPP. */
export const ERRNO: typeof constants.errno & { readonly ENOTSUPP: number } = { ...constants.errno, ENOTSUPP };

export interface LoaderErrorOptions {
  /** Stable: an errno name, or one of the loader's own such as `VERIFIER`. */
  readonly code: string;
  /** The system call or netlink request that failed. */
  readonly syscall?: string;
  readonly errno?: number;
  /** What it was about: a map, a program, an interface, a path. */
  readonly object?: string;
  /** What to do about it. Also at the end of the message. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** Anything that goes wrong between this process and the kernel. */
export class LoaderError extends Error {
  override readonly name: string = 'LoaderError';
  readonly code: string;
  readonly syscall: string | undefined;
  readonly errno: number | undefined;
  readonly object: string | undefined;
  readonly hint: string | undefined;

  constructor(message: string, options: LoaderErrorOptions) {
    super(
      options.hint === undefined ? message : `${message}; ${options.hint}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = options.code;
    this.syscall = options.syscall;
    this.errno = options.errno;
    this.object = options.object;
    this.hint = options.hint;
  }
}

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

/** An error out of a negative result of a system call: `<what>: <explanation> (<ENAME>); <hint>`. */
export function systemError(
  result: number,
  syscall: string,
  what: string,
  options: { object?: string; hint?: string; detail?: string } = {},
): LoaderError {
  const errno = -result;
  const code = errnoName(errno);
  const { detail, ...rest } = options;
  const usual = detail === undefined ? errnoHint(syscall, code) : undefined;
  return new LoaderError(`${what}: ${detail === undefined ? code : `${detail} (${code})`}`, {
    code,
    syscall,
    errno,
    ...(usual !== undefined && { hint: usual }),
    ...rest,
  });
}
