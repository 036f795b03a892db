// One at a time: flock(2) on a folder, held while a synchronous function runs.

import { closeSync, constants, openSync } from 'node:fs';
import { ERRNO, LoaderError, systemError } from './errors.ts';
import { libc } from './ffi.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;
const POLL_MILLISECONDS = 20;
const PATIENCE_MILLISECONDS = 10_000;

/**
 * Runs `run` while this process alone holds the lock on `folder`. The kernel lets go of the lock when the
 * process dies.
 *
 * @throws LoaderError with code `EBUSY` when somebody else holds it for longer than 10 s.
 */
export function withLock<T>(folder: string, run: () => T, patience: number = PATIENCE_MILLISECONDS): T {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    lock(fd, folder, patience);
    return run();
  } finally {
    closeSync(fd);
  }
}

function lock(fd: number, folder: string, patience: number): void {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (const end = Date.now() + patience; ; ) {
    const result = libc('flock', fd, LOCK_EX | LOCK_NB);
    if (result === 0) return;
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
    Atomics.wait(sleeper, 0, 0, POLL_MILLISECONDS);
  }
}
