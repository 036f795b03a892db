// Independent witnesses: bpftool, tc and ip say what the kernel has.

import { execFileSync } from 'node:child_process';

export function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

// biome-ignore lint/suspicious/noExplicitAny: what other programs print is looked at, not modelled.
export function json(command: string, ...args: string[]): any {
  return JSON.parse(run(command, ...args));
}
