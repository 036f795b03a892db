// What is left to be removed: by the kernel, which takes its time, and of runs that were killed.

import { closeSync, existsSync, readdirSync } from 'node:fs';
import { detach, listInstances } from '../../src/index.ts';
import { deleteNetns, findBpffs, NETNS_FOLDER, openNetns, removeFolder } from '../../src/loader/index.ts';
import { enterNamespace, newNamespace } from './engine/native.ts';
import { slab } from './measure/memory.ts';
import { makerOf } from './world.ts';

const PATIENCE_MS = 60_000;
const LOOK_MS = 250;
/** Others make namespaces too, and the kernel's own count of its objects is a rough one. */
const SLACK = 100;

/** Network namespaces that the kernel has; undefined where it does not say. */
export const namespaceCount = (): number | undefined => slab('net_namespace')?.objects;

/**
 * The kernel takes namespaces apart in the background, and frees the last of those only when it is about the next ones
 * (cleanup_net, since Linux 6.13): so one more goes whenever this looks. Waits until there are about as few as before.
 */
export async function awaitRemoval(before: number | undefined): Promise<void> {
  if (before === undefined) return;
  const until = performance.now() + PATIENCE_MS;
  while ((namespaceCount() ?? 0) > before + SLACK && performance.now() < until) {
    makeAndLeaveNamespace();
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

function makeAndLeaveNamespace(): void {
  const home = openNetns();
  try {
    newNamespace();
    enterNamespace(home);
  } finally {
    closeSync(home);
  }
}

const list = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);

/** Removes what runs whose process is no more have left. @returns what it was */
export function sweep(): string[] {
  const swept: string[] = [];
  const isLeft = (name: string): boolean => {
    const pid = makerOf(name);
    return pid !== undefined && !existsSync(`/proc/${pid}`);
  };
  for (const name of listInstances().filter(isLeft)) {
    detach(name);
    swept.push(`instance ${name}`);
  }
  for (const name of list(NETNS_FOLDER).filter(isLeft)) {
    deleteNetns(name);
    swept.push(`network namespace ${name}`);
  }
  for (const name of list(findBpffs()).filter(isLeft)) {
    removeFolder(`${findBpffs()}/${name}`);
    swept.push(`pins ${name}`);
  }
  return swept;
}
