// The pinned tables of an instance, as another program opens them.

import { BpfMap } from '../../../../src/loader/index.ts';
import { TABLES } from '../../../../src/nat/entries.ts';
import { type InstanceMaps, instanceMaps } from '../../../../src/nat/maps.ts';

type Opened<N extends keyof InstanceMaps> = BpfMap<InstanceMaps[N]['key'], InstanceMaps[N]['value']>;

/** The caller closes it. */
export function openTable<N extends keyof InstanceMaps>(root: string, name: N, instance = 'out0'): Opened<N> {
  const definition = instanceMaps()[name] as unknown as Parameters<typeof BpfMap.openPin>[1];
  const map = BpfMap.openPin(`${root}/${instance}/maps/${name}`, definition);
  if (map === undefined) throw new Error(`there is no map '${name}'`);
  return map as unknown as Opened<N>;
}

/** How many entries each table has, in the order of `TABLES`. */
export function tableSizes(root: string): number[] {
  return TABLES.map(({ name }) => {
    using table = openTable(root, name);
    return table.size;
  });
}
