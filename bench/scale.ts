// What an instance of a million addresses takes, and one of many mappings of each other kind: to fill, list and replace,
// and to change by one when it is full.

import { attach, detach, type Instance, openInstance } from '../src/index.ts';
import { endpointOf } from '../src/nat/endpoint.ts';
import type { Mapping } from '../src/nat/mapping.ts';
import { Namespace } from '../test/support/namespace.ts';
import { ownFolder, PINS, uniqueName } from '../test/support/registry.ts';
import { timed } from './measure.ts';
import type { Row, Section } from './report.ts';

/** 10.0.0.0 and 100.64.0.0, fd00:: and 2001:db8::: none of them is anybody's. */
const INSIDES = 0x0a00_0000;
const OUTSIDES = 0x6440_0000;
const INSIDES6 = 0xfd00n << 112n;
const OUTSIDES6 = 0x2001_0db8n << 96n;
const BLOCK = 1024;

type Kind = (index: number) => Mapping;

const address: Kind = (i) => ({ kind: 'address', inside: INSIDES + i, outside: OUTSIDES + i });
const address6: Kind = (i) => ({
  kind: 'address',
  inside: INSIDES6 + BigInt(i),
  outside: OUTSIDES6 + BigInt(i),
});
const prefix: Kind = (i) => ({
  kind: 'prefix',
  inside: INSIDES + i * 16,
  outside: OUTSIDES + i * 16,
  length: 28,
});
/** 63 insides share an outside. */
const block: Kind = (i) => ({
  kind: 'port_block',
  inside: INSIDES + i,
  insidePort: BLOCK * (1 + (i % 63)),
  outside: OUTSIDES + Math.floor(i / 63),
  outsidePort: BLOCK * (1 + (i % 63)),
  ports: BLOCK,
});

/** Milliseconds, or microseconds for one mapping. */
interface Figures {
  readonly fill: number;
  readonly list: number;
  readonly replace: number;
  readonly one: number;
  readonly gone: number;
  /** Of this process, the most, in MB. */
  readonly memory: number;
}

const ms = (run: () => void): number => timed(run) / 1_000;

function measure(namespace: Namespace, kind: Kind, count: number, turns: number): Figures {
  const name = uniqueName('bench');
  ownFolder(`${PINS}/${name}`);
  const list = (from: number): Mapping[] => Array.from({ length: count }, (_, i) => kind(from + i));
  const mappings = list(0);
  const options = { interface: 'out0', name, netns: namespace.name, capacity: count + 1 };
  const fill = ms(() => attach({ ...options, mappings }));
  try {
    using instance: Instance = openInstance(name);
    const listing = ms(() => instance.listMappings());
    // Half of them stay.
    const other = list(Math.floor(count / 2));
    const replace = ms(() => instance.replaceMappings(other));
    const singles = { add: [] as number[], gone: [] as number[] };
    for (let turn = 0; turn < turns; turn++) {
      const one = kind(2 * count + turn);
      singles.add.push(timed(() => instance.addMappings([one])));
      singles.gone.push(timed(() => instance.deleteMappings([endpointOf(one, 'inside')])));
    }
    const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
    const memory = process.resourceUsage().maxRSS / 1_000;
    return { fill, list: listing, replace, one: median(singles.add), gone: median(singles.gone), memory };
  } finally {
    detach(name);
  }
}

export async function scale(addresses: number, others: number): Promise<Section> {
  const namespace = await Namespace.make('bench');
  await namespace.ip('link add out0 type veth peer name out1', 'link set out0 up', 'link set out1 up');
  const rows: Row[] = [];
  const data: { [what: string]: Figures } = {};
  try {
    // A prefix more is compared with all that is there.
    const kinds: [string, Kind, number, number][] = [
      ['IPv4 prefixes', prefix, others, 5],
      ['port blocks', block, others, 200],
      ['IPv6 addresses', address6, others, 200],
      ['IPv4 addresses', address, addresses, 200],
    ];
    for (const [what, kind, count, turns] of kinds) {
      const figures = measure(namespace, kind, count, turns);
      const { fill, list, replace, one, gone, memory } = figures;
      data[what] = figures;
      const shown = (value: number): string => `${value.toFixed(0)} ms`;
      rows.push({
        what: `${count.toLocaleString('en')} ${what}: attach; list; replace half; add one; delete one; memory`,
        ours: `${shown(fill)}; ${shown(list)}; ${shown(replace)}; ${one.toFixed(0)} us; ${gone.toFixed(0)} us; ${memory.toFixed(0)} MB`,
        peer: '',
        ratio: '',
      });
    }
    return { title: 'Large instances', rows, data };
  } finally {
    await namespace.remove();
  }
}
