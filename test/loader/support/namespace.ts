// A network namespace with a veth pair for one test file; gone when the process ends, however it ends
// (but for SIGKILL).

import { execFileSync } from 'node:child_process';
import { createNetns, deleteNetns } from '../../../src/loader/index.ts';

let count = 0;

/** An underscore stands for a blank inside a word. */
const words = (command: string): string[] => command.split(' ').map((word) => word.replaceAll('_', ' '));

/** Makes a namespace; its name is unique to this process. */
export function namespace(prefix: string): {
  readonly name: string;
  ip(command: string): string;
  tc(command: string): string;
} {
  const name = `${prefix}-${process.pid}-${count++}`;
  createNetns(name);
  process.once('exit', () => {
    try {
      deleteNetns(name);
    } catch {
      // The test deleted it itself.
    }
  });
  const tool = (program: string) => (command: string) =>
    execFileSync(program, ['-n', name, ...words(command)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  return { name, ip: tool('ip'), tc: tool('tc') };
}
