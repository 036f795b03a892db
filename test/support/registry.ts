// What this process has made and has to take away again: children, namespaces, pin folders. It goes on the way
// out, however that comes about; what a killed process left behind, the next one sweeps up.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

/** Prefix of whatever the tests name; the number of the process that made it follows. */
const PREFIX = 'tsl';
const NAMESPACES = '/run/netns';
/** bpffs, and the folder of tsnat's own pins in it. */
export const BPF_FS = '/sys/fs/bpf';
export const PINS = '/sys/fs/bpf/tsnat';

const children = new Set<number>();
const namespaces = new Set<string>();
const folders = new Set<string>();
let serial = 0;

/** A name nobody else uses, and by which a later run sees whether its maker still lives. */
export function uniqueName(role: string): string {
  serial += 1;
  return `${PREFIX}-${process.pid}-${serial}-${role}`;
}

export function alive(pid: number): void {
  children.add(pid);
}

export function forget(pid: number): void {
  children.delete(pid);
}

export function ownNamespace(name: string): void {
  namespaces.add(name);
}

export function ownFolder(path: string): void {
  folders.add(path);
}

export function disownNamespace(name: string): void {
  namespaces.delete(name);
}

function removeNamespace(name: string): void {
  spawnSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
}

/** Unlinks pins and folders; bpffs knows no recursive removal of its own. */
export function removeFolder(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

function removeAll(): void {
  for (const pid of children) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Gone already.
    }
  }
  for (const name of namespaces) removeNamespace(name);
  for (const path of folders) removeFolder(path);
}

function isDead(name: string): boolean {
  const pid = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1];
  return pid !== undefined && !existsSync(`/proc/${pid}`);
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function sweep(): void {
  for (const folder of [BPF_FS, PINS]) {
    for (const name of list(folder).filter(isDead)) removeFolder(join(folder, name));
  }
  for (const name of list(NAMESPACES).filter(isDead)) removeNamespace(name);
}

sweep();
process.on('exit', removeAll);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => process.exit(130));
}
