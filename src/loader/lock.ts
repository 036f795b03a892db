// One at a time: flock(2) on a folder, held while a synchronous function runs.

import { constants, openSync } from 'node:fs';
import { Descriptor } from './descriptor.ts';
import { ERRNO, LoaderError, systemError } from './errors.ts';
import { libc } from './ffi.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;
/** So often it is tried again at once: most hold it for some microseconds. */
const SPINS = 100;
/** Then with pauses that double, up to this. */
const LONGEST_PAUSE_MS = 20;
const FIRST_PAUSE_MS = 0.25;
const PATIENCE_MILLISECONDS = 30_000;

/** A lock on a folder, to be held again and again without opening the folder each time. */
export class FolderLock implements Disposable {
  readonly folder: string;
  readonly #descriptor: Descriptor;

  /** Opens the folder; holds nothing yet. */
  constructor(folder: string) {
    this.folder = folder;
    this.#descriptor = new Descriptor(
      openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY),
      `lock on '${folder}'`,
    );
  }

  /**
   * Runs `run` while nobody else holds the lock. The kernel lets go of it when the process dies.
   *
   * @throws LoaderError with code `EBUSY` when somebody else holds it for longer than `patience` milliseconds.
   */
  hold<T>(run: () => T, patience: number = PATIENCE_MILLISECONDS): T {
    const { fd } = this.#descriptor;
    lock(fd, this.folder, patience);
    try {
      return run();
    } finally {
      libc('flock', fd, LOCK_UN);
    }
  }

  close(): void {
    this.#descriptor.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Runs `run` while this process alone holds the lock on `folder`. @throws LoaderError with code `EBUSY` */
export function withLock<T>(folder: string, run: () => T, patience?: number): T {
  using held = new FolderLock(folder);
  return held.hold(run, patience);
}

function lock(fd: number, folder: string, patience: number): void {
  let result = libc('flock', fd, LOCK_EX | LOCK_NB);
  if (result === 0) return;
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const end = Date.now() + patience;
  for (let tries = 0, pause = FIRST_PAUSE_MS; result !== 0; tries++) {
    if (result !== -ERRNO.EAGAIN)
      throw systemError(result, 'flock', `cannot lock '${folder}'`, { object: folder });
    if (Date.now() >= end) {
      throw new LoaderError(`another process is at work on '${folder}' (EBUSY)`, {
        code: 'EBUSY',
        syscall: 'flock',
        object: folder,
        hint: 'try again when it is done',
      });
    }
    if (tries >= SPINS) {
      Atomics.wait(sleeper, 0, 0, pause);
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
    }
    result = libc('flock', fd, LOCK_EX | LOCK_NB);
  }
}
