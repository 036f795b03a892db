// What is left to be removed: by the kernel, which takes its time, and of runs that were killed.

import { existsSync, readdirSync } from 'node:fs';
import { detach, listInstances } from '../../src/index.ts';
import { deleteNetns, findBpffs, NETNS_FOLDER, removeFolder } from '../../src/loader/index.ts';
import { slab } from './measure/memory.ts';
import type { Progress } from './progress.ts';
import { makerOf } from './world.ts';

const PATIENCE_MS = 60_000;
const LOOK_MS = 100;
/** So often in a row the count has to stay the same. */
const SETTLED = 5;

const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The kernel takes namespaces apart in the background; waits until their number no longer falls. */
export async function awaitRemoval(progress: Progress): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  let [last, same] = [Number.POSITIVE_INFINITY, 0];
  progress.removing();
  while (same < SETTLED && performance.now() < until) {
    const count = slab('net_namespace')?.objects;
    if (count === undefined) return;
    same = count < last ? 0 : same + 1;
    last = count;
    await sleep(LOOK_MS);
  }
  progress.finish();
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
