// The command line in the process of the test: its `main` with output and exit status of its own. One after the other,
// since they are the process's.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import process from 'node:process';
import { main } from '../../src/cli/command-line.ts';
import { STDERR, STDOUT } from '../../src/cli/print.ts';
import type { Result } from './command.ts';

let previous: Promise<unknown> = Promise.resolve();

export function runInside(args: readonly string[]): Promise<Result> {
  const result = previous.then(() => once(args));
  previous = result.catch(() => {});
  return result;
}

async function once(args: readonly string[]): Promise<Result> {
  const written: { [fd: number]: Buffer[] } = { [STDOUT]: [], [STDERR]: [] };
  const restore = capture(written);
  process.exitCode = undefined;
  try {
    await main(args);
    const [stdout, stderr] = [STDOUT, STDERR].map((fd) => Buffer.concat(written[fd] ?? []).toString());
    const status = Number(process.exitCode ?? 0);
    return { command: ['tsnat', ...args].join(' '), status, stdout: stdout!, stderr: stderr! };
  } finally {
    process.exitCode = undefined;
    restore();
  }
}

/** Takes what is written to these descriptors by write(2), as the command line writes. @returns what undoes that */
function capture(written: { [fd: number]: Buffer[] }): () => void {
  const { writeSync } = fs;
  const taking = (fd: number, data: Uint8Array, offset = 0): number => {
    const chunks = written[fd];
    if (chunks === undefined) return writeSync(fd, data, offset);
    chunks.push(Buffer.from(data.subarray(offset)));
    return data.length - offset;
  };
  const put = (write: unknown): void => {
    Object.assign(fs, { writeSync: write });
    syncBuiltinESMExports();
  };
  put(taking);
  return () => put(writeSync);
}
