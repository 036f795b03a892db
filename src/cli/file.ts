// Files the user names: errors that say which, and output that is there whole or not at all.

import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs';

/** A file could not be read or written; `code` is Node's, such as `ENOENT`. */
export class FileError extends Error {
  override readonly name = 'FileError';
  readonly code: string;

  constructor(what: string, path: string, cause: unknown) {
    const { code = 'file', message } = cause as NodeJS.ErrnoException;
    // Node's message is `ENOENT: no such file or directory, open 'x'`.
    const why = /^\w+: (.*?), \w+/.exec(message)?.[1] ?? message;
    super(`cannot ${what} '${path}': ${why} (${code})`, { cause });
    this.code = code;
  }
}

/** Writes beside `path` and renames, so that a reader never sees half of it. @throws FileError */
export function writeWhole(path: string, text: string | Uint8Array): void {
  const beside = `${path}.${process.pid}.part`;
  try {
    // A device or pipe is written to, not replaced.
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) {
      writeFileSync(path, text);
      return;
    }
    writeFileSync(beside, text, { flag: 'wx' });
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw new FileError('write', path, error);
  }
}
