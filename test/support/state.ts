// What `tsnat status --json` and `tsnat map list --json` promise to print (docs/cli.md).

import type { ExecutionContext } from 'ava';
import { tsnat, tsnatJson } from './cli.ts';

export interface Count {
  readonly packets: number;
  readonly bytes: number;
}

type Policy = 'pass' | 'drop';

export interface Status {
  readonly name: string;
  readonly interface: string;
  readonly ifindex: number;
  readonly netns?: string;
  readonly hook: 'tcx' | 'clsact';
  readonly xdp?: { readonly mode: 'native' | 'generic'; readonly inside: readonly string[] };
  readonly redirect?: { readonly inside: readonly string[] };
  readonly slots: {
    readonly bound: number;
    readonly reserved: number;
    readonly xdp?: { readonly delivered: number; readonly left: number };
  };
  readonly unmapped: Policy | { readonly outbound: Policy; readonly inbound: Policy };
  readonly healthy: boolean;
  readonly problems: readonly string[];
  readonly programs: {
    readonly outbound?: { id: number; tag: string };
    readonly inbound?: { id: number; tag: string };
  };
  readonly mappings: number;
  readonly capacity: number;
  readonly translated: { readonly outbound: Count; readonly inbound: Count };
  readonly reasons: {
    readonly outbound: Readonly<Record<string, number>>;
    readonly inbound: Readonly<Record<string, number>>;
  };
}

export interface MappingCount {
  readonly kind: string;
  readonly inside: string;
  readonly outside: string;
  readonly outbound: Count;
  readonly inbound: Count;
}

export function statusOf(t: ExecutionContext, name: string): Promise<Status> {
  return tsnatJson<Status>(t, ['status', name]);
}

/** Status of an instance that is not whole: the document is there all the same, the exit status is 1. */
export async function brokenStatusOf(t: ExecutionContext, name: string): Promise<Status> {
  const { status, stdout, stderr } = await tsnat(['status', name, '--json']);
  t.is(status, 1, stderr + stdout);
  return JSON.parse(stdout) as Status;
}

export async function mappingsOf(t: ExecutionContext, name: string): Promise<readonly MappingCount[]> {
  const { mappings } = await tsnatJson<{ readonly mappings: readonly MappingCount[] }>(t, [
    'map',
    'list',
    name,
  ]);
  return mappings;
}
