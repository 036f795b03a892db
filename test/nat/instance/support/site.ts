// Where these tests attach: a namespace of their own with a veth pair, and a pin folder of their own.

import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import {
  findBpffs,
  findInterface,
  NetlinkSocket,
  queryTcx,
  withNetns,
} from '../../../../src/loader/index.ts';
import type { Datapath, DatapathOptions } from '../../../../src/nat/datapath/index.ts';
import { type Endpoint, endpointOf } from '../../../../src/nat/endpoint.ts';
import { type Context, detachAll, type InstanceStatus } from '../../../../src/nat/instance/index.ts';
import { type AddressMapping, type Mapping, parseMapping } from '../../../../src/nat/mapping.ts';
import { instanceMaps } from '../../../../src/nat/maps.ts';
import { atExit, namespace } from '../../../loader/support/namespace.ts';
import { holding } from '../../../loader/support/programs.ts';
import { ownFolder, uniqueName } from '../../../support/registry.ts';

export interface Site {
  readonly netns: string;
  readonly ifindex: number;
  readonly context: Context;
  readonly root: string;
  ip(command: string): string;
  tc(command: string): string;
  /** Identifiers of the programs at a TCX hook. */
  tcx(direction: 'ingress' | 'egress'): number[];
  /** Every pin below the root. */
  pins(): string[];
}

/** Stand-ins that do nothing but hold the maps: what is tested here is not what they do. */
export function standIns({ capacity, uses, slots = 'device' }: DatapathOptions): Datapath {
  const maps = instanceMaps(capacity);
  const all = Object.values(maps);
  const hasSlots = slots === 'device' && (uses?.has('slots') || uses?.has('slots6'));
  return {
    outbound: holding('tsnat_egress', all),
    inbound: holding('tsnat_ingress', all),
    ...(hasSlots && { slot: holding('tsnat_slot', all) }),
    maps,
  };
}

export function site(t: ExecutionContext, datapath: Context['datapath'] | 'real' = standIns): Site {
  const { name: netns, ip, tc } = namespace('tsi');
  ip('link add out0 type veth peer name out1');
  ip('link set out0 address 02:00:00:00:00:10 up');
  ip('link set out1 up');
  ip('addr add 192.0.2.1/24 dev out0');
  const root = join(findBpffs(), uniqueName('instances'));
  ownFolder(root);
  // What translates nothing passes no self-test.
  const context: Context = { root, ...(datapath !== 'real' && { datapath, selfTest: () => {} }) };
  const clean = (): void => {
    if (!existsSync(root)) return;
    try {
      detachAll(context);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  };
  atExit(clean);
  t.teardown(clean);
  mkdirSync(root, { mode: 0o700 });
  const ifindex = withNetns(netns, () => {
    using socket = new NetlinkSocket();
    return findInterface(socket, 'out0')?.index ?? 0;
  });
  return {
    netns,
    ifindex,
    context,
    root,
    ip,
    tc,
    tcx: (direction) => withNetns(netns, () => queryTcx(ifindex, direction) ?? []),
    pins: () => readdirSync(root, { recursive: true, encoding: 'utf8' }).sort(),
  };
}

/** `10.0.0.1=203.0.113.1`, and so on */
export const mapped = (...texts: string[]): Mapping[] => texts.map((text) => parseMapping(text));

export const many = (count: number, offset = 0): (AddressMapping & { inside: number; outside: number })[] =>
  Array.from({ length: count }, (_, i) => ({
    kind: 'address',
    inside: 0x0a00_0000 + offset + i,
    outside: 0x6440_0000 + offset + i,
  }));

/** The insides of mappings, by which they are deleted. */
export const insides = (mappings: readonly Mapping[]): Endpoint[] =>
  mappings.map((mapping) => endpointOf(mapping, 'inside'));

/** The programs' identifiers, outbound first. */
export const idsOf = (status: InstanceStatus): number[] =>
  [status.programs.outbound?.id, status.programs.inbound?.id].map((id) => id ?? 0);
