// A network namespace with a veth pair for one test file; gone when the process ends, however it ends.

import { execFileSync } from 'node:child_process';
import { createNetns } from '../../../src/loader/index.ts';
import { ownNamespace, uniqueName } from '../../support/registry.ts';

const cleanUps: (() => void)[] = [];
// Before the registry takes the namespaces away.
process.prependOnceListener('exit', () => {
  for (const cleanUp of cleanUps.reverse()) {
    try {
      cleanUp();
    } catch {
      // The test did it itself.
    }
  }
});

/** Runs when the process ends, the last one registered first. */
export function atExit(cleanUp: () => void): void {
  cleanUps.push(cleanUp);
}

/** An underscore stands for a blank inside a word. */
const words = (command: string): string[] => command.split(' ').map((word) => word.replaceAll('_', ' '));

/** Makes a namespace; its name is unique to this process. */
export function namespace(prefix: string): {
  readonly name: string;
  ip(command: string): string;
  tc(command: string): string;
} {
  const name = uniqueName(prefix);
  ownNamespace(name);
  createNetns(name);
  const tool = (program: string) => (command: string) =>
    execFileSync(program, ['-n', name, ...words(command)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  return { name, ip: tool('ip'), tc: tool('tc') };
}
