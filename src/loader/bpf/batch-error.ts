// What a batch that stops says: which of its elements are done, and why the next one is not.

import { LoaderError } from '../errors.ts';

/** A batch that stopped: the first `processed` of its elements are done, the others are not. */
export class BatchError extends LoaderError {
  override readonly name: string = 'BatchError';
  /** How many are done, counted from the first; the element that stopped it has this index. */
  readonly processed: number;

  constructor(what: string, reason: LoaderError, processed: number, count: number) {
    super(`${what}: element ${processed + 1} of ${count}: ${reason.message}`, {
      code: reason.code,
      cause: reason,
      ...(reason.syscall === undefined ? {} : { syscall: reason.syscall }),
      ...(reason.errno === undefined ? {} : { errno: reason.errno }),
      ...(reason.object === undefined ? {} : { object: reason.object }),
    });
    this.processed = processed;
  }
}
