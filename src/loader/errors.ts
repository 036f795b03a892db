// The loader's errors: what failed, on which object, why (the kernel's own words where it has some), what to do.

import { constants } from 'node:os';

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

/** The verifier refused a program; `log` is everything it said. */
export class VerifierError extends LoaderError {
  override readonly name: string = 'VerifierError';
  readonly log: string;

  constructor(object: string, errno: number, log: string) {
    super(`the kernel refused ${object}: ${verdict(log)}`, {
      code: 'VERIFIER',
      syscall: 'bpf(BPF_PROG_LOAD)',
      errno,
      object,
    });
    this.log = log;
  }
}

/** Lines at the end of a log that count things and give no reason. */
const STATISTICS = /^(processed \d+ insns|verification time|stack depth|peak_states|max_states)/;

/**
 * The line of a verifier's log that says why: a `Reason:` line where the kernel prints such, else the
 * last that is no statistic.
 */
export function verdict(log: string): string {
  const lines = log
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !STATISTICS.test(line));
  const reason = lines.findLast((line) => line.startsWith('Reason:'));
  return reason?.slice('Reason:'.length).trim() ?? lines.at(-1) ?? 'no reason given';
}

/** An error out of a negative result of a system call: `<what>: <ENAME> (<explanation>); <hint>`. */
export function systemError(
  result: number,
  syscall: string,
  what: string,
  options: { object?: string; hint?: string; detail?: string } = {},
): LoaderError {
  const errno = -result;
  const code = errnoName(errno);
  const { detail, ...rest } = options;
  return new LoaderError(`${what}: ${detail === undefined ? code : `${detail} (${code})`}`, {
    code,
    syscall,
    errno,
    ...rest,
  });
}
