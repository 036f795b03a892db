// What goes wrong with some of many interfaces.

import { LoaderError } from '../errors.ts';

/** One interface of many, and what went wrong with it. */
export interface BulkFailure {
  /** As it was given, or its index. */
  readonly interface: string | number;
  readonly error: LoaderError;
}

/** The most failures worth spelling out. */
const SHOWN = 3;

/** Something went wrong with some of many interfaces; `failures` has them all, `code` is that of the first. */
export class BulkError extends LoaderError {
  override readonly name: string = 'BulkError';
  readonly #failures: readonly BulkFailure[];

  /** @param outcome what became of the others */
  constructor(action: string, count: number, failures: readonly BulkFailure[], outcome: string) {
    const [first] = failures;
    const shown = failures
      .slice(0, SHOWN)
      .map(({ interface: which, error }) => `'${which}': ${error.message}`);
    const more = failures.length > SHOWN ? [`and ${failures.length - SHOWN} more`] : [];
    const list = [...shown, ...more].join('; ');
    super(`cannot ${action} ${failures.length} of ${count} interfaces (${outcome}): ${list}`, {
      code: first?.error.code ?? 'EBULK',
      ...(first?.error.syscall !== undefined && { syscall: first.error.syscall }),
      ...(first?.error.errno !== undefined && { errno: first.error.errno }),
      ...(first !== undefined && { object: `${first.interface}`, cause: first.error }),
    });
    this.#failures = failures;
  }

  /** All of them. Not a property, so that printing the error does not print thousands. */
  get failures(): readonly BulkFailure[] {
    return this.#failures;
  }
}
