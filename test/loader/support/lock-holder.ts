// Holds the lock on a folder for some milliseconds, or until it is killed, and writes when it had it:
//   lock-holder FOLDER FILE MILLISECONDS PATIENCE     FILE may be -, for standard output

import { appendFileSync, writeSync } from 'node:fs';
import { withLock } from '../../../src/loader/index.ts';

const [folder = '', file = '', milliseconds = '0', patience = '0'] = process.argv.slice(2);

function note(what: string): void {
  const line = `${process.pid} ${what}\n`;
  if (file === '-') writeSync(1, line);
  else appendFileSync(file, line);
}

const wait = (length: number): unknown =>
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, length);

note('asks');
try {
  withLock(
    folder,
    () => {
      note('has');
      wait(Number(milliseconds));
      note('lets go');
    },
    Number(patience),
  );
} catch (error) {
  note(`${(error as { code?: unknown }).code} ${(error as Error).message}`);
}
