// Looking at what may be missing, or not be what it should.

/** Errors that say nothing about what is there: no privilege, or a kernel that is short of something just now. */
const NO_ANSWER: ReadonlySet<unknown> = new Set([
  'EPERM',
  'EACCES',
  'EAGAIN',
  'EINTR',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'ENOSPC',
]);

/** What `run` gives, undefined where that is missing or not what it should be. */
export function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (NO_ANSWER.has((error as { code?: unknown }).code)) throw error;
    return undefined;
  }
}
