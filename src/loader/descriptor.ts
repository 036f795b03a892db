// Who owns a file descriptor: closed once, by its owner, and not used after that.

import { closeSync } from 'node:fs';
import { LoaderError } from './errors.ts';

/** An open descriptor and the duty to close it. */
export class Descriptor implements Disposable {
  readonly #what: string;
  #fd: number | undefined;

  /** @param what names it in errors: "map 'outbound'" */
  constructor(fd: number, what: string) {
    this.#fd = fd;
    this.#what = what;
  }

  /** @throws LoaderError with code `EBADF` once it is closed. */
  get fd(): number {
    if (this.#fd === undefined) {
      throw new LoaderError(`${this.#what} is closed (EBADF)`, { code: 'EBADF', object: this.#what });
    }
    return this.#fd;
  }

  /** Closes it; again is no error. */
  close(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) closeSync(fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
