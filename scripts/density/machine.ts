// What the figures were taken on.

import { spawnSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import process from 'node:process';
import type { Machine } from './results.ts';

const versionOf = (command: string, argument: string): string =>
  (spawnSync(command, [argument], { encoding: 'utf8' }).stdout ?? '').split('\n')[0]?.trim() ?? '';

/** To be asked before the run makes a load of its own. */
export function machine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? 'unknown',
    cores: all.length,
    load: loadavg()[0] ?? Number.NaN,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release().replace(/-.*/, ''),
    node: process.versions.node,
    tools: [
      versionOf('iptables-legacy', '--version'),
      versionOf('/usr/sbin/nft', '--version'),
      versionOf('tc', '-V'),
    ].filter((text) => text !== ''),
  };
}
