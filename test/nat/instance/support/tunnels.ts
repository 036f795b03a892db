// A site with an instance whose tunnel slots are tried, and what is in the map then.

import type { ExecutionContext } from 'ava';
import { BpfMap } from '../../../../src/loader/index.ts';
import { attach, openTunnels, type Tunnels } from '../../../../src/nat/instance/index.ts';
import { instanceMaps } from '../../../../src/nat/maps.ts';
import { isSlotKey } from '../../../../src/nat/tunnel-entries.ts';
import { type Site, site } from './site.ts';

export const REMOTE = '198.51.100.7';

/** Keys in the map, slots and index entries apart. */
export function entries({ root }: Site): { slots: number; index: number } {
  using map = BpfMap.openPin(`${root}/out0/maps/tunnels`, instanceMaps().tunnels)!;
  const { raw } = map;
  const { count, keys } = raw.elements();
  const all = Array.from({ length: count }, (_, i) => keys.subarray(i * raw.keySize, (i + 1) * raw.keySize));
  const slots = all.filter(isSlotKey).length;
  return { slots, index: count - slots };
}

export function attached(t: ExecutionContext, datapath?: 'real'): { where: Site; tunnels: Tunnels } {
  const where = site(t, datapath);
  attach({ interface: 'out0', netns: where.netns }, where.context);
  const tunnels = openTunnels('out0', where.context);
  t.teardown(() => tunnels.close());
  return { where, tunnels };
}
