// The command line in the process of the test: its `main` once more for each command, with arguments, output and exit
// status of its own. One after the other, since they are the process's.

import process from 'node:process';
import { pathToFileURL } from 'node:url';
import type { Result } from './command.ts';
import { CLI } from './root.ts';

let serial = 0;
let previous: Promise<unknown> = Promise.resolve();

export function runInside(args: readonly string[]): Promise<Result> {
  const result = previous.then(() => once(args));
  previous = result.catch(() => {});
  return result;
}

async function once(args: readonly string[]): Promise<Result> {
  const { argv, stdout, stderr } = process;
  const [out, err] = [capture(stdout), capture(stderr)];
  process.argv = [process.execPath, CLI, ...args];
  process.exitCode = undefined;
  try {
    serial += 1;
    // A module runs once for each name it is known by.
    await import(`${pathToFileURL(CLI).href}?run=${serial}`);
    const status = Number(process.exitCode ?? 0);
    return { command: ['tsnat', ...args].join(' '), status, stdout: out.text(), stderr: err.text() };
  } finally {
    process.argv = argv;
    process.exitCode = undefined;
    out.restore();
    err.restore();
  }
}

function capture(stream: NodeJS.WriteStream): { text(): string; restore(): void } {
  const chunks: Buffer[] = [];
  const { write } = stream;
  const listeners = stream.listeners('error');
  stream.write = (chunk: string | Uint8Array): boolean => {
    chunks.push(Buffer.from(chunk));
    return true;
  };
  return {
    text: () => Buffer.concat(chunks).toString(),
    restore() {
      stream.write = write;
      stream.removeAllListeners('error');
      for (const listener of listeners) stream.on('error', listener as (error: Error) => void);
    },
  };
}
