// Finds the network namespace of an instance again: by its name, or wherever else it can be reached.
// Names change and namespaces without one exist; the inode is what stays.

import { readdirSync, readlinkSync } from 'node:fs';
import { LoaderError, NETNS_FOLDER, netnsInode } from '../../loader/index.ts';
import { detachHint, InstanceError } from './error.ts';
import type { InstanceRecord } from './record.ts';

/** How to enter it with `withNetns`: undefined is the caller's own. */
export type Where = { readonly enter: string | undefined };

/**
 * Where the namespace of the record is; undefined when no name and no process leads there, so that, as far
 * as can be told, it is gone.
 */
export function findNamespace({ netns, netnsInode: inode }: InstanceRecord): Where | undefined {
  if (inodeOf(undefined) === inode) return { enter: undefined };
  if (netns !== undefined && inodeOf(netns) === inode) return { enter: netns };
  const named = list(NETNS_FOLDER).find((name) => inodeOf(name) === inode);
  if (named !== undefined) return { enter: named };
  const wanted = `net:[${inode}]`;
  for (const pid of list('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const path = `/proc/${pid}/ns/net`;
    try {
      if (readlinkSync(path) === wanted) return { enter: path };
    } catch {
      // A process that has ended, or that we may not look into.
    }
  }
  return undefined;
}

/** @throws InstanceError with code `EHALF` where it is gone. */
export function requireNamespace(instance: string, record: InstanceRecord): Where {
  const where = findNamespace(record);
  if (where !== undefined) return where;
  const name = record.netns === undefined ? '' : ` '${record.netns}'`;
  throw new InstanceError(
    'EHALF',
    `instance '${instance}': its network namespace${name} is gone or cannot be reached; ${detachHint(instance)}`,
  );
}

/** The caller's own namespace and every named one. */
export function knownNamespaces(): Where[] {
  return [{ enter: undefined }, ...list(NETNS_FOLDER).map((enter) => ({ enter }))];
}

function inodeOf(name: string | undefined): number | undefined {
  try {
    return netnsInode(name);
  } catch (error) {
    if (error instanceof LoaderError) return undefined;
    throw error;
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
