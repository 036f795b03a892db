// What the figures were taken on.

import { spawnSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import process from 'node:process';
import type { Machine } from './results.ts';

const versionOf = (command: string, argument: string): string =>
  (spawnSync(command, [argument], { encoding: 'utf8' }).stdout ?? '').split('\n')[0]?.trim() ?? '';

export function machine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? 'unknown',
    cores: all.length,
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
