// The loader's errors: what failed, on which object, why (the kernel's own words where it has some), what to do.

import { constants } from 'node:os';
import { errnoHint } from './errno-hint.ts';

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
